using System.Text;
using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;
using CsCheck;

namespace Aether.Tests.Unit;

/// <summary>What many tests start from.</summary>
internal static class Some
{
    public static readonly VisionId Client = VisionId.Parse("c1");
    public static readonly VisionId OtherClient = VisionId.Parse("c2");
    public static readonly VisionId Group = VisionId.Parse("g1");
    public static readonly VisionId OtherGroup = VisionId.Parse("g2");

    /// <summary>What lets a connection in that needs no credential.</summary>
    public static readonly Aether.Api.Access.Grant NoGrant =
        new("", new Access(Permissions.None));

    public static readonly Message Message = new()
    {
        Type = MessageType.Msg,
        Target = Target.Group,
        FromId = Client,
        GroupId = Group,
        Payload = "{}"u8.ToArray(),
        SentAt = new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc),
    };

    public static Sender Sender(Permissions permissions = Permissions.None, params VisionId[] groups) =>
        new(Client, Group, new Access(permissions, groups is [] ? null : groups));
}

/// <summary>A bus that answers as it is told, also later.</summary>
internal sealed class FakeBus(Func<Message, CancellationToken, ValueTask<PublishResult>> publish) : IMessageBus
{
    public string Description => "fake";

    public bool IsReady => true;

    public ValueTask<PublishResult> PublishAsync(
        ChannelName channel, Message message, CancellationToken cancellationToken) =>
        publish(message, cancellationToken);

    public Task<bool> SubscribeAsync(ChannelName channel, IMessageSink sink, CancellationToken cancellationToken) =>
        Task.FromResult(true);

    public Task UnsubscribeAsync(ChannelName channel, CancellationToken cancellationToken) => Task.CompletedTask;
}

/// <summary>Random messages, as wide as the protocol allows.</summary>
internal static class Generated
{
    public static readonly Gen<VisionId> Id =
        Gen.Char["ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"].Array[1, VisionId.MaxLength]
            .Select(chars => new string(chars))
            .Where(text => text != "aether")
            .Select(VisionId.Parse);

    /// <summary>Any text that UTF-8 can spell, rich in what JSON has to escape.</summary>
    public static readonly Gen<string> Text =
        Gen.Frequency(
                (4, Gen.Char[' ', '~'].Select(c => c.ToString())),
                (2, Gen.Char['\0', '\u001f'].Select(c => c.ToString())),
                (2, Gen.OneOf("\"", "\\", "/", "\u007f", "\u2028", "\ufeff", "\uffff", "😀", "{", "}", "\\ud83d")),
                (1, Gen.Int[0x80, 0xd7ff].Select(char.ConvertFromUtf32)),
                (1, Gen.Int[0xe000, 0x10ffff].Select(char.ConvertFromUtf32)))
            .Array[0, 40]
            .Select(string.Concat);

    private static readonly System.Text.Json.JsonSerializerOptions Relaxed =
        new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly Gen<string> MessageId =
        Gen.Char[' ', '~'].Array[1, 64].Select(chars => new string(chars));

    private static readonly Gen<string> Blank = Gen.OneOf("", "", "", " ", "\n", "\t\r ");

    private static readonly Gen<string> Scalar = Gen.OneOf(
        Gen.OneOf("null", "true", "false", "-0.0", "1e400", "9007199254740993", "1.50", "1E+2", "\"\"", "[]", "{}"),
        Gen.Long.Select(n => n.ToString(System.Globalization.CultureInfo.InvariantCulture)),
        Text.Select(Quoted),
        Text.Select(Escaped));

