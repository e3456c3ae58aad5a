using Aether.Api.Access;
using Aether.Api.Hosting;
using Aether.Application;
using Aether.Application.Delivery;
using Aether.Application.Messaging;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Api.WebSockets;

/// <summary>
/// A V3 client's connection: each of its messages becomes one command, and what comes of it is answered.
/// </summary>
internal sealed class ClientConnection : SocketConnection
{
    private TokenBucket bucket;
    private long floodSince;
    private long lastDrop;
    private int inFlight;
    private TaskCompletionSource? roomInFlight;

    /// <summary>Creates a connection that is not open yet: what is sent to it waits.</summary>
    /// <param name="services">What every connection shares.</param>
    /// <param name="sender">Who it is, and what it may do.</param>
    /// <param name="profile">What it wants to hear.</param>
    /// <param name="credential">What it showed to get in, as <see cref="Grant.Credential"/> has it.</param>
    /// <param name="loop">The loop that writes to it.</param>
    /// <param name="abort">Ends the transport at once.</param>
    public ClientConnection(
        ConnectionServices services, Sender sender, Profile profile, string credential, DeliveryLoop loop, Action abort)
        : base(services, sender.ClientId, sender.GroupId, profile, loop, abort)
    {
        Sender = sender;
        Credential = credential;
        bucket = new TokenBucket(services.Limits.RateBurst, services.Clock.NowMs);
    }

    /// <summary>Who it is, and what it may do.</summary>
    public Sender Sender { get; }

    /// <inheritdoc/>
    public override bool IsGranted(ApiKeys keys) => keys.StillGrants(Credential, GroupId);

    private string Credential { get; }

    /// <inheritdoc/>
    protected override ValueTask TakeAsync(byte[] text)
    {
        long now = Services.Clock.NowMs;
        var limits = Services.Limits;
        bool allowed = limits.RatePerSecond == 0 || bucket.TryTake(limits.RatePerSecond, limits.RateBurst, now);
        if (!MessageReader.TryRead(text, ClientId, GroupId, out var message, out var error))
            return RefuseAsync(error);
        if (!allowed)
            return DropAsync(message, now);
        var carriedOut = Services.Mediator.Send(MessageCommands.From(Sender, message), CancellationToken.None);
        if (carriedOut.IsCompletedSuccessfully)
            return AnswerAsync(message, carriedOut.Result);
        // Not awaited, or a sender could do no more than one message a round trip to the backplane; but observed, and
        // bounded.
        Interlocked.Increment(ref inFlight);
        _ = ObserveAsync(message, carriedOut);
        return Volatile.Read(ref inFlight) < ConnectionLimits.MaxInFlight ? default : WaitForRoomAsync();
    }

    private ValueTask RefuseAsync(MessageError error)
    {
        if (Services.Limits.ReportInvalid)
            return RejectAsync(new Rejection(ErrorCode.InvalidMessage, error.ToString(), error.Field), error.Id);
        Close(CloseReason.InvalidMessage(error.ToString()));
        return default;
    }

    private ValueTask DropAsync(Message message, long now)
    {
        var limits = Services.Limits;
        if (floodSince == 0 || now - lastDrop > ConnectionLimits.FloodGapMs)
            floodSince = now;
        lastDrop = now;
        if (now - floodSince >= ConnectionLimits.MaxFloodMs)
        {
            Close(CloseReason.Flooding);
            return default;
        }
        var after = TimeSpan.FromMilliseconds(bucket.MsToNext(limits.RatePerSecond));
        return RejectAsync(
            new Rejection(ErrorCode.RateLimited, "over the rate limit; the message was dropped", RetryAfter: after),
            message.Id);
    }

    private async Task ObserveAsync(Message message, Task<Outcome> carriedOut)
    {
        Outcome outcome;
        try
        {
            outcome = await carriedOut.ConfigureAwait(false);
        }
        catch (Exception fault)
        {
            // A bug of ours or of a library; the sender has to know that its message went nowhere.
            Services.Logger.CommandFailed(fault.GetType().Name);
            outcome = Outcome.Rejected(Rejection.Internal);
        }
        await AnswerAsync(message, outcome).ConfigureAwait(false);
        if (Interlocked.Decrement(ref inFlight) == ConnectionLimits.MaxInFlight / 2)
            Interlocked.Exchange(ref roomInFlight, null)?.TrySetResult();
    }

    private async ValueTask WaitForRoomAsync()
    {
        var room = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        // A full fence: the count below must be read after the source is seen, or both sides could miss the other.
        Interlocked.Exchange(ref roomInFlight, room);
        // Half of them may have come through before the source stood there; then nobody else completes it.
        if (Volatile.Read(ref inFlight) <= ConnectionLimits.MaxInFlight / 2)
            Interlocked.Exchange(ref roomInFlight, null)?.TrySetResult();
        await room.Task.ConfigureAwait(false);
    }

    private ValueTask AnswerAsync(Message message, Outcome outcome)
    {
        if (outcome.Rejection is { } rejection)
        {
            if (rejection.Code == ErrorCode.InvalidMessage && !Services.Limits.ReportInvalid)
            {
                Close(CloseReason.InvalidMessage(rejection.Field + ": " + rejection.Text));
                return default;
            }
            // That nobody is there is the answer to a question that only a message with an id asks.
            return rejection.Code == ErrorCode.RecipientOffline && message.Id is null
                ? default
                : RejectAsync(rejection, message.Id);
        }
        if (outcome.Reply is null && message.Id is null)
            return default;
        return ReplyAsync(outcome, message.Id);
    }

    private async ValueTask ReplyAsync(Outcome outcome, string? id)
    {
        if (outcome.Reply is { } reply)
            await Loop.SendAsync(this, Frame.Of(reply)).ConfigureAwait(false);
        if (id is not null)
        {
            var ack = Services.Messages.Ack(ClientId, GroupId, id, outcome.Instances);
            await Loop.SendAsync(this, Frame.Of(ack)).ConfigureAwait(false);
        }
    }

    private ValueTask RejectAsync(Rejection rejection, string? id) =>
        Loop.SendAsync(this, Frame.Of(Services.Messages.Error(ClientId, GroupId, rejection, id)));
}
