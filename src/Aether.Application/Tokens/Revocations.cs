using System.Collections.Concurrent;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Domain.Tokens;

namespace Aether.Application.Tokens;

/// <summary>
/// What this instance knows of what was revoked. It reads on all the time, so that a revocation is known here although
/// nobody told of it, and before it lets anybody in.
/// </summary>
internal sealed class Revocations(IRevocationStore store) : IDisposable
{
    private readonly ConcurrentDictionary<string, byte> tokens = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<VisionId, DateTime> clients = new();
    private readonly SemaphoreSlim reading = new(1);
    private string position = "";

    /// <summary>Raised when more became known.</summary>
    public event Action? Changed;

    /// <summary>Whether a token is known to be revoked.</summary>
    public bool IsKnown(Token token) =>
        (token.Id is { } id && tokens.ContainsKey(id))
        || (clients.TryGetValue(token.Subject, out var before)
            && Revocation.Of(token.Subject, before).Covers(token));

    /// <summary>Whether a token is revoked, whatever instance it was revoked on.</summary>
    /// <returns><see langword="null"/>: that cannot be found out now.</returns>
    public async ValueTask<bool?> AskAsync(Token token, CancellationToken cancellationToken)
    {
        if (IsKnown(token))
            return true;
        return await ReadAsync(cancellationToken).ConfigureAwait(false) ? IsKnown(token) : null;
    }

    /// <summary>Reads what was revoked since.</summary>
    /// <returns>Whether all of it is known now.</returns>
    public async ValueTask<bool> ReadAsync(CancellationToken cancellationToken)
    {
        await reading.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            while (await store.ReadAsync(position, cancellationToken).ConfigureAwait(false) is { } page)
            {
                foreach (var one in page.Revocations)
                    Add(one);
                position = page.Next;
                if (page.Revocations.Count > 0)
                    Changed?.Invoke();
                if (page.IsComplete)
                    return true;
            }
            return false;
        }
        finally
        {
            reading.Release();
        }
    }

    public void Dispose() => reading.Dispose();

    private void Add(Revocation one)
    {
        if (one.TokenId is { } id)
            tokens[id] = 0;
        else
            clients.AddOrUpdate(
                one.Subject,
                one.IssuedBefore,
                (_, known) => known > one.IssuedBefore ? known : one.IssuedBefore);
    }
}
