using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Unicode;
using Aether.Domain;

namespace Aether.Application.Wire;

/// <summary>
/// Reads one message from JSON: one pass over the bytes, no document, and a payload that stays a slice of them. It
/// accepts exactly what section 2 of the protocol allows and knows field and rule of what it refuses.
/// </summary>
public static class MessageReader
{
    /// <summary>How deep objects and arrays may nest, the message itself included.</summary>
    public const int MaxDepth = 64;

    /// <summary>The longest <c>cmd</c>, in characters.</summary>
    public const int MaxCmdLength = 256;

    /// <summary>The longest <c>id</c> and <c>reply_to</c>, in characters.</summary>
    public const int MaxIdLength = 64;

    private const string IdRule = "must be 1 to 64 printable ASCII characters";
    private const string NoLoneSurrogate = "must not contain a lone surrogate";

    /// <summary>Reads a message.</summary>
    /// <param name="json">The bytes. The message's payload is a slice of them: never write to them again.</param>
    /// <param name="client">The client that is expected to have sent it; its id is then not built anew.</param>
    /// <param name="group">The group of a message that names none. Empty: it stays without.</param>
    /// <param name="message">The message, unless there is an error.</param>
    /// <param name="error">What is wrong, if anything.</param>
    public static bool TryRead(
        ReadOnlyMemory<byte> json,
        VisionId client,
        VisionId group,
        [NotNullWhen(true)] out Message? message,
        out MessageError error)
    {
        message = null;
        // The JSON reader takes broken UTF-8 inside strings; a frame's text was checked by the WebSocket, but what
        // comes from a backplane was not.
        if (!Utf8.IsValid(json.Span))
        {
            error = new("message", "must be UTF-8");
            return false;
        }
        var fields = new Fields(json, client);
        // One level more than is allowed, so that the reader here sees the 65th level and can name it; a document that
        // only breaks off at the 64th is refused for that.
        var reader = new Utf8JsonReader(json.Span, new JsonReaderOptions { MaxDepth = MaxDepth + 1 });
        try
        {
            if (!fields.Read(ref reader) || !fields.Check())
            {
                error = fields.Error with { Id = fields.Id };
                return false;
            }
        }
        catch (JsonException)
        {
            error = new("message", "must be exactly one JSON object", fields.Id);
            return false;
        }
        message = fields.ToMessage(group);
        error = default;
        return true;
    }

    [Flags]
    private enum Seen
    {
        None = 0,
        Version = 1,
        MsgType = 1 << 1,
        Target = 1 << 2,
        FromId = 1 << 3,
        ToId = 1 << 4,
        GroupId = 1 << 5,
        Cmd = 1 << 6,
        Msg = 1 << 7,
        Payload = 1 << 8,
        SentAt = 1 << 9,
        Id = 1 << 10,
        ReplyTo = 1 << 11,
    }

