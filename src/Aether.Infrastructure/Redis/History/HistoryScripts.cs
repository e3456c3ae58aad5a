using System.Globalization;
using System.Security.Cryptography;
using Aether.Application;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Infrastructure.Redis.Connections;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis.History;

/// <summary>
/// What history asks of Redis, one method per script. Each touches the keys of one channel, which share the slot that the
/// channel is published in.
/// </summary>
internal sealed class HistoryScripts(RedisConnection connection, RedisNames names, HistoryOptions options)
{
    /// <summary>How much of a stream is read at once, in bytes; one message is read however long it is.</summary>
    public const int MaxPageBytes = 262_144;

    private const string EpochCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    private static readonly string Process = RandomNumberGenerator.GetString(EpochCharacters, 6);
    private static long epochs;

    private static readonly string Append = RedisScripts.Load("history-append.lua");
    private static readonly string Position = RedisScripts.Load("history-position.lua");
    private static readonly string EndEpoch = RedisScripts.Load("history-end-epoch.lua");
    private static readonly string Read = RedisScripts.Load("history-read.lua");

    private readonly long ttl = (long)options.Ttl.Value.TotalMilliseconds;
    private readonly long remember = (long)options.Remember.Value.TotalMilliseconds;

    /// <summary>Numbers a message, keeps it and publishes it.</summary>
    /// <param name="channel">The channel.</param>
    /// <param name="name">The channel as Redis knows it.</param>
    /// <param name="message">The message, for its sender and id.</param>
    /// <param name="written">The message as JSON.</param>
    public async Task<KeepResult> AppendAsync(
        ChannelName channel, RedisChannel name, Message message, ReadOnlyMemory<byte> written)
    {
        RedisKey[] keys = message.Id is { } id
            ? [names.Stream(channel), names.Place(channel), names.Sent(channel, message.FromId, id)]
            : [names.Stream(channel), names.Place(channel)];
        RedisValue[] values =
        [
            written[..^1], (byte[])name!, name.IsSharded ? "SPUBLISH" : "PUBLISH", NewEpoch(), options.Messages, ttl,
            remember, channel.Kind == ChannelKind.Client ? 1 : 0,
        ];
        // Only those of a group lie in the slot of its channel.
        if (message.Lease is { } claim && channel.Kind == ChannelKind.Group)
        {
            keys = [.. keys, names.LeasesOf(channel.Id)];
            values = [.. values, claim.Name.Value, message.FromId.Value, claim.Term];
        }
        var result = await connection.Commands.ScriptEvaluateAsync(
            Append, keys, values, RedisConnection.Primary).ConfigureAwait(false);
        return (int)result[0] switch
        {
            1 => new KeepResult(KeepStatus.Published, (int)result[1], ParsePosition(result[2])),
            2 => new KeepResult(KeepStatus.Duplicate, 0, ParsePosition(result[2])),
            4 => new KeepResult(KeepStatus.StaleTerm),
            _ => new KeepResult(KeepStatus.NobodyHears),
        };
    }

    /// <summary>Says where a message with an id was kept.</summary>
    public async Task<KeepResult> FindAsync(ChannelName channel, VisionId from, string id)
    {
        var found = await connection.Commands
            .StringGetAsync(names.Sent(channel, from, id), RedisConnection.Primary).ConfigureAwait(false);
        return Domain.Position.TryParse((string?)found, out var position)
            ? new KeepResult(KeepStatus.Duplicate, 0, position)
            : new KeepResult(KeepStatus.NobodyHears);
    }

    /// <summary>Says where a channel's stream ends, and renews for how long that is remembered.</summary>
    public async Task<Position> GetPositionAsync(ChannelName channel)
    {
        var result = await connection.Commands.ScriptEvaluateAsync(
            Position, [names.Stream(channel), names.Place(channel)], [NewEpoch(), remember], RedisConnection.Primary)
            .ConfigureAwait(false);
        return new Position((string)result[0]!, (long)result[1]);
    }

    /// <summary>Begins another epoch, unless there is one already, and says where the stream ends.</summary>
    public async Task<Position> EndEpochAsync(ChannelName channel, string epoch)
    {
        var result = await connection.Commands.ScriptEvaluateAsync(
            EndEpoch,
            [names.Stream(channel), names.Place(channel)],
            [epoch, NewEpoch(), remember],
            RedisConnection.Primary).ConfigureAwait(false);
        return new Position((string)result[0]!, (long)result[1]);
    }

    /// <summary>Reads messages of a stream.</summary>
    /// <returns>What there is, each message as it was published beside its number.</returns>
    public async Task<StreamPart> ReadAsync(ChannelName channel, HistoryRange range)
    {
        var result = (RedisResult[])(await connection.Commands.ScriptEvaluateAsync(
            Read,
            [names.Stream(channel), names.Place(channel)],
            [
                NewEpoch(), remember, options.Messages, ttl, range.After.Epoch,
                range.After.IsEmpty ? "" : range.After.Seq, range.Limit, MaxPageBytes, range.Last,
            ],
            RedisConnection.Primary).ConfigureAwait(false))!;
        var end = new Position((string)result[1]!, (long)result[2]);
        var entries = new (long Seq, byte[] Message)[(result.Length - 4) / 2];
        for (int i = 0; i < entries.Length; i++)
            entries[i] = ((long)result[4 + (2 * i)], (byte[])result[5 + (2 * i)]!);
        return new StreamPart(
            (int)result[0] switch
            {
                0 => HistoryStatus.Found,
                1 => HistoryStatus.Trimmed,
                2 => HistoryStatus.Expired,
                3 => HistoryStatus.Epoch,
                _ => HistoryStatus.TooMany,
            },
            end,
            end.At((long)result[3]),
            entries);
    }

    // Each script call brings one, and hardly any needs it: a number behind what no other process has costs next to nothing.
    private static string NewEpoch() =>
        Process + Interlocked.Increment(ref epochs).ToString("x", CultureInfo.InvariantCulture);

    private static Position ParsePosition(RedisResult result) =>
        Domain.Position.TryParse((string?)result, out var position) ? position : default;
}

/// <summary>A part of a stream as Redis has it.</summary>
/// <param name="Status">Whether it is there.</param>
/// <param name="End">Where the stream ends.</param>
/// <param name="From">The position before the first message.</param>
/// <param name="Entries">The messages.</param>
internal sealed record StreamPart(
    HistoryStatus Status, Position End, Position From, (long Seq, byte[] Message)[] Entries);
