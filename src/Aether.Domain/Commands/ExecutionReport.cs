namespace Aether.Domain.Commands;

/// <summary>What a member says of its execution.</summary>
public sealed record ExecutionReport
{
    /// <summary>The longest <see cref="Progress"/>, in bytes.</summary>
    public const int MaxProgressBytes = 2_048;

    /// <summary>The longest <see cref="Result"/>, in bytes.</summary>
    public const int MaxResultBytes = 16_384;

    /// <summary>
    /// How many levels <see cref="Progress"/> and <see cref="Result"/> may have: the answer that tells of a late word has five
    /// around them, and no message has more than 64.
    /// </summary>
    internal const int MaxDepth = 59;

    private readonly ExecutionStatus status;

    /// <summary>Which of the command's executions.</summary>
    public required int Index { get; init; }

    /// <summary>Who says so.</summary>
    public required VisionId Member { get; init; }

    /// <summary>
    /// Which of the member's connections says so, by a name that is unique among all: the first one that speaks has it.
    /// </summary>
    public required string By { get; init; }

    /// <summary>Of which attempt.</summary>
    public required int Attempt { get; init; }

    /// <summary>How far it is.</summary>
    /// <exception cref="ArgumentException">It is nothing that a member can say.</exception>
    public required ExecutionStatus Status
    {
        get => status;
        init => status = value.CanBeSaid()
            ? value
            : throw new ArgumentException("is nothing that a member can say", nameof(value));
    }

    /// <summary>How far in detail: a JSON object in UTF-8; empty: not said.</summary>
    public ReadOnlyMemory<byte> Progress { get; init; }

    /// <summary>What came of it: a JSON object in UTF-8; empty: not said.</summary>
    public ReadOnlyMemory<byte> Result { get; init; }

    /// <summary>What went wrong.</summary>
    public ExecutionError? Error { get; init; }
}

/// <summary>What went wrong at a member, in its own words.</summary>
/// <param name="Code">For programs.</param>
/// <param name="Message">For people.</param>
public sealed record ExecutionError(string Code, string? Message)
{
    /// <summary>The longest <see cref="Code"/>, in characters.</summary>
    public const int MaxCodeLength = 64;

    /// <summary>The longest <see cref="Message"/>, in characters.</summary>
    public const int MaxMessageLength = 1_024;
}

/// <summary>A word that came too late to change anything.</summary>
/// <param name="Attempt">Of which attempt.</param>
/// <param name="Status">How that ended.</param>
/// <param name="Result">What came of it; empty: not said.</param>
/// <param name="Error">What went wrong.</param>
/// <param name="At">When it came, in Unix ms by the store's clock.</param>
public sealed record LateWord(
    int Attempt, ExecutionStatus Status, ReadOnlyMemory<byte> Result, ExecutionError? Error, long At);
