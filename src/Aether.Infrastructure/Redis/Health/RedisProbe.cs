using System.Net;
using Aether.Application.Ports;
using Aether.Infrastructure.Redis.Connections;
using Aether.Infrastructure.Redis.Subscriptions;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis.Health;

/// <summary>
/// A channel that only this instance hears. What it publishes there it has to hear: then publishing and receiving work.
/// It has the instance's name, so that others can tell whether there is such an instance (<see cref="RedisInstances"/>).
/// </summary>
internal sealed class RedisProbe(
    RedisConnection connection,
    RedisReceiver receiver,
    RedisNames names,
    TimeProvider time,
    IInstanceStatus? status = null) : IDisposable
{
    private readonly string instance = status?.Read().InstanceId ?? Guid.NewGuid().ToString("N");
    private RedisChannel channel;
    private bool subscribed;
    private TaskCompletionSource? hearing;
    private long expected;
    private long lastHeard;

    /// <summary>The timestamp at which one was last heard; 0: never.</summary>
    public long LastHeard => Volatile.Read(ref lastHeard);

    /// <summary>Where the client library holds the channel for live; <see langword="null"/>: nowhere.</summary>
    public EndPoint? Home => connection.Subscriber?.SubscribedEndpoint(channel);

    /// <summary>Subscribes, unless it is taken for subscribed.</summary>
    public async Task EnsureAsync()
    {
        if (subscribed || connection.Subscriber is not { } subscriber)
            return;
        channel = names.Probe(instance, connection.Sharded == true);
        try
        {
            // The client takes a channel that it holds for live without asking Redis, so it has to forget it first.
            await subscriber.UnsubscribeAsync(channel).ConfigureAwait(false);
        }
        catch (Exception e) when (RedisFaults.IsExpected(e))
        {
            // It was not subscribed, or will not be once the connection is gone.
        }
        await subscriber.SubscribeAsync(channel, OnHeard, RedisConnection.Primary).ConfigureAwait(false);
        subscribed = true;
    }

    /// <summary>It was not heard: subscribe anew the next time.</summary>
    public void Forget() => subscribed = false;

    /// <summary>Publishes one.</summary>
    /// <param name="sent">The timestamp of sending, by which it is known again.</param>
    /// <returns>Completes when it is published, with how many heard it; and when it is heard here.</returns>
    public (Task<long> Published, Task Heard) Send(long sent)
    {
        var heard = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Volatile.Write(ref expected, sent);
        Volatile.Write(ref hearing, heard);
        if (!subscribed)
            return (Task.FromResult(0L), heard.Task);
        receiver.ProbeSent(sent);
        var published = connection.Publisher?.PublishAsync(channel, sent, RedisConnection.Primary)
            ?? Task.FromResult(0L);
        RedisFaults.Observe(published);
        return (published, heard.Task);
    }

    /// <summary>Leaves nothing behind on a connection that its host goes on with.</summary>
    public void Dispose()
    {
        if (connection.IsShared && subscribed && connection.Subscriber is { } subscriber)
            RedisFaults.Observe(subscriber.UnsubscribeAsync(channel));
    }

    private void OnHeard(RedisChannel _, RedisValue value)
    {
        if (!value.TryParse(out long sent) || sent != Volatile.Read(ref expected))
            return;
        receiver.ProbeHeard(sent);
        Volatile.Write(ref lastHeard, time.GetTimestamp());
        Volatile.Read(ref hearing)?.TrySetResult();
    }
}