    public static readonly Gen<Message> Message = Gen.Select(
        Gen.Enum<MessageType>(),
        Gen.Enum<Target>(),
        Gen.Select(Id, Id, Id, Gen.Enum<Role>()),
        Gen.Select(Gen.Null(Text), Gen.Null(Text), Gen.Null(MessageId), Gen.Null(MessageId)),
        Object(3),
        Gen.Long[DateTime.MinValue.Ticks, DateTime.MaxValue.Ticks],
        Gen.Bool,
        (type, target, ids, texts, payload, ticks, addressed) => new Message
        {
            Type = type,
            Target = target,
            FromId = ids.Item1,
            ToId = addressed || target == Target.Direct ? ids.Item2 : default,
            GroupId = ids.Item3,
            Cmd = type == MessageType.Cmd && string.IsNullOrEmpty(texts.Item1) ? "go" : texts.Item1,
            Msg = texts.Item2,
            Payload = Encoding.UTF8.GetBytes(payload),
            SentAt = new DateTime(ticks, DateTimeKind.Utc),
            Id = texts.Item3,
            ReplyTo = texts.Item4,
            ToRole = target == Target.Role && ids.Item4 == Role.None ? Role.Worker : ids.Item4,
        });

    /// <summary>
    /// Ways to write a message as senders do: without what is empty, and with texts raw, in escapes, or in both.
    /// </summary>
    public static readonly Gen<Func<Message, string>> Spelling = Gen.Select(Gen.Int[0, 2], Gen.Bool, Blank, Spell);

    private static Func<Message, string> Spell(int texts, bool zone, string blank) => message =>
    {
        string Text(string text) => texts switch
        {
            0 => System.Text.Json.JsonSerializer.Serialize(text, Relaxed),
            1 => Escaped(text),
            _ => string.Concat("\"", string.Concat(text.Select(c => $"\\u{(int)c:x4}")), "\""),
        };
        var fields = new List<string>
        {
            $"\"msg_type\":\"{message.Type.ToString().ToLowerInvariant()}\"",
            $"\"target\":\"{message.Target.ToString().ToLowerInvariant()}\"",
            $"\"from_id\":{Text(message.FromId.Value)}",
            $"\"payload\":{Encoding.UTF8.GetString(message.Payload.Span)}",
            $"\"sent_at\":\"{message.SentAt.ToString("yyyy-MM-ddTHH:mm", System.Globalization.CultureInfo.InvariantCulture)}{(zone ? "Z" : "")}\"",
        };
        foreach (var (name, text) in (ReadOnlySpan<(string, string?)>)
            [("cmd", message.Cmd), ("msg", message.Msg), ("id", message.Id), ("reply_to", message.ReplyTo)])
        {
            if (text is not null)
                fields.Add($"\"{name}\":{Text(text)}");
        }
        if (!message.ToId.IsEmpty)
            fields.Add($"\"to_id\":{Text(message.ToId.Value)}");
        if (message.ToRole != Role.None)
            fields.Add($"\"to_role\":{Text(RoleNames.Of(message.ToRole))}");
        return "{" + blank + string.Join("," + blank, fields) + blank + "}";
    };

    private static Gen<string> Object(int depth) =>
        Gen.Select(Text.Select(Escaped), Blank, Value(depth), (name, blank, value) => $"{name}{blank}:{blank}{value}")
            .Array[0, 4]
            .Select(Blank, (members, blank) => "{" + blank + string.Join("," + blank, members) + blank + "}");

    private static Gen<string> Value(int depth) =>
        depth == 0
            ? Scalar
            : Gen.Frequency(
                (3, Scalar),
                (1, Object(depth - 1)),
                (1, Scalar.Array[0, 4].Select(Blank, (items, blank) => "[" + string.Join(blank + ",", items) + "]")));

    private static string Quoted(string text) => System.Text.Json.JsonSerializer.Serialize(text);

    /// <summary>JSON that spells every second character as an escape.</summary>
    private static string Escaped(string text)
    {
        var json = new StringBuilder("\"");
        for (int i = 0; i < text.Length; i++)
        {
            // Both halves of a pair or neither: a half beside a raw character would be a lone one.
            bool pair = char.IsHighSurrogate(text[i]);
            bool escape = i % 2 == 0 || text[i] < ' ' || text[i] is '"' or '\\';
            for (int end = pair ? i + 1 : i; i <= end; i++)
                json.Append(escape ? $"\\u{(int)text[i]:x4}" : text[i].ToString());
            i--;
        }
        return json.Append('"').ToString();
    }
}
