using Aether.Application.Ports;
using Aether.Application.Presence;
using Aether.Domain.Tokens;

namespace Aether.Application.Tokens;

/// <summary>
/// What this instance knows of what was revoked. It reads on all the time, so that a revocation is known here although
/// nobody told of it, and before it lets anybody in: all who ask at a time share a read. What it knows it goes on to know
/// although the store has lost it, and puts it back for the others.
/// </summary>
internal sealed class Revocations
{
    private static readonly TimeSpan ForgetInterval = TimeSpan.FromMinutes(1);

    private readonly IRevocationStore store;
    private readonly TimeProvider time;
    private readonly Func<TokenOptions> options;
    private readonly RevokedTokens known;
    private readonly SharedRead<bool> reads;

    // Of the reads alone, of which there is one at a time.
    private string position = "";
    private long forgotAt;

    /// <summary>Knows nothing yet.</summary>
    /// <param name="store">What was revoked on the platform.</param>
    /// <param name="time">The clock.</param>
    /// <param name="options">How long tokens may last, as it is now.</param>
    public Revocations(IRevocationStore store, TimeProvider? time = null, Func<TokenOptions>? options = null)
    {
        (this.store, this.time) = (store, time ?? TimeProvider.System);
        var otherwise = new TokenOptions();
        this.options = options ?? (() => otherwise);
        known = new RevokedTokens(this.time);
        forgotAt = this.time.GetTimestamp();
        // Somebody waits at the door: the next read begins as soon as this one is over.
        reads = new SharedRead<bool>(ReadOnceAsync, this.time, restFactor: 0);
    }

    /// <summary>Raised when more became known.</summary>
    public event Action? Changed;

    /// <summary>
    /// For how long a revocation has to be known: a token that it is about may be issued a day later yet, by a clock that is
    /// ahead, lasts as long as one may, and is good a little longer.
    /// </summary>
    public TimeSpan Kept
    {
        get
        {
            var now = options();
            return now.MaxLifetime.Value + (2 * now.ClockSkew.Value) + Revocation.MaxAhead;
        }
    }

    /// <summary>How many are known.</summary>
    public int Count => known.Count;

    /// <summary>Whether a token is known to be revoked.</summary>
    public bool IsKnown(Token token) => known.Covers(token);

    /// <summary>Whether a token is revoked, whatever instance it was revoked on.</summary>
    /// <returns><see langword="null"/>: that cannot be found out now.</returns>
    public async ValueTask<bool?> AskAsync(Token token, CancellationToken cancellationToken)
    {
        if (IsKnown(token))
            return true;
        if (await ReadAsync(cancellationToken).ConfigureAwait(false))
            return IsKnown(token);
        // What was read before the read failed is known all the same.
        return IsKnown(token) ? true : null;
    }

    /// <summary>Reads what was revoked since, in a read that begins from now on.</summary>
    /// <returns>Whether all of it is known now.</returns>
    public async ValueTask<bool> ReadAsync(CancellationToken cancellationToken) =>
        await reads.GetAsync(cancellationToken).ConfigureAwait(false);

    /// <summary>Revokes, here at once.</summary>
    /// <returns>What kept it from being revoked; <see langword="null"/>: it is.</returns>
    public async ValueTask<Rejection?> RevokeAsync(Revocation revocation, CancellationToken cancellationToken)
    {
        if (await store.AddAsync(revocation, Kept, cancellationToken).ConfigureAwait(false) is { } rejection)
            return rejection;
        // Not only when it is read again: the store may lose it until then, and nobody would know of it.
        if (known.Add(revocation, isSeen: false))
            Changed?.Invoke();
        return null;
    }

    private async Task<bool> ReadOnceAsync()
    {
        var kept = Kept;
        if (time.GetElapsedTime(forgotAt) >= ForgetInterval)
        {
            known.Forget(kept);
            forgotAt = time.GetTimestamp();
        }
        bool isMore = false, isRestored = false;
        try
        {
            while (await store.ReadAsync(position, CancellationToken.None).ConfigureAwait(false) is { } page)
            {
                if (page.IsLost && position.Length > 0)
                {
                    position = "";
                    known.Doubt();
                    continue;
                }
                foreach (var one in page.Revocations)
                    isMore |= one.Age < kept && known.Add(one, isSeen: true);
                position = page.Next;
                if (!page.IsComplete)
                    continue;
                // Once: whoever was quicker has put it back, or it is tried with the next read.
                if (isRestored || known.FindUnseen(kept) is not { Count: > 0 } missing)
                    return true;
                await store.RestoreAsync(missing, position, kept, CancellationToken.None).ConfigureAwait(false);
                isRestored = true;
            }
            return false;
        }
        finally
        {
            if (isMore)
                Changed?.Invoke();
        }
    }
}
