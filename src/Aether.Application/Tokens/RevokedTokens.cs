using System.Collections.Concurrent;
using Aether.Domain;
using Aether.Domain.Tokens;

namespace Aether.Application.Tokens;

/// <summary>
/// Which tokens are known to be revoked, and which of that the store was seen to have. Asking takes no lock.
/// </summary>
internal sealed class RevokedTokens(TimeProvider time)
{
    private readonly ConcurrentDictionary<string, Known> tokens = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<VisionId, Known> clients = new();
    private readonly Lock gate = new();
    private bool mayBeUnseen;

    /// <summary>How many there are.</summary>
    public int Count => tokens.Count + clients.Count;

    /// <summary>Whether a token is revoked. One that does not say when it was issued may be any of its client's.</summary>
    public bool Covers(Token token) =>
        (token.Id is { } id && tokens.ContainsKey(id))
        || (clients.TryGetValue(token.Subject, out var known)
            && (token.IssuedAt is not { } issued || issued < known.IssuedBefore));

    /// <summary>Adds one. Of a client only the newest time matters.</summary>
    /// <param name="one">What is revoked.</param>
    /// <param name="isSeen">Whether it was read from the store.</param>
    /// <returns>Whether more is revoked now than was before.</returns>
    public bool Add(Revocation one, bool isSeen)
    {
        var added = new Known(one.IssuedBefore, time.GetTimestamp() - (long)(one.Age.TotalSeconds * time.TimestampFrequency), isSeen);
        lock (gate)
        {
            if (one.TokenId is { } id)
            {
                bool isNew = !tokens.TryGetValue(id, out var known);
                tokens[id] = isNew ? added : known.With(added);
                mayBeUnseen |= isNew && !isSeen;
                return isNew;
            }
            else
            {
                bool isNew = !clients.TryGetValue(one.Subject, out var known);
                clients[one.Subject] = isNew ? added : known.With(added);
                bool isMore = isNew || added.IssuedBefore > known.IssuedBefore;
                mayBeUnseen |= isMore && !isSeen;
                return isMore;
            }
        }
    }

    /// <summary>The store has lost something: what it has is to be seen again.</summary>
    public void Doubt()
    {
        lock (gate)
        {
            mayBeUnseen = true;
            foreach (var (id, known) in tokens)
                tokens[id] = known with { IsSeen = false };
            foreach (var (client, known) in clients)
                clients[client] = known with { IsSeen = false };
        }
    }

    /// <summary>What the store was not seen to have, if it is not too old to matter.</summary>
    public IReadOnlyList<Revocation> FindUnseen(TimeSpan kept)
    {
        lock (gate)
        {
            if (!mayBeUnseen)
                return [];
            List<Revocation> unseen =
            [
                .. tokens.Where(static one => !one.Value.IsSeen)
                    .Select(one => Revocation.Of(one.Key) with { Age = AgeOf(one.Value) }),
                .. clients.Where(static one => !one.Value.IsSeen)
                    .Select(one => Revocation.Of(one.Key, one.Value.IssuedBefore) with { Age = AgeOf(one.Value) }),
            ];
            unseen.RemoveAll(one => one.Age >= kept);
            mayBeUnseen = unseen.Count > 0;
            return unseen;
        }
    }

    /// <summary>Lets go of what was revoked so long ago that no token of then can be good any more.</summary>
    public void Forget(TimeSpan kept)
    {
        lock (gate)
        {
            foreach (var (id, known) in tokens)
            {
                if (AgeOf(known) >= kept)
                    tokens.TryRemove(id, out _);
            }
            foreach (var (client, known) in clients)
            {
                if (AgeOf(known) >= kept)
                    clients.TryRemove(client, out _);
            }
        }
    }

    private TimeSpan AgeOf(Known known) => time.GetElapsedTime(known.At);

    /// <summary>A revocation: of a client the time that it is about, when it was, and whether the store has it.</summary>
    private readonly record struct Known(DateTime IssuedBefore, long At, bool IsSeen)
    {
        /// <summary>
        /// Both. Kept from the later one on, although it may be about less: a token that does not say when it was issued is
        /// revoked by any.
        /// </summary>
        public Known With(Known other) => new(
            IssuedBefore > other.IssuedBefore ? IssuedBefore : other.IssuedBefore,
            Math.Max(At, other.At),
            (IsSeen && IssuedBefore >= other.IssuedBefore) || (other.IsSeen && other.IssuedBefore >= IssuedBefore));
    }
}
