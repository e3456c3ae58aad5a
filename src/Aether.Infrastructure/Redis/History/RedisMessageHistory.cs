using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Infrastructure.Redis.Connections;
using Aether.Infrastructure.Redis.Health;
using Aether.Infrastructure.Redis.Subscriptions;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis.History;

/// <summary>
/// History in Redis Streams. A message is numbered, kept and published by one script, on the connection that everything
/// else is published on, so that order holds between what is kept and what is not.
/// </summary>
internal sealed class RedisMessageHistory(
    RedisConnection connection,
    RedisSubscriptions subscriptions,
    RedisHealth health,
    UnheardChannels unheard,
    RedisNames names,
    HistoryScripts scripts,
    TimeProvider time,
    ILogger<RedisMessageHistory> logger) : IMessageHistory
{
    /// <summary>How many positions are asked for at once: tens of thousands must not fill the connection.</summary>
    private const int PositionsAtOnce = 500;

    private readonly LogThrottle failureLog = new(time);
    private readonly LogThrottle garbageLog = new(time);

    public ValueTask<KeepResult> AppendAsync(
        ChannelName channel, Message message, CancellationToken cancellationToken)
    {
        // Asked first because an exception costs a thousand times what this does, and a sender may go on for minutes.
        if (!health.CanPublish || connection.Sharded is not { } sharded)
            return new(Refused("not connected", BackplaneFault.Unreachable));
        try
        {
            var heard = subscriptions.Find(channel);
            // Written before anything is awaited: that is what keeps the order.
            var appended = scripts.AppendAsync(
                channel, heard?.Name ?? names.Channel(channel, sharded), message, MessageWriter.Write(message));
            return CompleteAsync(appended, channel, heard);
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            return new(Refused(e));
        }
    }

    public async ValueTask<KeepResult> FindAsync(
        ChannelName channel, VisionId from, string id, CancellationToken cancellationToken)
    {
        try
        {
            return await scripts.FindAsync(channel, from, id).ConfigureAwait(false);
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            return Refused(e);
        }
    }

    public async ValueTask<IReadOnlyList<Position>?> GetPositionsAsync(
        IReadOnlyList<ChannelName> channels, CancellationToken cancellationToken)
    {
        var positions = new Position[channels.Count];
        try
        {
            for (int from = 0; from < channels.Count; from += PositionsAtOnce)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var asked = new Task<Position>[Math.Min(PositionsAtOnce, channels.Count - from)];
                for (int i = 0; i < asked.Length; i++)
                    asked[i] = scripts.GetPositionAsync(channels[from + i]);
                (await Task.WhenAll(asked).ConfigureAwait(false)).CopyTo(positions, from);
            }
            return positions;
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            Refused(e);
            return null;
        }
    }

    public async ValueTask<Position?> EndEpochAsync(
        ChannelName channel, string epoch, CancellationToken cancellationToken)
    {
        try
        {
            return await scripts.EndEpochAsync(channel, epoch).ConfigureAwait(false);
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            Refused(e);
            return null;
        }
    }

    public async ValueTask<HistoryPage> ReadAsync(
        ChannelName channel, HistoryRange range, CancellationToken cancellationToken)
    {
        StreamPart part;
        try
        {
            part = await scripts.ReadAsync(channel, range).ConfigureAwait(false);
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            Refused(e);
            return HistoryPage.Unavailable;
        }
        if (part.Status != HistoryStatus.Found)
            return HistoryPage.Lost(part.Status, part.End);
        var messages = new Message[part.Entries.Length];
        for (int i = 0; i < messages.Length; i++)
        {
            var (seq, written) = part.Entries[i];
            // Anybody may write into a stream as well. What is no message, or not the next one, is not what was kept.
            if (seq != part.From.Seq + 1 + i
                || RedisReceiver.Check(channel, written, out var message) is not null
                || message!.Position != part.End.At(seq))
            {
                if (garbageLog.Passes(out long count))
                    logger.StreamGarbage(count);
                return HistoryPage.Lost(HistoryStatus.Trimmed, part.End);
            }
            messages[i] = message;
        }
        return new HistoryPage(HistoryStatus.Found, part.End, messages, part.From);
    }

    private async ValueTask<KeepResult> CompleteAsync(
        Task<KeepResult> appended, ChannelName channel, RedisSubscription? heard)
    {
        try
        {
            var result = await appended.ConfigureAwait(false);
            bool isUnheard = result is { Status: KeepStatus.NobodyHears } or { Status: KeepStatus.Published, Instances: 0 };
            if (!isUnheard || unheard.AreUnheard(channel, heard))
                return result;
            // Kept is kept: whoever should have heard it reads it when it has found out that it did not.
            return result.Status == KeepStatus.Published
                ? result
                : Refused("nobody heard it, and that cannot be relied on now", BackplaneFault.Unverified);
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            var refused = Refused(e);
            // Redis has answered that it does not: or nobody knows how far the message came.
            return e is RedisServerException ? refused : refused with { Status = KeepStatus.Unknown };
        }
    }

    private KeepResult Refused(Exception exception) =>
        Refused(RedisFaults.Describe(exception), RedisFaults.FaultOf(exception));

    private KeepResult Refused(string error, BackplaneFault fault)
    {
        if (failureLog.Passes(out long count))
            logger.PublishFailed(error, count);
        return new KeepResult(KeepStatus.Unavailable, Fault: fault);
    }
}
