using System.Buffers.Binary;
using System.Text;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Application.Delivery;

/// <summary>
/// One WebSocket frame as it goes to a client: header and content in one array. It is made once per message and
/// instance, never written to again, and shared by all who receive it.
/// </summary>
internal class Frame
{
    private const byte Text = 0x81;
    private const byte Close = 0x88;
    private const byte Ping = 0x89;

    private Frame(byte[] bytes)
    {
        Bytes = bytes;
        IsClose = bytes[0] == Close;
    }

    /// <summary>Creates the frame of a message.</summary>
    private protected Frame(Message message)
        : this(WithHeader(Text, MessageWriter.WriteToScratch(message)))
    {
        FromId = message.FromId;
        OnlyGroup = message.OnlyGroup;
        OnlyRole = message.OnlyRole;
        OnlyFull = message.Type == MessageType.Presence;
        OnlyOthers = message is { Type: MessageType.Presence, Cmd: "join" };
        OnlySome = OnlyFull || !OnlyGroup.IsEmpty || OnlyRole != Role.None;
    }

    /// <summary>A ping without content.</summary>
    public static Frame KeepAlive { get; } = new([Ping, 0]);

    /// <summary>The bytes on the wire.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>The bytes on the wire without the header.</summary>
    public ReadOnlyMemory<byte> Content => Bytes[(Bytes.Span[1] switch { 127 => 10, 126 => 4, _ => 2 })..];

    /// <summary>Whether it is a text frame.</summary>
    public bool IsText => Bytes.Span[0] == Text;

    /// <summary>Who sent the message; empty for frames that are none.</summary>
    public VisionId FromId { get; }

    /// <summary>The only group whose connections get it; empty: whoever hears the channel.</summary>
    public VisionId OnlyGroup { get; }

    /// <summary>The only role whose connections get it; none: whatever role they have.</summary>
    public Role OnlyRole { get; }

    /// <summary>Whether it is not for all who hear the channel: what a connection is decides.</summary>
    public bool OnlySome { get; }

    /// <summary>Whether it is for connections of the full profile only.</summary>
    public bool OnlyFull { get; }

    /// <summary>
    /// Whether it is for others than the client it is from: that a client came is news to everybody but itself, and
    /// whether it would hear it hung on what its instance did first.
    /// </summary>
    public bool OnlyOthers { get; }

    /// <summary>Whether it is a close frame: the last one that a connection sends.</summary>
    public bool IsClose { get; private init; }

    /// <summary>Whether it is one of WebSocket's own: a ping, a pong or a close.</summary>
    public bool IsControl => (Bytes.Span[0] & 0x08) != 0;

    /// <summary>The frame of a message.</summary>
    public static Frame Of(Message message)
    {
        ArgumentNullException.ThrowIfNull(message);
        return message.Position.IsEmpty ? new Frame(message) : new KeptFrame(message);
    }

    /// <summary>A text frame that is no message: what the legacy endpoints speak.</summary>
    public static Frame OfText(ReadOnlySpan<byte> utf8) => new(WithHeader(Text, utf8));

    /// <summary>
    /// A frame that the WebSocket has written itself: a pong, or the close that answers a protocol error.
    /// </summary>
    public static Frame OfRaw(ReadOnlySpan<byte> bytes) =>
        new(bytes.ToArray()) { IsClose = bytes is [Close, ..] };

    /// <summary>The close frame for a reason.</summary>
    public static Frame OfClose(CloseReason reason)
    {
        Span<byte> content = stackalloc byte[2 + CloseReason.MaxTextBytes];
        BinaryPrimitives.WriteUInt16BigEndian(content, reason.Code);
        int length = 2 + Encoding.UTF8.GetBytes(reason.Text, content[2..]);
        return new Frame(WithHeader(Close, content[..length])) { IsClose = true };
    }

    private static byte[] WithHeader(byte first, ReadOnlySpan<byte> content)
    {
        int header = content.Length switch
        {
            < 126 => 2,
            <= ushort.MaxValue => 4,
            _ => 10,
        };
        byte[] bytes = GC.AllocateUninitializedArray<byte>(header + content.Length);
        bytes[0] = first;
        switch (header)
        {
            case 2:
                bytes[1] = (byte)content.Length;
                break;
            case 4:
                bytes[1] = 126;
                BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(2), (ushort)content.Length);
                break;
            default:
                bytes[1] = 127;
                BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(2), (ulong)content.Length);
                break;
        }
        content.CopyTo(bytes.AsSpan(header));
        return bytes;
    }
}
