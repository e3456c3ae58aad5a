using Aether.Domain.Tokens;

namespace Aether.Application.Ports;

/// <summary>
/// What was revoked on the platform, in the order in which it was, for as long as a token can last. Adapters: Redis, and
/// memory for a single process. Never throws for a backplane that cannot be reached.
/// </summary>
internal interface IRevocationStore
{
    /// <summary>Adds one.</summary>
    /// <returns>What kept it from being added; <see langword="null"/>: it was.</returns>
    ValueTask<Rejection?> AddAsync(Revocation revocation, CancellationToken cancellationToken);

    /// <summary>Reads what was added since.</summary>
    /// <param name="after">Where the last read went to; empty: from the beginning.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns><see langword="null"/>: it cannot be read now.</returns>
    ValueTask<RevocationPage?> ReadAsync(string after, CancellationToken cancellationToken);

    /// <summary>
    /// Puts back what is known here, if the store has lost all of it: of several instances one does.
    /// </summary>
    ValueTask RestoreAsync(IReadOnlyList<Revocation> known, CancellationToken cancellationToken);
}

/// <summary>Some of what was revoked.</summary>
/// <param name="Revocations">What, the oldest first.</param>
/// <param name="Next">Where to go on.</param>
/// <param name="IsComplete">Whether nothing follows it yet.</param>
/// <param name="IsLost">Whether the store has nothing at all.</param>
internal sealed record RevocationPage(
    IReadOnlyList<Revocation> Revocations, string Next, bool IsComplete, bool IsLost);
