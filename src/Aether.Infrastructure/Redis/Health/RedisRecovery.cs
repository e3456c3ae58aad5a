using Aether.Infrastructure.Redis.Connections;
using Aether.Infrastructure.Redis.Subscriptions;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis.Health;

/// <summary>Brings every channel back after a doubt, and verifies it.</summary>
internal sealed class RedisRecovery(
    RedisConnection connection,
    RedisSubscriptions subscriptions,
    RedisReceiver receiver,
    RedisRightsWatch rights,
    RedisProbe probe,
    RedisPulse pulse,
    RedisDoubts doubts,
    TimeProvider time)
{
    /// <summary>Tries once.</summary>
    /// <returns>
    /// What is still wrong; <see langword="null"/> when every channel is live and nothing that comes is late any more.
    /// </returns>
    public async Task<string?> TryAsync(CancellationToken cancellationToken)
    {
        if (!connection.IsConnected || !connection.SubscriptionServers.Any())
            return await WhyNotConnectedAsync().ConfigureAwait(false);
        await connection.DetectShardingAsync().ConfigureAwait(false);
        // First, since without them nothing of what follows can be believed, and it would not say why it fails.
        if (await rights.FindProblemAsync(mayHang: false).ConfigureAwait(false) is { } right)
            return right;
        await probe.EnsureAsync().ConfigureAwait(false);
        // Whatever disturbs from here on makes this attempt void.
        doubts.Restart();
        var first = await pulse.TakeAsync(default, cancellationToken).ConfigureAwait(false);
        if (!first.Answered || first.Problem is not null)
            return first.Problem ?? "Redis does not answer";
        if (!first.Heard)
        {
            // The second one would be heard in the very moment in which Redis goes on, ahead of what is late.
            probe.Forget();
            return "the probe was not heard";
        }
        int stalls = receiver.Doubts;
        bool all = doubts.IsUnexplained;
        if (!await subscriptions.RestoreAsync(first.Homes, all, cancellationToken).ConfigureAwait(false))
            return RedisDoubts.Deaf;
        if (all)
            doubts.Explain();
        // What a stalled server still holds comes out before it has answered a second time.
        if (receiver.Stalled.Length > 0 || receiver.Doubted)
            await Task.Delay(RedisPulse.Pause, time, cancellationToken).ConfigureAwait(false);
        var started = time.GetUtcNow().UtcDateTime;
        var before = connection.IsCluster ? subscriptions.Look() : default;
        var second = await pulse.TakeAsync(before, cancellationToken).ConfigureAwait(false);
        string? found = before.Nowhere > 0 ? RedisDoubts.Deaf : doubts.ProblemOf(second, afterRestore: true);
        if (found is not null)
        {
            if (found == RedisDoubts.Deaf)
                doubts.Puzzle();
            if (!second.Heard)
                probe.Forget();
            return found;
        }
        if (receiver.Doubts != stalls)
            return "Redis stood still";
        doubts.Explain();
        doubts.Accept(second, started);
        receiver.Stalled = [];
        receiver.ClearDoubt();
        receiver.TakeDropped();
        return null;
    }

    private async Task<string> WhyNotConnectedAsync()
    {
        try
        {
            if (connection.CommandConnection is { } commands)
                await commands.GetDatabase(RedisConnection.Database).PingAsync(RedisConnection.Primary)
                    .ConfigureAwait(false);
        }
        catch (RedisException e)
        {
            // The client holds the last failure inside.
            return "not connected: " + RedisFaults.Describe(e);
        }
        return "not connected";
    }
}
