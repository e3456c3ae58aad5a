using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Text.Json;
using Aether.Domain;
using Aether.Domain.Commands;

namespace Aether.Application.Wire;

/// <summary>The fields of a message that are objects themselves: how they are spelled and read.</summary>
internal static class MessageParts
{
    /// <summary>What <c>lease</c> has to be.</summary>
    public const string LeaseRule = "must be an object with name, of 1 to 64 of A-Z a-z 0-9 _ -, and term, a whole number from 1";

    /// <summary>What <c>execution</c> has to be.</summary>
    public const string ExecutionRule = "must be an object with command_id, attempt and deadline";

    /// <summary>The longest a lease is written.</summary>
    public static readonly int MaxLeaseBytes =
        LeaseName.Length + VisionId.MaxLength + Quotes + LeaseTerm.Length + "9007199254740991".Length + 1;

    /// <summary>The longest an execution is written.</summary>
    public static readonly int MaxExecutionBytes = ExecutionCommand.Length + ExecutionId.MaxCommandLength + Quotes
        + ExecutionAttempt.Length + "10".Length + ExecutionDeadline.Length + Timestamp.MaxBytes + Quotes + 1;

    private const int Quotes = 2;

    // What programs with doubles for numbers can hold.
    private const long MaxTerm = (1L << 53) - 1;

    public static ReadOnlySpan<byte> LeaseName => "{\"name\":"u8;

    public static ReadOnlySpan<byte> LeaseTerm => ",\"term\":"u8;

    public static ReadOnlySpan<byte> ExecutionCommand => "{\"command_id\":"u8;

    public static ReadOnlySpan<byte> ExecutionAttempt => ",\"attempt\":"u8;

    public static ReadOnlySpan<byte> ExecutionDeadline => ",\"deadline\":"u8;

    /// <summary>Reads a lease; what else the object holds is passed over.</summary>
    public static bool TryReadLease(ref Utf8JsonReader reader, out LeaseClaim claim)
    {
        claim = default;
        if (reader.TokenType != JsonTokenType.StartObject)
            return false;
        var (name, term) = (default(VisionId), 0L);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool isName = reader.ValueTextEquals("name"u8);
            bool isTerm = !isName && reader.ValueTextEquals("term"u8);
            reader.Read();
            bool isGood = isName ? name.IsEmpty && TryReadVisionId(ref reader, out name)
                : isTerm ? term == 0 && TryReadNumber(ref reader, MaxTerm, out term)
                : reader.TrySkip();
            if (!isGood)
                return false;
        }
        claim = new LeaseClaim(name, term);
        return !name.IsEmpty && term > 0;
    }

    /// <summary>The same of a document that was read already.</summary>
    public static bool TryReadLease(JsonElement value, out LeaseClaim claim)
    {
        var reader = new Utf8JsonReader(JsonMarshal.GetRawUtf8Value(value));
        reader.Read();
        return TryReadLease(ref reader, out claim);
    }

    /// <summary>Reads an execution; what else the object holds is passed over.</summary>
    public static bool TryReadExecution(ref Utf8JsonReader reader, [NotNullWhen(true)] out ExecutionAttempt? execution)
    {
        execution = null;
        if (reader.TokenType != JsonTokenType.StartObject)
            return false;
        string? command = null;
        long attempt = 0;
        DateTime? deadline = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool isCommand = reader.ValueTextEquals("command_id"u8);
            bool isAttempt = !isCommand && reader.ValueTextEquals("attempt"u8);
            bool isDeadline = !isCommand && !isAttempt && reader.ValueTextEquals("deadline"u8);
            reader.Read();
            bool isGood = isCommand ? command is null && TryReadCommandId(ref reader, out command)
                : isAttempt ? attempt == 0 && TryReadNumber(ref reader, CommandPlan.MaxAttempts, out attempt)
                : isDeadline ? deadline is null && TryReadTime(ref reader, out deadline)
                : reader.TrySkip();
            if (!isGood)
                return false;
        }
        if (command is null || attempt == 0 || deadline is null)
            return false;
        execution = new ExecutionAttempt(command, (int)attempt, deadline.Value);
        return true;
    }

    private static bool TryReadVisionId(ref Utf8JsonReader reader, out VisionId id)
    {
        id = default;
        return reader.TokenType == JsonTokenType.String && !reader.ValueIsEscaped
            && VisionId.TryParse(reader.ValueSpan, out id);
    }

    private static bool TryReadCommandId(ref Utf8JsonReader reader, out string? id)
    {
        id = reader.TokenType == JsonTokenType.String && !reader.ValueIsEscaped ? reader.GetString() : null;
        return ExecutionId.IsCommandId(id);
    }

    private static bool TryReadNumber(ref Utf8JsonReader reader, long most, out long number)
    {
        number = 0;
        return reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out number) && number >= 1 && number <= most;
    }

    private static bool TryReadTime(ref Utf8JsonReader reader, out DateTime? time)
    {
        time = reader.TokenType == JsonTokenType.String && Timestamp.TryRead(ref reader, out var read) ? read : null;
        return time is not null;
    }
}
