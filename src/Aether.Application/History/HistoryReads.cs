using System.Collections.Concurrent;
using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Application.History;

/// <summary>
/// Reads a range of a stream once for all who ask for it at a time: ten thousand that come back at once missed the same.
/// What was read is given to those who ask within the next second too.
/// </summary>
internal sealed class HistoryReads(KeptMessages kept, TimeProvider time) : IDisposable
{
    /// <summary>How many reads go on at once: each may be of many long messages.</summary>
    private const int MostAtOnce = 16;

    /// <summary>How many bytes are held for those who may ask in the next second.</summary>
    private const long MostKept = 32 * 1024 * 1024;

    /// <summary>How long what was read may be before it is cut into a page.</summary>
    private const int MostRead = 8 * 1024 * 1024;

    private static readonly TimeSpan KeptFor = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<(ChannelName, HistoryRange), Lazy<Task<KeptPage>>> pages = new();
    private readonly SemaphoreSlim slots = new(MostAtOnce);
    private long bytes;

    /// <summary>How many messages to read where nobody knows how long they are.</summary>
    public int FirstLimit { get; } = Math.Clamp(MostRead / kept.MaxMessageBytes, 1, KeptPage.MostMessages);

    /// <inheritdoc/>
    public void Dispose() => slots.Dispose();

    /// <summary>Reads a range that goes up to a position at least, or to the end of the stream if that comes before.</summary>
    public async Task<KeptPage> ReadAsync(ChannelName channel, HistoryRange range, Position upTo)
    {
        var page = await ReadAsync(channel, range).ConfigureAwait(false);
        // What others have read was the end of the stream then, and is not now.
        bool isOld = page is { Status: HistoryStatus.Found, IsComplete: true }
            && page.End.Epoch == upTo.Epoch && page.End.Seq < upTo.Seq;
        return isOld ? await ReadAnewAsync(channel, range, page).ConfigureAwait(false) : page;
    }

    private async Task<KeptPage> ReadAnewAsync(ChannelName channel, HistoryRange range, KeptPage old)
    {
        if (pages.TryGetValue((channel, range), out var reading)
            && reading.Value is { IsCompletedSuccessfully: true } done && ReferenceEquals(done.Result, old))
            pages.TryRemove(new((channel, range), reading));
        return await ReadAsync(channel, range).ConfigureAwait(false);
    }

    private Task<KeptPage> ReadAsync(ChannelName channel, HistoryRange range)
    {
        // Nobody else asks for the same.
        if (channel.Kind == ChannelKind.Client)
            return ReadOnceAsync(channel, range);
        var key = (channel, range);
        if (pages.TryGetValue(key, out var going))
            return going.Value;
        var reading = new Lazy<Task<KeptPage>>(() => ReadOnceAsync(channel, range));
        var shared = pages.GetOrAdd(key, reading);
        if (ReferenceEquals(shared, reading))
            _ = ForgetLaterAsync(key, reading);
        return shared.Value;
    }

    /// <summary>Reads a range that must be as it is now.</summary>
    public Task<KeptPage> ReadFreshAsync(ChannelName channel, HistoryRange range) => ReadOnceAsync(channel, range);

    private async Task<KeptPage> ReadOnceAsync(ChannelName channel, HistoryRange range)
    {
        await slots.WaitAsync().ConfigureAwait(false);
        try
        {
            var page = await kept.Store.ReadAsync(channel, range, CancellationToken.None).ConfigureAwait(false);
            return KeptPage.Of(page);
        }
        finally
        {
            slots.Release();
        }
    }

    private async Task ForgetLaterAsync((ChannelName, HistoryRange) key, Lazy<Task<KeptPage>> reading)
    {
        long length = 0;
        try
        {
            var page = await reading.Value.ConfigureAwait(false);
            length = page.Bytes;
            if (Interlocked.Add(ref bytes, length) <= MostKept && page.Status == HistoryStatus.Found)
                await Task.Delay(KeptFor, time).ConfigureAwait(false);
        }
        catch (Exception) when (reading.Value.IsFaulted)
        {
            // Whoever asked has it.
        }
        finally
        {
            Interlocked.Add(ref bytes, -length);
            pages.TryRemove(new(key, reading));
        }
    }
}
