using System.Collections.Concurrent;
using Aether.Application.Delivery;
using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Tests.Unit;

/// <summary>A connection that keeps what it is sent, and checks that only one thread at a time sends.</summary>
internal sealed class FakeConnection(VisionId client, VisionId group, DeliveryLoop loop, bool echo = true,
    bool full = false, Role role = Role.None)
    : Connection(client, group, echo, full, loop, role)
{
    private int inside;
    private int unflushed;

    public override string Id { get; } = Guid.NewGuid().ToString("N");

    public ConcurrentQueue<Frame> Frames { get; } = new();

    public CloseReason? Closed { get; private set; }

    public int Flushes { get; private set; }

    public bool Overlapped { get; private set; }

    /// <summary>Blocks the loop while it is not set.</summary>
    public ManualResetEventSlim Gate { get; } = new(initialState: true);

    /// <summary>Whether the loop is at it, and so takes nothing out of its inbox.</summary>
    public bool IsInside => Volatile.Read(ref inside) > 0;

    /// <summary>Everything written was flushed.</summary>
    public bool IsFlushed => Volatile.Read(ref unflushed) == 0;

    public override void Close(CloseReason why) => Closed ??= why;

    protected internal override void Write(Frame frame)
    {
        Overlapped |= Interlocked.Increment(ref inside) != 1;
        Gate.Wait();
        unflushed++;
        Frames.Enqueue(frame);
        Interlocked.Decrement(ref inside);
    }

    protected internal override void Flush()
    {
        Overlapped |= Interlocked.Increment(ref inside) != 1;
        Flushes++;
        Volatile.Write(ref unflushed, 0);
        Interlocked.Decrement(ref inside);
    }
}

/// <summary>
/// A bus that only takes subscriptions, slowly if it is told to, and notices when it is asked for two things at once.
/// </summary>
internal sealed class SubscriptionBus : IMessageBus
{
    private readonly ConcurrentDictionary<ChannelName, int> busy = new();

    public ConcurrentDictionary<ChannelName, int> Balance { get; } = new();

    public ConcurrentQueue<string> Faults { get; } = new();

    public Func<ChannelName, Task<bool>> OnSubscribe { get; set; } = _ => Task.FromResult(true);

    public Func<ChannelName, Task> OnUnsubscribe { get; set; } = _ => Task.CompletedTask;

    public string Description => "fake";

    public bool IsReady => true;

    public ValueTask<PublishResult> PublishAsync(ChannelName channel, Message message,
        CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public async Task<bool> SubscribeAsync(ChannelName channel, IMessageSink sink, CancellationToken cancellationToken)
    {
        Enter(channel);
        bool live = await OnSubscribe(channel);
        if (live && Balance.AddOrUpdate(channel, 1, (_, count) => count + 1) != 1)
            Faults.Enqueue("subscribed twice: " + channel);
        busy.AddOrUpdate(channel, 0, (_, count) => count - 1);
        return live;
    }

    public async Task UnsubscribeAsync(ChannelName channel, CancellationToken cancellationToken)
    {
        Enter(channel);
        await OnUnsubscribe(channel);
        if (Balance.AddOrUpdate(channel, -1, (_, count) => count - 1) != 0)
            Faults.Enqueue("unsubscribed what was not subscribed: " + channel);
        busy.AddOrUpdate(channel, 0, (_, count) => count - 1);
    }

    private void Enter(ChannelName channel)
    {
        if (busy.AddOrUpdate(channel, 1, (_, count) => count + 1) != 1)
            Faults.Enqueue("two things at once: " + channel);
    }
}
