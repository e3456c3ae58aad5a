using Aether.Application.Delivery;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Application.History;

/// <summary>
/// Reads what an instance missed of a channel and delivers it ahead of what came since. The one way in which anything is
/// repaired, whatever was the reason.
/// </summary>
internal static class ChannelRepair
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Begins one, which tells the connections of the channel itself what cannot be had. Only under the place's lock.
    /// </summary>
    /// <param name="place">The place.</param>
    /// <param name="pending">What has to be through before anything else is delivered.</param>
    /// <param name="mustRead">Whether something is known to be missing.</param>
    public static void Start(ChannelPlace place, ValueTask pending, bool mustRead)
    {
        var before = pending.AsTask();
        place.TryBeginRepair(() => RunAndTellAsync(place, before, mustRead), out _);
    }

    /// <summary>Begins one for somebody who tells what cannot be had. Only under the place's lock.</summary>
    /// <param name="place">The place.</param>
    /// <param name="mayHaveGoneBack">
    /// Whether the store may have lost its newest messages, and given their numbers to others since.
    /// </param>
    public static Task<GapTypes> Run(ChannelPlace place, bool mayHaveGoneBack)
    {
        place.TryBeginRepair(
            () => RunAsync(place, Task.CompletedTask, mustRead: true, mayHaveGoneBack), out var going);
        return going;
    }

    private static async Task<GapTypes> RunAndTellAsync(ChannelPlace place, Task pending, bool mustRead)
    {
        var since = place.Shared.Time.GetUtcNow().UtcDateTime - place.SinceLast;
        var lost = await RunAsync(place, pending, mustRead, mayHaveGoneBack: false).ConfigureAwait(false);
        if (lost != GapTypes.None)
            Gaps.Tell(place.Shared.Loops, place.Shared.Messages, place.Receivers, since, _ => lost);
        return GapTypes.None;
    }

    private static async Task<GapTypes> RunAsync(
        ChannelPlace place, Task pending, bool mustRead, bool mayHaveGoneBack)
    {
        try
        {
            await pending.ConfigureAwait(false);
            return await RunToTheEndAsync(place, mustRead, mayHaveGoneBack).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // A channel that is held for ever would be worse, whatever it was.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            place.Shared.Logger?.RepairFailed(fault.GetType().Name);
            return place.Abandon();
        }
    }

    private static async Task<GapTypes> RunToTheEndAsync(ChannelPlace place, bool mustRead, bool mayHaveGoneBack)
    {
        var lost = GapTypes.None;
        long readAfter = 0;
        while (true)
        {
            if (mustRead)
            {
                var (missing, mark) = await ReadToTheEndAsync(place, mayHaveGoneBack).ConfigureAwait(false);
                mayHaveGoneBack = false;
                lost |= missing;
                readAfter = mark;
            }
            var next = place.Flush(readAfter, out var puts, out var dropped);
            lost |= dropped;
            await puts.ConfigureAwait(false);
            if (next == NextStep.Done)
                return lost;
            mustRead = next == NextStep.Read;
        }
    }

    /// <summary>Delivers what is in the stream behind the place.</summary>
    /// <returns>The types that are lost, and how many frames were held when the last page was asked for.</returns>
    private static async Task<(GapTypes Lost, long Mark)> ReadToTheEndAsync(ChannelPlace place, bool compare)
    {
        var lost = GapTypes.None;
        int limit = place.Shared.Reads.FirstLimit;
        var pause = FirstPause;
        while (true)
        {
            var (last, known, mark) = place.Mark();
            if (place.IsClosed)
                return (lost, mark);
            compare &= known.Fingerprint != 0;
            var after = compare ? known.Last.At(known.Last.Seq - 1) : last;
            var page = await ReadAsync(place, new HistoryRange(after, limit)).ConfigureAwait(false);
            bool isGoneBack = page.End.Epoch == last.Epoch && (page.End.Seq < last.Seq
                || (compare && page.Frames is [var first, ..] && first.Fingerprint != known.Fingerprint));
            if (isGoneBack)
            {
                lost = place.Shared.Kept.Types;
                page = await EndEpochAsync(place, last.Epoch).ConfigureAwait(false);
            }
            else if (page.Status > HistoryStatus.Found)
            {
                if (compare)
                {
                    // The last message is no longer kept: there is nothing to compare it with.
                    compare = false;
                    continue;
                }
                lost = place.Shared.Kept.Types;
                page = await ReadRestAsync(place, limit).ConfigureAwait(false);
            }
            compare &= page.Status == HistoryStatus.Unavailable;
            if (page.Status == HistoryStatus.Unavailable)
            {
                await Task.Delay(pause, place.Shared.Time).ConfigureAwait(false);
                pause = pause + pause < LongestPause ? pause + pause : LongestPause;
                continue;
            }
            int repaired = 0;
            foreach (var frame in page.Frames)
            {
                await place.DeliverRead(frame, out bool delivered).ConfigureAwait(false);
                repaired += delivered ? 1 : 0;
            }
            place.Shared.Metrics?.Repaired(repaired);
            if (page.IsComplete)
                return (lost, mark);
            limit = page.NextLimit;
            pause = FirstPause;
        }
    }

    /// <summary>Goes on where the stream can be read again.</summary>
    private static async Task<KeptPage> ReadRestAsync(ChannelPlace place, int limit)
    {
        var page = await ReadAsync(place, new HistoryRange(default, limit)).ConfigureAwait(false);
        if (page.Status == HistoryStatus.Unavailable)
            return page;
        // Something in it is no message that was kept. What comes next is behind it, and must not be measured by it.
        // Nor must what was delivered come again, where the stream has a hole behind it.
        if (page.Status != HistoryStatus.Found || IsBehind(page.From, place.Last))
            page = new KeptPage(page.End, page.End, page.End, []);
        place.MoveTo(page.From);
        return page;
    }

    /// <summary>
    /// The store has gone back, and gives numbers again that were given before. Whoever comes back with one of the first
    /// lives would take what has it now for seen: it goes on with numbers that cannot be mistaken.
    /// </summary>
    private static async Task<KeptPage> EndEpochAsync(ChannelPlace place, string epoch)
    {
        var end = await place.Shared.Kept.Store.EndEpochAsync(place.Name, epoch, CancellationToken.None)
            .ConfigureAwait(false);
        if (end is not { } found)
            return KeptPage.Of(HistoryPage.Unavailable);
        // Somebody else may have been first, and something been kept since.
        var begin = found.At(0);
        place.MoveTo(begin);
        return new KeptPage(begin, begin, found, []);
    }

    private static bool IsBehind(Position from, Position last) => from.Epoch == last.Epoch && from.Seq < last.Seq;

    private static async Task<KeptPage> ReadAsync(ChannelPlace place, HistoryRange range)
    {
        try
        {
            return await place.Shared.Reads.ReadFreshAsync(place.Name, range).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // A channel that is held for ever would be worse, whatever it was.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            // A store that cannot be reached says so; this is a bug.
            place.Shared.Logger?.RepairFailed(fault.GetType().Name);
            return KeptPage.Of(HistoryPage.Unavailable);
        }
    }
}
