using Aether.Domain.Tokens;

namespace Aether.Application.Ports;

/// <summary>
/// What was revoked on the platform, in the order in which it was, for as long as a token can last. Adapters: Redis, and
/// memory for a single process. Never throws for a backplane that cannot be reached.
/// </summary>
internal interface IRevocationStore
{
    /// <summary>Adds one.</summary>
    /// <param name="revocation">What is revoked.</param>
    /// <param name="kept">For how long it has to be known.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>What kept it from being added; <see langword="null"/>: it was.</returns>
    ValueTask<Rejection?> AddAsync(Revocation revocation, TimeSpan kept, CancellationToken cancellationToken);

    /// <summary>Reads what was added since.</summary>
    /// <param name="after">Where the last read went to; empty: from the beginning.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns><see langword="null"/>: it cannot be read now.</returns>
    ValueTask<RevocationPage?> ReadAsync(string after, CancellationToken cancellationToken);

    /// <summary>
    /// Puts back what is known here and the store has lost, unless something was added to it behind
    /// <paramref name="after"/>: of several instances one does, and the others find it there.
    /// </summary>
    /// <param name="missing">What, as old as it is.</param>
    /// <param name="after">Where the last read went to, with nothing behind it.</param>
    /// <param name="kept">For how long it has to be known.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    ValueTask RestoreAsync(
        IReadOnlyList<Revocation> missing, string after, TimeSpan kept, CancellationToken cancellationToken);
}

/// <summary>Some of what was revoked.</summary>
/// <param name="Revocations">What, the oldest first, and how long ago.</param>
/// <param name="Next">Where to go on.</param>
/// <param name="IsComplete">Whether nothing follows it yet.</param>
/// <param name="IsLost">
/// Whether the last of what was read before is not there any more: the store was emptied, or has gone back, or it was too
/// old. What is there has to be read from the beginning; this page has nothing of it.
/// </param>
internal sealed record RevocationPage(
    IReadOnlyList<Revocation> Revocations, string Next, bool IsComplete, bool IsLost)
{
    /// <summary>What was read before is not there any more.</summary>
    public static RevocationPage Lost { get; } = new([], "", IsComplete: false, IsLost: true);
}
