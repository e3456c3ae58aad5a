using Aether.Domain;

namespace Aether.Application.Wire;

/// <summary>
/// How long a message may be. What one instance takes every other one delivers, however each is configured: a server
/// is told apart from its neighbours by what it takes from clients, never by what it hears from other instances.
/// </summary>
internal static class MessageSize
{
    /// <summary>The longest message that any instance may be configured to take from a client.</summary>
    public const int MaxAccepted = 16 * 1024 * 1024;

    /// <summary>
    /// How much longer than it was read a message may be written: all that is in it but its payload and the characters of
    /// its texts. Texts get no longer, for no escape that is written is longer than the ones that were read, and the
    /// payload is the same bytes.
    /// </summary>
    public static readonly int MaxGrowth = "{}".Length - ",".Length
        + WireNames.Fields.Values.Sum(static field => WireNames.Prefix(field).Length + MaxBytes(field));

    /// <summary>The longest message that an instance publishes, and so what each has to take from the backplane.</summary>
    public static readonly int MaxPublished = MaxAccepted + MaxGrowth;

    /// <summary>The most bytes that a field's value has when it is written, without the payload and a text's characters.</summary>
    private static int MaxBytes(MessageField field) => field switch
    {
        MessageField.Version => MessageWriter.Version.Length,
        MessageField.MsgType => Longest(WireNames.Types.Names) + Quotes,
        MessageField.Target => Longest(WireNames.Targets.Names) + Quotes,
        MessageField.FromId or MessageField.ToId or MessageField.GroupId => VisionId.MaxLength + Quotes,
        // Null, which is longer than the quotes of a text.
        MessageField.Cmd or MessageField.Msg => "null".Length,
        MessageField.Payload => 0,
        MessageField.SentAt => Timestamp.MaxBytes + Quotes,
        MessageField.Id or MessageField.ReplyTo => Quotes,
        MessageField.ToRole => Longest(WireNames.Roles.Names) + Quotes,
        MessageField.Lease => MessageParts.MaxLeaseBytes,
        MessageField.Execution => MessageParts.MaxExecutionBytes,
        MessageField.Pos => Position.MaxBytes + Quotes,
    };

    private const int Quotes = 2;

    private static int Longest(IEnumerable<string> names) => names.Max(static name => name.Length);
}
