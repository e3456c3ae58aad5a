using Aether.Domain;

namespace Aether.Application.Ports;

/// <summary>
/// Keeps messages for those who were away for a moment: a stream for each channel, in which every kept message has its
/// <see cref="Position"/>. Adapters: Redis, and memory for a single process. Never throws for a store that cannot be
/// reached.
/// </summary>
internal interface IMessageHistory
{
    /// <summary>
    /// Numbers a message, keeps it and publishes it, in one step: the order in the stream is the order that everybody
    /// hears. Messages appended one after the other to one channel, without waiting in between, keep their order, also
    /// with those that <see cref="IMessageBus.PublishAsync"/> publishes. One that has an id is published once for each
    /// sender and channel. A direct message that no instance hears is not kept. One with a <see cref="Message.Lease"/> to
    /// its group is kept only if its sender holds that, in the same step.
    /// </summary>
    ValueTask<KeepResult> AppendAsync(ChannelName channel, Message message, CancellationToken cancellationToken);

    /// <summary>
    /// Where the message with this sender and id was kept on the channel, if it was and that is still remembered.
    /// <see cref="KeepStatus.Duplicate"/>, <see cref="KeepStatus.NobodyHears"/> for a message that is not remembered, or
    /// <see cref="KeepStatus.Unavailable"/>. Nothing is published.
    /// </summary>
    ValueTask<KeepResult> FindAsync(
        ChannelName channel, VisionId from, string id, CancellationToken cancellationToken);

    /// <summary>
    /// Where each channel's stream ends. A stream that nothing was kept in yet gets an epoch, and keeps it: whoever hears
    /// nothing until it breaks off can say how far it came. Asking also renews for how long the position is remembered.
    /// </summary>
    /// <returns>One for each channel, in their order; <see langword="null"/>: the store cannot be reached.</returns>
    ValueTask<IReadOnlyList<Position>?> GetPositionsAsync(
        IReadOnlyList<ChannelName> channels, CancellationToken cancellationToken);

    /// <summary>
    /// Ends an epoch whose last numbers the store has lost, or has given to other messages, and with it what the stream
    /// still holds: whoever comes back with a position of it must hear that it is lost. Nothing happens if the stream is
    /// of another epoch already.
    /// </summary>
    /// <returns>Where the stream ends now; <see langword="null"/>: the store cannot be reached.</returns>
    ValueTask<Position?> EndEpochAsync(ChannelName channel, string epoch, CancellationToken cancellationToken);

    /// <summary>Reads messages of a stream, oldest first.</summary>
    ValueTask<HistoryPage> ReadAsync(ChannelName channel, HistoryRange range, CancellationToken cancellationToken);
}

/// <summary>What became of a message that is to be kept.</summary>
/// <param name="Status">What.</param>
/// <param name="Instances">How many instances heard it.</param>
/// <param name="Position">Where it is kept; for a duplicate, where the first is.</param>
/// <param name="Fault">Why it was not taken.</param>
internal readonly record struct KeepResult(
    KeepStatus Status, int Instances = 0, Position Position = default, BackplaneFault Fault = default);

/// <summary>What became of a message that is to be kept.</summary>
internal enum KeepStatus
{
    /// <summary>The store cannot be reached or does not take it. It is delivered to nobody, also not later.</summary>
    Unavailable,

    /// <summary>The store did not answer: it may be kept, and was then published, or not. Sending it again tells.</summary>
    Unknown,

    /// <summary>It is kept, and was published.</summary>
    Published,

    /// <summary>The same message came before: nothing was kept or published.</summary>
    Duplicate,

    /// <summary>It is a direct message, and no instance hears its receiver: nothing was kept or published.</summary>
    NobodyHears,

    /// <summary>Its sender does not hold the lease that it names: nothing was kept or published.</summary>
    StaleTerm,
}

/// <summary>Which messages of a stream: those after a position, or the last ones.</summary>
/// <param name="After">The position before the first one; empty: the oldest there is, or what <paramref name="Last"/> says.</param>
/// <param name="Limit">How many messages at most. Those of the front, when there are more.</param>
/// <param name="Last">0: all of them; else only so many of the end.</param>
internal readonly record struct HistoryRange(Position After, int Limit, int Last = 0);

/// <summary>What was read of a stream.</summary>
/// <param name="Status">Whether all that was asked for is there.</param>
/// <param name="End">Where the stream ends; empty only if the store cannot be reached.</param>
/// <param name="Messages">The messages, each with its position, without a hole. None unless the status is Found.</param>
/// <param name="From">The position before the first one of them.</param>
public sealed record HistoryPage(HistoryStatus Status, Position End, IReadOnlyList<Message> Messages, Position From = default)
{
    /// <summary>The store cannot be reached.</summary>
    public static HistoryPage Unavailable { get; } = new(HistoryStatus.Unavailable, default, []);

    /// <summary>How far the page goes: the position of its last message, or where it begins.</summary>
    public Position To => Messages.Count > 0 ? Messages[^1].Position : From;

    /// <summary>Whether the stream ends with this page.</summary>
    public bool IsComplete => Status == HistoryStatus.Found && To == End;

    /// <summary>Not all of it is there any more.</summary>
    public static HistoryPage Lost(HistoryStatus why, Position end) => new(why, end, [], end);
}

/// <summary>Whether what was asked for of a stream is there. All but the first two say why it is lost.</summary>
public enum HistoryStatus
{
    /// <summary>The store cannot be reached.</summary>
    Unavailable,

    /// <summary>Every message of it is there.</summary>
    Found,

    /// <summary>The oldest of it had to make room.</summary>
    Trimmed,

    /// <summary>The oldest of it was kept for as long as messages are.</summary>
    Expired,

    /// <summary>The position is of another stream than there is now.</summary>
    Epoch,

    /// <summary>It is more than a channel keeps.</summary>
    TooMany,
}
