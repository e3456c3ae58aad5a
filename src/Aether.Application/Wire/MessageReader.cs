using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Unicode;
using Aether.Domain;

namespace Aether.Application.Wire;

/// <summary>
/// Reads one message from JSON: one pass over the bytes, no document, and a payload that stays a slice of them. It
/// accepts exactly what the protocol allows and knows field and rule of what it refuses.
/// </summary>
internal static partial class MessageReader
{
    /// <summary>How deep objects and arrays may nest, the message itself included.</summary>
    public const int MaxDepth = 64;

    /// <summary>The longest <c>cmd</c>, in characters.</summary>
    public const int MaxCmdLength = 256;

    /// <summary>The longest <c>id</c> and <c>reply_to</c>, in characters.</summary>
    public const int MaxIdLength = 64;

    /// <summary>What an <c>id</c> has to be.</summary>
    public const string IdRule = "must be 1 to 64 printable ASCII characters";

    private const string IdOrNull = VisionId.Rule + ", or null";
    private const string NoLoneSurrogate = "must not contain a lone surrogate";

    /// <summary>Reads a message.</summary>
    /// <param name="json">The bytes. The message's payload is a slice of them: never write to them again.</param>
    /// <param name="client">The client that is expected to have sent it; its id is then not built anew.</param>
    /// <param name="group">The group of a message that names none. Empty: it stays without.</param>
    /// <param name="message">The message, unless there is an error.</param>
    /// <param name="error">What is wrong, if anything.</param>
    /// <param name="origin">Where it comes from.</param>
    public static bool TryRead(
        ReadOnlyMemory<byte> json,
        VisionId client,
        VisionId group,
        [NotNullWhen(true)] out Message? message,
        out MessageError error,
        MessageOrigin origin = MessageOrigin.Host)
    {
        message = null;
        // The JSON reader takes broken UTF-8 inside strings; a frame's text was checked by the WebSocket, but what
        // comes from a backplane was not.
        if (!Utf8.IsValid(json.Span))
        {
            error = new("message", "must be UTF-8");
            return false;
        }
        var fields = new Fields(json, client, origin);
        // One level more than is allowed, so that the reader here sees the 65th level and can name it; a document that
        // only breaks off at the 64th is refused for that.
        var reader = new Utf8JsonReader(json.Span, new JsonReaderOptions { MaxDepth = MaxDepth + 1 });
        try
        {
            if (!fields.Read(ref reader) || !fields.Check())
            {
                error = fields.Error with { Id = fields.Id ?? FindId(json.Span) };
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

    /// <summary>Whether a text can be the id of a message.</summary>
    public static bool IsId([NotNullWhen(true)] string? text) =>
        text is { Length: >= 1 and <= MaxIdLength } && !text.AsSpan().ContainsAnyExceptInRange(' ', '~');

    /// <summary>
    /// Whether bytes are exactly one JSON object as a message may hold: in UTF-8, no deeper than one, and without half a
    /// surrogate pair in any name or text.
    /// </summary>
    public static bool TryReadObject(ReadOnlyMemory<byte> json, out MessageError error)
    {
        error = new("message", "must be exactly one JSON object in UTF-8");
        if (!Utf8.IsValid(json.Span))
            return false;
        var reader = new Utf8JsonReader(json.Span, new JsonReaderOptions { MaxDepth = MaxDepth });
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
                return false;
            do
            {
                if (!IsSound(ref reader))
                {
                    error = new("message", NoLoneSurrogate);
                    return false;
                }
            }
            while (reader.Read());
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    // One bit for each field.
    private static readonly int Required =
        WireNames.Fields.Values.Where(WireNames.IsRequired).Aggregate(0, static (all, field) => all | Bit(field));

    private static int Bit(MessageField field) => 1 << (int)field;

    /// <summary>The fields read so far, and the first thing that is wrong with them.</summary>
    private ref struct Fields(ReadOnlyMemory<byte> json, VisionId client, MessageOrigin origin)
    {
        private int seen;
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
        private Role toRole;
        private LeaseClaim? lease;
        private ExecutionAttempt? execution;
        private Position position;

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
                if (!TryFindField(ref reader, out var field))
                {
                    if (!SkipUnknown(ref reader))
                        return false;
                    continue;
                }
                if ((seen & Bit(field)) != 0)
                    return Fail(field, "must not be given twice");
                seen |= Bit(field);
                reader.Read();
                if (!IsSound(ref reader))
                    return Fail(field, NoLoneSurrogate);
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
                return Fail(MessageField.ToId, "is required for target direct");
            if (target == Target.Role && toRole == Role.None)
                return Fail(MessageField.ToRole, "is required for target role");
            if (type == MessageType.Cmd && string.IsNullOrEmpty(cmd))
                return Fail(MessageField.Cmd, "is required for msg_type cmd");
            if (toId == VisionId.Server && !IsForTheServer)
                return Fail(MessageField.ToId, IdOrNull);
            if (!position.IsEmpty && !MayBeKept)
                return Fail(MessageField.Pos, "must not be on a message that is never kept");
            return true;
        }

        private readonly bool IsForTheServer =>
            origin == MessageOrigin.Client && type == MessageType.Cmd && target == Target.Direct;

        private readonly bool MayBeKept => type is MessageType.Msg or MessageType.Cmd && target != Target.Echo;

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
            ToRole = toRole,
            Lease = lease,
            Execution = execution,
            Position = position,
        };

        private readonly MessageField? Missing()
        {
            if ((seen & Required) == Required)
                return null;
            foreach (var field in WireNames.Fields.Values)
            {
                if ((Required & ~seen & Bit(field)) != 0)
                    return field;
            }
            return null;
        }

        private bool TryFindField(ref Utf8JsonReader reader, out MessageField field) =>
            WireNames.Fields.TryFind(ref reader, out field)
            && (field is not (MessageField.Pos or MessageField.Execution) || origin == MessageOrigin.Backplane);

        private bool SkipUnknown(ref Utf8JsonReader reader)
        {
            reader.Read();
            return SkipSoundly(null, ref reader);
        }

        private bool ReadValue(MessageField field, ref Utf8JsonReader reader) => field switch
        {
            MessageField.Version => (reader.TokenType == JsonTokenType.String && reader.ValueTextEquals("3"u8))
                || Fail(field, "must be \"3\""),
            MessageField.MsgType => ReadName(field, WireNames.Types, ref reader, out type),
            MessageField.Target => ReadName(field, WireNames.Targets, ref reader, out target),
            MessageField.FromId => ReadSender(ref reader),
            MessageField.ToId => ReadReceiver(ref reader),
            MessageField.GroupId => ReadVisionId(field, ref reader, out groupId),
            MessageField.Cmd => ReadCmd(ref reader),
            MessageField.Msg => ReadText(field, ref reader, out msg),
            MessageField.Payload => ReadPayload(ref reader),
            MessageField.SentAt => ReadSentAt(ref reader),
            MessageField.Id => ReadId(field, ref reader, out string? id) && (Id = id) is not null,
            MessageField.ReplyTo => ReadId(field, ref reader, out replyTo),
            MessageField.ToRole => ReadName(field, WireNames.Roles, ref reader, out toRole),
            MessageField.Lease => ReadLease(ref reader),
            MessageField.Execution => ReadExecution(ref reader),
            MessageField.Pos => ReadPosition(ref reader),
        };

        private bool ReadName<T>(MessageField field, NameTable<T> names, ref Utf8JsonReader reader, out T value)
            where T : struct, Enum
        {
            value = default;
            return (reader.TokenType == JsonTokenType.String && names.TryFind(ref reader, out value))
                || Fail(field, names.Rule);
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
            return Fail(MessageField.FromId, VisionId.Rule);
        }

        private bool ReadReceiver(ref Utf8JsonReader reader)
        {
            if (reader.TokenType == JsonTokenType.String && reader.ValueTextEquals("aether"u8))
                return Set(out toId, VisionId.Server);
            return ReadVisionId(MessageField.ToId, ref reader, out toId);
        }

        private bool ReadPosition(ref Utf8JsonReader reader) =>
            (reader.TokenType == JsonTokenType.String && Position.TryParse(reader.GetString(), out position)
                && position.Seq > 0)
            || Fail(MessageField.Pos, Position.Rule);

        private bool ReadLease(ref Utf8JsonReader reader)
        {
            var whole = reader;
            if (!MessageParts.TryReadLease(ref reader, out var claim))
                return FailPart(MessageField.Lease, MessageParts.LeaseRule, ref whole);
            lease = claim;
            return true;
        }

        private bool ReadExecution(ref Utf8JsonReader reader)
        {
            var whole = reader;
            return MessageParts.TryReadExecution(ref reader, out execution)
                || FailPart(MessageField.Execution, MessageParts.ExecutionRule, ref whole);
        }

        // A document that breaks off is no message, whatever field it is in when it does.
        private bool FailPart(MessageField field, string rule, ref Utf8JsonReader part) =>
            SkipSoundly(field, ref part) && Fail(field, rule);

        private bool ReadVisionId(MessageField field, ref Utf8JsonReader reader, out VisionId id)
        {
            id = default;
            if (reader.TokenType == JsonTokenType.Null)
                return true;
            if (reader.TokenType == JsonTokenType.String
                && (reader.ValueIsEscaped
                    ? VisionId.TryParse(reader.GetString(), out id)
                    : VisionId.TryParse(reader.ValueSpan, out id)))
                return true;
            return Fail(field, IdOrNull);
        }

        private bool ReadCmd(ref Utf8JsonReader reader)
        {
            if (!ReadText(MessageField.Cmd, ref reader, out cmd))
                return false;
            // Characters as people and JSON Schema count them: code points, of which a string has at most its length.
            return cmd is not { Length: > MaxCmdLength } || cmd.EnumerateRunes().Count() <= MaxCmdLength
                || Fail(MessageField.Cmd, "must be at most 256 characters");
        }

        private bool ReadText(MessageField field, ref Utf8JsonReader reader, out string? text)
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
                return Fail(MessageField.Payload, "must be an object");
            int start = (int)reader.TokenStartIndex;
            if (!SkipSoundly(MessageField.Payload, ref reader))
                return false;
            payload = json[start..(int)reader.BytesConsumed];
            return true;
        }

        private bool ReadSentAt(ref Utf8JsonReader reader) =>
            (reader.TokenType == JsonTokenType.String && Timestamp.TryRead(ref reader, out sentAt))
            || Fail(MessageField.SentAt, Timestamp.Rule);

        private bool ReadId(MessageField field, ref Utf8JsonReader reader, out string? id)
        {
            id = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
            if (IsId(id))
                return true;
            id = null;
            return Fail(field, IdRule);
        }

        /// <summary>Moves to the last token of the value at hand, looking at every string on the way.</summary>
        private bool SkipSoundly(MessageField? field, ref Utf8JsonReader reader)
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

        private bool Fail(MessageField? field, string rule) =>
            Fail(field is { } known ? WireNames.Fields[known] : "message", rule);

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
}
