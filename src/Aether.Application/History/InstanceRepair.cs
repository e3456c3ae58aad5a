using System.Collections.Concurrent;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Application.History;

/// <summary>
/// Compares how far an instance has come in all its channels with where their streams end, and repairs those that are
/// behind.
/// </summary>
internal static class InstanceRepair
{
    /// <summary>Of how many channels is asked at once.</summary>
    public const int ChannelsAtOnce = 500;
    private const int BatchesAtOnce = 4;
    private const int RepairsAtOnce = 16;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>Repairs the channels of these places.</summary>
    /// <param name="shared">What they share.</param>
    /// <param name="places">The places.</param>
    /// <param name="mayHaveGoneBack">
    /// Whether the store may have lost its newest messages, and given their numbers to others since: then the last one of
    /// each channel is compared with what is in the stream.
    /// </param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The channels of which something kept cannot be had, and the types.</returns>
    public static async Task<IReadOnlyDictionary<ChannelName, GapTypes>> RunAsync(
        HistoryServices shared,
        IReadOnlyList<ChannelPlace> places,
        bool mayHaveGoneBack,
        CancellationToken cancellationToken)
    {
        var behind = new ConcurrentBag<(ChannelPlace Place, Position End)>();
        await Parallel.ForEachAsync(
            places.Chunk(ChannelsAtOnce),
            new ParallelOptions { MaxDegreeOfParallelism = BatchesAtOnce, CancellationToken = cancellationToken },
            async (batch, cancel) =>
            {
                var before = Array.ConvertAll(batch, place => place.Last);
                var ends = await AskAsync(shared, batch, cancel).ConfigureAwait(false);
                for (int i = 0; i < batch.Length; i++)
                {
                    if (!before[i].IsEmpty && (IsBackBehind(before[i], ends[i]) || !HasReached(batch[i].Last, ends[i])
                        || (mayHaveGoneBack && batch[i].KnowsLast)))
                        behind.Add((batch[i], ends[i]));
                }
            }).ConfigureAwait(false);
        var lost = new ConcurrentDictionary<ChannelName, GapTypes>();
        await Parallel.ForEachAsync(
            behind,
            new ParallelOptions { MaxDegreeOfParallelism = RepairsAtOnce, CancellationToken = cancellationToken },
            async (one, cancel) =>
            {
                // One that was under way may have read before the end was where it is now.
                do
                {
                    var types = await one.Place.RepairAsync(mayHaveGoneBack).WaitAsync(cancel).ConfigureAwait(false);
                    if (types != GapTypes.None)
                        lost[one.Place.Name] = types;
                }
                while (!one.Place.IsClosed && one.Place.Last is var last && last.Epoch == one.End.Epoch
                    && last.Seq < one.End.Seq);
            }).ConfigureAwait(false);
        return lost;
    }

    /// <summary>Asks where the streams end, which also renews for how long that is remembered.</summary>
    public static async Task<IReadOnlyList<Position>> AskAsync(
        HistoryServices shared, IReadOnlyList<ChannelPlace> places, CancellationToken cancellationToken)
    {
        var names = places.Select(place => place.Name).ToArray();
        while (true)
        {
            var ends = await shared.Kept.Store.GetPositionsAsync(names, cancellationToken).ConfigureAwait(false);
            if (ends is not null)
                return ends;
            await Task.Delay(Pause, shared.Time, cancellationToken).ConfigureAwait(false);
        }
    }

    private static bool HasReached(Position last, Position end) => last.Epoch == end.Epoch && last.Seq >= end.Seq;

    // The store has lost its last messages, and will give their numbers again.
    private static bool IsBackBehind(Position before, Position end) =>
        before.Epoch == end.Epoch && end.Seq < before.Seq;
}
