using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Application.History;

/// <summary>Says which messages are kept, and has them kept.</summary>
/// <param name="history">Where they are kept; none: nothing is.</param>
/// <param name="options">What is kept; by default what is by default.</param>
internal sealed class KeptMessages(IMessageHistory? history = null, RealtimeOptions? options = null)
{
    // Asked for every message, and never changed: no list is searched each time.
    private readonly bool keepsMsg = history is not null && Options(options).Keeps(MessageType.Msg);
    private readonly bool keepsCmd = history is not null && Options(options).Keeps(MessageType.Cmd);

    /// <summary>Whether anything is kept.</summary>
    public bool IsOn => keepsMsg || keepsCmd;

    /// <summary>The longest message that is taken from a client, in bytes.</summary>
    public int MaxMessageBytes { get; } = (options ?? new RealtimeOptions()).MaxMessageBytes;

    /// <summary>What is kept, and for how long.</summary>
    public HistoryOptions Limits { get; } = Options(options);

    /// <summary>The types that are kept.</summary>
    internal GapTypes Types =>
        (keepsCmd ? GapTypes.Cmd : GapTypes.None) | (keepsMsg ? GapTypes.Msg : GapTypes.None);

    /// <summary>Where they are kept.</summary>
    internal IMessageHistory Store =>
        history ?? throw new InvalidOperationException("nothing is kept: there is no history");

    /// <summary>Whether a message that is published is kept as well.</summary>
    public bool Keeps(Message message)
    {
        ArgumentNullException.ThrowIfNull(message);
        return message.Type switch
        {
            MessageType.Msg => keepsMsg,
            MessageType.Cmd => keepsCmd,
            MessageType.Heartbeat or MessageType.Presence => false,
        };
    }

    /// <summary>Keeps a message and publishes it; begins with both before it returns.</summary>
    public async Task<Outcome> AppendAsync(ChannelName channel, Message message, CancellationToken cancellationToken) =>
        ToOutcome(await Store.AppendAsync(channel, message, cancellationToken).ConfigureAwait(false));

    /// <summary>Refuses a message, unless it came before and was kept: that was done, and is told again.</summary>
    internal async Task<Outcome> RefuseAsync(
        ChannelName channel, Message message, Rejection refused, CancellationToken cancellationToken)
    {
        var found = await FindAsync(channel, message, cancellationToken).ConfigureAwait(false);
        return found.IsDuplicate ? found : Outcome.Rejected(refused);
    }

    /// <summary>Reads what was kept on a channel after a position, oldest first.</summary>
    /// <param name="channel">The channel.</param>
    /// <param name="after">The position before the first one; empty: the oldest there is.</param>
    /// <param name="limit">How many at most.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public ValueTask<HistoryPage> ReadAsync(
        ChannelName channel, Position after, int limit, CancellationToken cancellationToken)
    {
        if (IsOn)
            return Store.ReadAsync(channel, new HistoryRange(after, limit), cancellationToken);
        // Where nothing is kept there is no stream that a position could be of.
        return new(after.IsEmpty
            ? new HistoryPage(HistoryStatus.Found, default, [])
            : HistoryPage.Lost(HistoryStatus.Epoch, default));
    }

    /// <summary>Whether a message that would not be kept was kept when it came before.</summary>
    /// <returns>As of a duplicate, or why it is not.</returns>
    internal async Task<Outcome> FindAsync(ChannelName channel, Message message, CancellationToken cancellationToken) =>
        message.Id is null
            ? Outcome.Rejected(Rejection.RecipientOffline)
            : ToOutcome(await Store.FindAsync(channel, message.FromId, message.Id, cancellationToken)
                .ConfigureAwait(false));

    private static Outcome ToOutcome(KeepResult result) => result.Status switch
    {
        KeepStatus.Published => Outcome.Kept(result.Instances, result.Position),
        KeepStatus.Duplicate => Outcome.Duplicate(result.Position),
        KeepStatus.NobodyHears => Outcome.Rejected(Rejection.RecipientOffline),
        KeepStatus.StaleTerm => Outcome.Rejected(Rejection.StaleTerm),
        KeepStatus.Unknown => Outcome.Rejected(Rejection.KeepingUnknown),
        KeepStatus.Unavailable => Outcome.Rejected(result.Fault.ToRejection()),
    };

    private static HistoryOptions Options(RealtimeOptions? options) => (options ?? new RealtimeOptions()).History;
}