    /// <summary>The fields read so far, and the first thing that is wrong with them.</summary>
    private ref struct Fields(ReadOnlyMemory<byte> json, VisionId client)
    {
        private Seen seen;
        private MessageType type;
        private Target target;
        private VisionId fromId;
        private VisionId toId;
        private VisionId groupId;
        private string? cmd;
        private string? msg;
        private ReadOnlyMemory<byte> payload;
        private DateTime sentAt;
        private string? replyTo;

        public string? Id { get; private set; }

        public MessageError Error { get; private set; }

        public bool Read(ref Utf8JsonReader reader)
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
                return Fail("message", "must be exactly one JSON object");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (!IsSound(ref reader))
                    return Fail("message", NoLoneSurrogate);
                var field = FieldOf(ref reader);
                if ((seen & field) != 0)
                    return Fail(NameOf(field), "must not be given twice");
                seen |= field;
                reader.Read();
                if (!IsSound(ref reader))
                    return Fail(NameOf(field), NoLoneSurrogate);
                if (!ReadValue(field, ref reader))
                    return false;
            }
            // The object has ended; a last read makes the JSON reader refuse whatever follows it.
            return !reader.Read() || Fail("message", "must be exactly one JSON object");
        }

        public bool Check()
        {
            if (Missing() is { } field)
                return Fail(field, "is required");
            if (target == Target.Direct && toId.IsEmpty)
                return Fail("to_id", "is required for target direct");
            if (type == MessageType.Cmd && string.IsNullOrEmpty(cmd))
                return Fail("cmd", "is required for msg_type cmd");
            return true;
        }

        public readonly Message ToMessage(VisionId defaultGroup) => new()
        {
            Type = type,
            Target = target,
            FromId = fromId,
            ToId = toId,
            GroupId = groupId.IsEmpty ? defaultGroup : groupId,
            Cmd = cmd,
            Msg = msg,
            Payload = payload,
            SentAt = sentAt,
            Id = Id,
            ReplyTo = replyTo,
        };

        private readonly string? Missing() =>
            (seen & Seen.MsgType) == 0 ? "msg_type"
            : (seen & Seen.Target) == 0 ? "target"
            : (seen & Seen.FromId) == 0 ? "from_id"
            : (seen & Seen.Payload) == 0 ? "payload"
            : (seen & Seen.SentAt) == 0 ? "sent_at"
            : null;

        private bool ReadValue(Seen field, ref Utf8JsonReader reader) => field switch
        {
            Seen.Version => (reader.TokenType == JsonTokenType.String && reader.ValueTextEquals("3"u8))
                || Fail("version", "must be \"3\""),
            Seen.MsgType => ReadType(ref reader),
            Seen.Target => ReadTarget(ref reader),
            Seen.FromId => ReadSender(ref reader),
            Seen.ToId => ReadVisionId("to_id", ref reader, out toId),
            Seen.GroupId => ReadVisionId("group_id", ref reader, out groupId),
            Seen.Cmd => ReadCmd(ref reader),
            Seen.Msg => ReadText("msg", ref reader, out msg),
            Seen.Payload => ReadPayload(ref reader),
            Seen.SentAt => ReadSentAt(ref reader),
            Seen.Id => ReadId("id", ref reader, out string? id) && (Id = id) is not null,
            Seen.ReplyTo => ReadId("reply_to", ref reader, out replyTo),
            _ => SkipSoundly("message", ref reader),
        };

        private bool ReadType(ref Utf8JsonReader reader)
        {
            if (reader.TokenType == JsonTokenType.String)
            {
                if (reader.ValueTextEquals("msg"u8))
                    return Set(out type, MessageType.Msg);
                if (reader.ValueTextEquals("cmd"u8))
                    return Set(out type, MessageType.Cmd);
                if (reader.ValueTextEquals("heartbeat"u8))
                    return Set(out type, MessageType.Heartbeat);
                if (reader.ValueTextEquals("presence"u8))
                    return Set(out type, MessageType.Presence);
            }
            return Fail("msg_type", "must be msg, cmd, heartbeat or presence");
        }

        private bool ReadTarget(ref Utf8JsonReader reader)
        {
            if (reader.TokenType == JsonTokenType.String)
            {
                if (reader.ValueTextEquals("group"u8))
                    return Set(out target, Target.Group);
                if (reader.ValueTextEquals("direct"u8))
                    return Set(out target, Target.Direct);
                if (reader.ValueTextEquals("broadcast"u8))
                    return Set(out target, Target.Broadcast);
                if (reader.ValueTextEquals("echo"u8))
                    return Set(out target, Target.Echo);
            }
            return Fail("target", "must be direct, group, broadcast or echo");
        }

        private bool ReadSender(ref Utf8JsonReader reader)
        {
            if (reader.TokenType == JsonTokenType.String && !reader.ValueIsEscaped)
            {
                if (client.Is(reader.ValueSpan))
                    return Set(out fromId, client);
                if (VisionId.Server.Is(reader.ValueSpan))
                    return Set(out fromId, VisionId.Server);
                if (VisionId.TryParse(reader.ValueSpan, out fromId))
                    return true;
            }
            else if (reader.TokenType == JsonTokenType.String)
            {
                if (reader.ValueTextEquals("aether"u8))
                    return Set(out fromId, VisionId.Server);
                if (VisionId.TryParse(reader.GetString(), out fromId))
                    return true;
            }
            return Fail("from_id", VisionId.Rule);
        }

        private bool ReadVisionId(string field, ref Utf8JsonReader reader, out VisionId id)
        {
            id = default;
            if (reader.TokenType == JsonTokenType.Null)
                return true;
            if (reader.TokenType == JsonTokenType.String
                && (reader.ValueIsEscaped
                    ? VisionId.TryParse(reader.GetString(), out id)
                    : VisionId.TryParse(reader.ValueSpan, out id)))
                return true;
            return Fail(field, VisionId.Rule + ", or null");
        }

        private bool ReadCmd(ref Utf8JsonReader reader)
        {
            if (!ReadText("cmd", ref reader, out cmd))
                return false;
            // Characters as people and JSON Schema count them: code points, of which a string has at most its length.
            return cmd is not { Length: > MaxCmdLength } || cmd.EnumerateRunes().Count() <= MaxCmdLength
                || Fail("cmd", "must be at most 256 characters");
        }

        private bool ReadText(string field, ref Utf8JsonReader reader, out string? text)
        {
            text = null;
            if (reader.TokenType == JsonTokenType.Null)
                return true;
            if (reader.TokenType != JsonTokenType.String)
                return Fail(field, "must be a string or null");
            text = reader.GetString();
            return true;
        }

        private bool ReadPayload(ref Utf8JsonReader reader)
        {
            if (reader.TokenType != JsonTokenType.StartObject)
                return Fail("payload", "must be an object");
            int start = (int)reader.TokenStartIndex;
            if (!SkipSoundly("payload", ref reader))
                return false;
            payload = json[start..(int)reader.BytesConsumed];
            return true;
        }

        private bool ReadSentAt(ref Utf8JsonReader reader) =>
            (reader.TokenType == JsonTokenType.String && Timestamp.TryRead(ref reader, out sentAt))
            || Fail("sent_at", "must be an RFC 3339 time");

        private bool ReadId(string field, ref Utf8JsonReader reader, out string? id)
        {
            id = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
            if (id is { Length: >= 1 and <= MaxIdLength } && !id.AsSpan().ContainsAnyExceptInRange(' ', '~'))
                return true;
            id = null;
            return Fail(field, IdRule);
        }

        /// <summary>Moves to the last token of the value at hand, looking at every string on the way.</summary>
        private bool SkipSoundly(string field, ref Utf8JsonReader reader)
        {
            int depth = reader.CurrentDepth;
            while (true)
            {
                if (!IsSound(ref reader))
                    return Fail(field, NoLoneSurrogate);
                bool opens = reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray;
                if (opens && reader.CurrentDepth >= MaxDepth)
                    return Fail("message", "must not nest deeper than 64");
                if (reader.CurrentDepth == depth && !opens)
                    return true;
                reader.Read();
            }
        }

        private bool Fail(string field, string rule)
        {
            Error = new(field, rule);
            return false;
        }

        private static bool Set<T>(out T field, T value)
        {
            field = value;
            return true;
        }
    }

    private static Seen FieldOf(ref Utf8JsonReader reader)
    {
        if (reader.ValueTextEquals("version"u8))
            return Seen.Version;
        if (reader.ValueTextEquals("msg_type"u8))
            return Seen.MsgType;
        if (reader.ValueTextEquals("target"u8))
            return Seen.Target;
        if (reader.ValueTextEquals("from_id"u8))
            return Seen.FromId;
        if (reader.ValueTextEquals("to_id"u8))
            return Seen.ToId;
        if (reader.ValueTextEquals("group_id"u8))
            return Seen.GroupId;
        if (reader.ValueTextEquals("cmd"u8))
            return Seen.Cmd;
        if (reader.ValueTextEquals("msg"u8))
            return Seen.Msg;
        if (reader.ValueTextEquals("payload"u8))
            return Seen.Payload;
        if (reader.ValueTextEquals("sent_at"u8))
            return Seen.SentAt;
        if (reader.ValueTextEquals("id"u8))
            return Seen.Id;
        if (reader.ValueTextEquals("reply_to"u8))
            return Seen.ReplyTo;
        return Seen.None;
    }

    private static string NameOf(Seen field) => field switch
    {
        Seen.Version => "version",
        Seen.MsgType => "msg_type",
        Seen.Target => "target",
        Seen.FromId => "from_id",
        Seen.ToId => "to_id",
        Seen.GroupId => "group_id",
        Seen.Cmd => "cmd",
        Seen.Msg => "msg",
        Seen.Payload => "payload",
        Seen.SentAt => "sent_at",
        Seen.Id => "id",
        Seen.ReplyTo => "reply_to",
        _ => "message",
    };

    /// <summary>
    /// Whether a name or a string has no half of a surrogate pair in its escapes. The JSON reader lets those pass and
    /// then throws when somebody asks for the text.
    /// </summary>
    private static bool IsSound(ref Utf8JsonReader reader)
    {
        if (!reader.ValueIsEscaped || reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName))
            return true;
        var rest = reader.ValueSpan;
        bool afterHigh = false;
        while (true)
        {
            int at = rest.IndexOf((byte)'\\');
            if (at < 0)
                return !afterHigh;
            if (at > 0 && afterHigh)
                return false;
            if (rest[at + 1] != (byte)'u')
            {
                if (afterHigh)
                    return false;
                rest = rest[(at + 2)..];
                continue;
            }
            if (!Utf8Parser.TryParse(rest.Slice(at + 2, 4), out ushort unit, out _, 'X')
                || char.IsLowSurrogate((char)unit) != afterHigh)
                return false;
            afterHigh = char.IsHighSurrogate((char)unit);
            rest = rest[(at + 6)..];
        }
    }
}
