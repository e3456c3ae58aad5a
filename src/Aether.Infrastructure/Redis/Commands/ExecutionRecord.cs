using System.Globalization;
using System.Text.Json;
using Aether.Domain;
using Aether.Domain.Commands;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis.Commands;

/// <summary>An execution as the hash of its command holds it: a row, and what its member said in fields beside it.</summary>
/// <param name="Execution">What is to be known of it.</param>
/// <param name="LimitAt">When the member's time is over; 0: never.</param>
/// <param name="SendAgainAt">When it is sent again; 0: its sending is confirmed.</param>
/// <param name="Holder">The connection that has it.</param>
internal sealed record ExecutionRecord(ExecutionSummary Execution, long LimitAt, long SendAgainAt, string? Holder)
{
    /// <summary>How many values the scripts give of each.</summary>
    public const int Values = 6;

    private const int Words = 7;

    /// <summary>Reads one; nothing if it is none: anybody may write into the hash as well.</summary>
    public static ExecutionRecord? TryRead(ReadOnlySpan<RedisResult> values)
    {
        // The holder is what is left, whatever is in it.
        string[] words = ((string?)values[1] ?? "").Split(' ', Words + 1);
        Span<long> numbers = stackalloc long[Words - 1];
        if (words.Length < Words || !int.TryParse((string?)values[0], out int index))
            return null;
        for (int i = 0; i < numbers.Length; i++)
        {
            if (!TryRead(words[i], out numbers[i]))
                return null;
        }
        if (numbers[0] > (int)ExecutionStatus.Undeliverable || numbers[1] > int.MaxValue
            || !VisionId.TryParse(words[Words - 1], out var member))
            return null;
        return new ExecutionRecord(
            new ExecutionSummary(
                index,
                member,
                (ExecutionStatus)numbers[0],
                (int)numbers[1],
                (byte[]?)values[2],
                (byte[]?)values[3],
                ReadError((byte[]?)values[4]),
                ReadLate((byte[]?)values[5]),
                numbers[5],
                numbers[4]),
            numbers[2],
            numbers[3],
            words.Length > Words ? words[Words] : null);
    }

    /// <summary>Writes what went wrong; nothing is empty.</summary>
    public static ReadOnlyMemory<byte> Write(ExecutionError? error) =>
        error is null ? default : JsonSerializer.SerializeToUtf8Bytes(error);

    private static ExecutionError? ReadError(ReadOnlySpan<byte> json)
    {
        if (json.IsEmpty)
            return null;
        try
        {
            return JsonSerializer.Deserialize<ExecutionError>(json) is { Code: not null } error ? error : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Attempt, status, when and how long the result is; then that and the error.</summary>
    private static LateWord? ReadLate(ReadOnlySpan<byte> text)
    {
        Span<long> numbers = stackalloc long[4];
        for (int i = 0; i < numbers.Length; i++)
        {
            int space = text.IndexOf((byte)' ');
            if (space < 0 || !long.TryParse(text[..space], NumberStyles.None, CultureInfo.InvariantCulture, out numbers[i]))
                return null;
            text = text[(space + 1)..];
        }
        if (numbers[0] > int.MaxValue || numbers[1] > (int)ExecutionStatus.Undeliverable || numbers[3] > text.Length)
            return null;
        int length = (int)numbers[3];
        return new LateWord(
            (int)numbers[0], (ExecutionStatus)numbers[1], text[..length].ToArray(), ReadError(text[length..]), numbers[2]);
    }

    private static bool TryRead(string text, out long number) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
