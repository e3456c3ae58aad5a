using System.Globalization;
using Aether.Application;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Domain.Tokens;

namespace Aether.Infrastructure.InMemory;

/// <summary>What was revoked within one process: numbered, and let go when it is too old to matter.</summary>
internal sealed class InMemoryRevocationStore(TimeProvider time) : IRevocationStore
{
    private const int PageSize = 1_000;

    private readonly Lock gate = new();
    private readonly List<(long Number, Revocation What, long At)> entries = [];
    private long last;

    public ValueTask<Rejection?> AddAsync(Revocation revocation, TimeSpan kept, CancellationToken cancellationToken)
    {
        lock (gate)
            Add(revocation, kept);
        return default;
    }

    public ValueTask<RevocationPage?> ReadAsync(string after, CancellationToken cancellationToken)
    {
        lock (gate)
        {
            int from = 0;
            if (after.Length > 0)
            {
                from = IndexOf(after) + 1;
                if (from == 0)
                    return new(RevocationPage.Lost);
            }
            var page = entries.GetRange(from, Math.Min(PageSize, entries.Count - from));
            return new(new RevocationPage(
                page.ConvertAll(one => one.What with { Age = time.GetElapsedTime(one.At) }),
                page.Count == 0 ? after : Text(page[^1].Number),
                IsComplete: from + page.Count == entries.Count,
                IsLost: false));
        }
    }

    public ValueTask RestoreAsync(
        IReadOnlyList<Revocation> missing, string after, TimeSpan kept, CancellationToken cancellationToken)
    {
        lock (gate)
        {
            if (after != (entries.Count == 0 ? "" : Text(last)))
                return default;
            foreach (var one in missing)
                Add(one, kept);
        }
        return default;
    }

    private void Add(Revocation revocation, TimeSpan kept)
    {
        long at = time.GetTimestamp() - (long)(revocation.Age.TotalSeconds * time.TimestampFrequency);
        // In the order in which they were added, as in a stream: one that was put back waits for those in front of it.
        int old = 0;
        while (old < entries.Count && time.GetElapsedTime(entries[old].At) >= kept)
            old++;
        entries.RemoveRange(0, old);
        entries.Add((++last, revocation, at));
    }

    // The numbers have no holes.
    private int IndexOf(string position) =>
        Digits.TryParse(position, out long number)
        && entries.Count > 0 && number >= entries[0].Number && number <= last
            ? (int)(number - entries[0].Number)
            : -1;

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
