using Aether.Domain;

namespace Aether.Application.Ports;

/// <summary>
/// Carries messages between the instances of one platform, each through the one granular channel it is for. Adapters:
/// Redis, and memory for a single process.
/// </summary>
internal interface IMessageBus : IChannelSubscriptions
{
    /// <summary>What carries the messages, in a word or two for the line at start. No address, no credential.</summary>
    string Description { get; }

    /// <summary>
    /// Whether what is published now arrives, and whether every subscription made is known to be live. Connected
    /// alone is not enough.
    /// </summary>
    bool IsReady { get; }

    /// <summary>Why it is not ready, in words for operators that hold no secret; <see langword="null"/> if it is.</summary>
    string? Problem => null;

    /// <summary>
    /// Publishes a message. Messages published one after the other to one channel, without waiting in between, arrive
    /// in that order at every subscriber. Never throws for a backplane that cannot be reached. A message with a
    /// <see cref="Message.Lease"/> to its group is published only if its sender holds that, in the same step.
    /// </summary>
    ValueTask<PublishResult> PublishAsync(ChannelName channel, Message message, CancellationToken cancellationToken);
}

/// <summary>Lets an instance hear channels.</summary>
internal interface IChannelSubscriptions
{
    /// <summary>
    /// Subscribes this instance to a channel. When the result is <see langword="true"/> the subscription is live: all
    /// that is published from now on reaches the sink, in the order in which it was published.
    /// <see langword="false"/>: the backplane cannot be relied on now, and nothing is left behind.
    /// </summary>
    Task<bool> SubscribeAsync(ChannelName channel, IMessageSink sink, CancellationToken cancellationToken);

    /// <summary>
    /// Ends a subscription. It cannot fail: what the backplane does not hear now ends with the connection to it.
    /// </summary>
    Task UnsubscribeAsync(ChannelName channel, CancellationToken cancellationToken);
}

/// <summary>What became of a published message.</summary>
/// <param name="Accepted">Whether the backplane took it. If not, it is delivered to nobody, also not later.</param>
/// <param name="Instances">How many instances heard it.</param>
/// <param name="Fault">Why it was not taken, if it was not.</param>
/// <param name="IsStaleTerm">Whether it was not taken since its sender does not hold the lease that it names.</param>
internal readonly record struct PublishResult(
    bool Accepted, int Instances, BackplaneFault Fault = default, bool IsStaleTerm = false)
{
    /// <summary>Its sender does not hold the lease in this term.</summary>
    public static PublishResult StaleTerm => new(false, 0, IsStaleTerm: true);

    /// <summary>The backplane cannot be reached.</summary>
    public static PublishResult Unavailable => default;

    /// <summary>The backplane did not take it.</summary>
    public static PublishResult Refused(BackplaneFault fault) => new(false, 0, fault);

    /// <summary>The backplane took it.</summary>
    public static PublishResult To(int instances) => new(true, instances);

    /// <summary>What it means for the command that asked for it.</summary>
    public Outcome ToOutcome() => Accepted
        ? Outcome.Published(Instances)
        : Outcome.Rejected(IsStaleTerm ? Rejection.StaleTerm : Fault.ToRejection());
}

/// <summary>Takes what a bus hears for this instance. Nothing in it waits for a socket.</summary>
internal interface IMessageSink
{
    /// <summary>
    /// Takes a message, or answers <see langword="false"/> when there is no room: for a bus that can neither wait nor
    /// keep it. For a kept message there is always room: what does not fit is read out of the stream later.
    /// </summary>
    bool TryReceive(ChannelName channel, Message message);

    /// <summary>Takes a message and completes when there was room for it: for a bus whose publisher can wait.</summary>
    ValueTask ReceiveAsync(ChannelName channel, Message message, CancellationToken cancellationToken);

    /// <summary>
    /// Says that what is heard from here on may come from a store that has lost its newest messages. A
    /// <see cref="RepairAsync"/> of all types follows, and until it is through the doubt lasts.
    /// </summary>
    void Doubt()
    {
    }

    /// <summary>
    /// Says that messages may have been missed on any channel since then. Completes when what is kept of them has been
    /// delivered, ahead of anything newer, and the connections were told of what cannot be had. While the store cannot be
    /// reached it tries again.
    /// </summary>
    /// <param name="since">Since when (UTC).</param>
    /// <param name="othersMayBeMissing">
    /// Whether messages that are not kept may be missing as well, beside those that <see cref="TryReceive"/> had no room
    /// for.
    /// </param>
    /// <param name="cancellationToken">Ends the wait, and with it the repair.</param>
    Task RepairAsync(DateTime since, bool othersMayBeMissing, CancellationToken cancellationToken);
}
