using System.Globalization;
using System.Text.Json;
using Aether.Application.Pipeline;
using Aether.Domain;

namespace Aether.Application.Presence;

/// <summary>
/// Which members of a group are asked for, and in which order. Without any setting: the first 500 by client id.
/// </summary>
public sealed record RosterQuery
{
    /// <summary>The most members on one page.</summary>
    public const int MaxLimit = PageRules.MaxLimit;

    /// <summary>The most <see cref="State"/> filters; each one reads every member's state.</summary>
    public const int MaxFilters = 8;

    /// <summary>Only members of this role; <see langword="null"/>: of any.</summary>
    public Role? Role { get; init; }

    /// <summary>Only members whose state has all of these.</summary>
    public IReadOnlyList<StateFilter> State { get; init; } = [];

    /// <summary>By what they are sorted.</summary>
    public RosterSort Sort { get; init; }

    /// <summary>How many to leave out.</summary>
    public int Offset { get; init; }

    /// <summary>How many at most.</summary>
    public int Limit { get; init; } = MaxLimit;
}

/// <summary>What members can be sorted by.</summary>
public enum RosterOrder
{
    /// <summary>By client id, ordinal.</summary>
    ClientId,

    /// <summary>By when they came.</summary>
    JoinedAt,

    /// <summary>By their last sign of life.</summary>
    LastSeen,
}

/// <summary>An order, and its direction. What is equal in it is sorted by client id.</summary>
/// <param name="By">By what.</param>
/// <param name="Descending">Whether the greatest comes first.</param>
public readonly record struct RosterSort(RosterOrder By, bool Descending = false)
{
    /// <summary>What the text has to be.</summary>
    public const string Rule = "must be client_id, joined_at or last_seen, with - in front for the reverse";

    /// <summary>Reads <c>joined_at</c> or <c>-joined_at</c>.</summary>
    public static bool TryParse(string? text, out RosterSort sort)
    {
        bool descending = text is ['-', ..];
        RosterOrder? by = (descending ? text![1..] : text) switch
        {
            "client_id" => RosterOrder.ClientId,
            "joined_at" => RosterOrder.JoinedAt,
            "last_seen" => RosterOrder.LastSeen,
            _ => null,
        };
        sort = new RosterSort(by ?? default, descending);
        return by is not null;
    }
}

/// <summary>
/// Asks for members whose state has, at its top, a field of this value: a string that is equal, a number of the same
/// value (<c>0.5</c> is <c>0.50</c>), or <c>true</c> or <c>false</c>.
/// </summary>
/// <param name="Key">The field, by case; 1 to 64 characters.</param>
/// <param name="Value">Its value as text, at most 256 characters.</param>
public sealed record StateFilter(string Key, string Value)
{
    /// <summary>What a filter has to be.</summary>
    public const string Rule = "must be a key of 1 to 64 characters and a value of at most 256, 8 filters at most";

    private const int MaxKeyLength = 64;
    private const int MaxValueLength = 256;

    /// <summary>Whether key and value are within their limits.</summary>
    public bool IsValid => Key is { Length: >= 1 and <= MaxKeyLength } && Value is { Length: <= MaxValueLength };

    /// <summary>Whether a member's state fits.</summary>
    public bool Matches(Member member)
    {
        ArgumentNullException.ThrowIfNull(member);
        using var state = JsonDocument.Parse(member.State);
        return state.RootElement.TryGetProperty(Key, out var value) && value.ValueKind switch
        {
            JsonValueKind.String => value.ValueEquals(Value),
            JsonValueKind.Number => IsNumber(value),
            JsonValueKind.True => Value == "true",
            JsonValueKind.False => Value == "false",
            _ => false,
        };
    }

    private bool IsNumber(JsonElement value) =>
        value.TryGetDecimal(out decimal number)
        // The runtime lets zero characters follow a number.
        && !Value.Contains('\0', StringComparison.Ordinal)
        && decimal.TryParse(Value, NumberStyles.Float, CultureInfo.InvariantCulture, out decimal wanted)
            ? number == wanted
            // Beyond what a decimal holds only the same spelling is surely the same number.
            : value.GetRawText() == Value;
}
