using Aether.Api.Access;
using Aether.Application;
using Aether.Application.Commands;
using Aether.Application.Delivery;
using Aether.Application.Handlers;
using Aether.Application.Messaging;
using Aether.Application.Pipeline;
using Aether.Application.Requests;
using Aether.Application.Tokens;
using Aether.Application.Tracing;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Domain.Tokens;
using MediatR;

namespace Aether.Api.WebSockets;

/// <summary>
/// A V3 client's connection: each of its messages becomes one command, and what comes of it is answered.
/// </summary>
internal sealed class ClientConnection : SocketConnection
{
    // Whoever traces a client sees what it says, and must not be able to be it.
    private static readonly byte[] HiddenRenewal = [.. "{\"cmd\":\"auth.renew\"}"u8];

    private readonly Grant grant;
    private TokenBucket answers;
    private Sender sender;
    private long toldOver = -ConnectionLimits.TellOverLimitMs;
    private int inFlight;
    private int owed;
    private bool toldConnected;
    private bool hasLeft;
    private TaskCompletionSource? roomInFlight;
    private ConnectionTies? ties;

    /// <summary>Creates a connection that is not open yet: what is sent to it waits.</summary>
    /// <param name="services">What every connection shares.</param>
    /// <param name="sender">Who it is, and what it may do.</param>
    /// <param name="profile">What it wants to hear.</param>
    /// <param name="grant">What it showed to get in.</param>
    /// <param name="loop">The loop that writes to it.</param>
    /// <param name="abort">Ends the transport at once.</param>
    public ClientConnection(
        ConnectionServices services, Sender sender, Profile profile, Grant grant, DeliveryLoop loop, Action abort)
        : base(services, sender.ClientId, sender.GroupId, profile, loop, abort)
    {
        this.sender = sender;
        this.grant = grant;
        Term = TokenTerm.Of(sender.Token, services);
        answers = new TokenBucket(services.Limits.AnswersBurst, services.Clock.NowMs);
    }

    /// <summary>Who it is, and what it may do.</summary>
    public Sender Sender => Volatile.Read(ref sender);

    /// <summary>When its token ends (UTC); <see langword="null"/>: it has none.</summary>
    public DateTime? ExpiresAt => Sender.Token?.ExpiresAt;

    /// <inheritdoc/>
    public override bool IsGranted(Credentials credentials) =>
        Sender is { Token: { } token }
            ? credentials.StillGrants(token, GroupId)
            : credentials.StillGrants(grant, GroupId, Sender.Access);

    /// <summary>What the host's handlers see of it; <see langword="null"/> where there are none.</summary>
    public RealtimeConnection? Heard { get; set; }

    /// <summary>Its name as that of who has an execution: the instance, by which others see whether it lives, is in front.</summary>
    private string Holder => Services.Instance.Id + "/" + Id;

    /// <inheritdoc/>
    protected override ValueTask TakeAsync(byte[] text)
    {
        long now = Services.Clock.NowMs;
        if (Volatile.Read(ref owed) != 0)
            Owe(Interlocked.Exchange(ref owed, 0));
        if (!TryTakeToken(now))
            return DropAsync(text, now);
        if (!MessageReader.TryRead(
                text, ClientId, GroupId, out var message, out var error, MessageOrigin.Client))
            return RefuseAsync(error, text);
        if (IsTraced)
            Tell(TraceEvent.Sent(message.Cmd == RenewAccess.Name ? HiddenRenewal : text));
        // The server's own answers can hang on which of a client's connections asks; nothing else does.
        var sender = message.ToId == VisionId.Server || (message.ReplyTo is not null && PlainReports.MayBe(message, out _))
            ? Sender with { ConnectionId = Holder }
            : Sender;
        var command = MessageCommands.From(sender, message);
        return Heard is null ? CarryOutAsync(message, command) : AskHandlersAsync(Heard, message, command);
    }

    private ValueTask CarryOutAsync(Message message, IRequest<Outcome> command)
    {
        if (command is RenewAccess)
            return RenewAsync(message, command);
        var carriedOut = Services.Mediator.Send(command, CancellationToken.None);
        if (carriedOut.IsCompletedSuccessfully)
            return AnswerAsync(message, carriedOut.Result);
        // Not awaited, or a sender could do no more than one message a round trip to the backplane; but observed, and
        // bounded.
        Interlocked.Increment(ref inFlight);
        _ = ObserveAsync(message, carriedOut);
        return Volatile.Read(ref inFlight) < ConnectionLimits.MaxInFlight ? default : WaitForRoomAsync();
    }

    /// <summary>
    /// Is waited for: what is said behind a new token is said by that one, and of several the last one counts.
    /// </summary>
    private async ValueTask RenewAsync(Message message, IRequest<Outcome> command)
    {
        Outcome outcome;
        using (WithoutReading())
        {
            try
            {
                outcome = await Services.Mediator.Send(command, CancellationToken.None).ConfigureAwait(false);
            }
            catch (Exception fault)
            {
                outcome = Failed(fault);
            }
        }
        // Ahead of the answer: who has that may do at once what it says.
        if (outcome.Tie is RenewedToken renewed)
            Renew(renewed.Token);
        await AnswerAsync(message, outcome).ConfigureAwait(false);
    }

    /// <summary>Tells the host's handlers that it is connected.</summary>
    public async Task TellConnectedAsync()
    {
        if (Heard is null)
            return;
        toldConnected = true;
        using (WithoutReading())
            await Services.Handlers!.ConnectedAsync(Heard).ConfigureAwait(false);
    }

    /// <summary>Tells them that it has ended, if they were told that it is connected.</summary>
    public Task TellDisconnectedAsync() => toldConnected
        ? Services.Handlers!.DisconnectedAsync(Heard!, Reason ?? CloseReason.Lost)
        : Task.CompletedTask;

    /// <summary>Lets the host have its say first. It is waited for, so that messages keep their order.</summary>
    private async ValueTask AskHandlersAsync(RealtimeConnection heard, Message message, IRequest<Outcome> command)
    {
        Outcome? decided;
        using (WithoutReading())
            decided = await Services.Handlers!.MessageAsync(heard, (IMessageCommand)command).ConfigureAwait(false);
        if (decided is not null)
            await AnswerAsync(message, decided).ConfigureAwait(false);
        // Whoever was removed meanwhile says nothing any more.
        else if (Reason is null)
            await CarryOutAsync(message, command).ConfigureAwait(false);
    }

    private ValueTask RefuseAsync(MessageError error, byte[] text)
    {
        var rejection = new Rejection(ErrorCode.InvalidMessage, error.ToString(), error.Field);
        if (IsTraced)
            Tell(TraceEvent.Refused(rejection, WithoutSecrets(text)));
        if (Services.Limits.ReportInvalid)
            return RejectAsync(rejection, error.Id);
        Close(CloseReason.InvalidMessage(error.ToString()));
        return default;
    }

    private ValueTask DropAsync(byte[] text, long now)
    {
        if (IsTraced)
            Tell(TraceEvent.Refused(
                new Rejection(ErrorCode.RateLimited, "over the rate limit"), WithoutSecrets(text)));
        if (NoteOverLimit(now))
            return default;
        // Whoever waits for an answer gets one. Reading costs as well, so that it is what the budget is for; what is
        // over it, and what nobody waits for, is told of once in a while.
        bool inBudget = answers.TryTake(Services.Limits.AnswersPerSecond, Services.Limits.AnswersBurst, now);
        bool toldAlready = now - toldOver < ConnectionLimits.TellOverLimitMs;
        if (!inBudget && toldAlready)
            return default;
        bool valid = MessageReader.TryRead(
            text, ClientId, GroupId, out var message, out var error, MessageOrigin.Client);
        string? id = valid ? message!.Id : error.Id;
        if (!inBudget || !valid || id is null)
        {
            if (toldAlready)
                return default;
            toldOver = now;
        }
        var after = TimeSpan.FromMilliseconds(MsToNextToken());
        return RejectAsync(
            new Rejection(
                ErrorCode.RateLimited, "over the rate limit; messages are dropped until it is kept", RetryAfter: after),
            id);
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
            outcome = Failed(fault);
        }
        await AnswerAsync(message, outcome).ConfigureAwait(false);
        if (Interlocked.Decrement(ref inFlight) == ConnectionLimits.MaxInFlight / 2)
            Interlocked.Exchange(ref roomInFlight, null)?.TrySetResult();
    }

    // A bug of ours or of a library; the sender has to know that its message went nowhere.
    private Outcome Failed(Exception fault)
    {
        Services.Logger.CommandFailed(fault.GetType().Name);
        return Outcome.Rejected(Rejection.Internal);
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
        if (outcome.Cost > 0)
            Interlocked.Add(ref owed, outcome.Cost);
        if (outcome.Rejection is { } rejection)
        {
            Take(outcome.Tie);
            if (IsTraced)
                Tell(TraceEvent.Refused(
                    rejection, message.Cmd == RenewAccess.Name ? HiddenRenewal : MessageWriter.Write(message)));
            if (rejection is { IsForgiven: false } && rejection.Code == ErrorCode.InvalidMessage
                && !Services.Limits.ReportInvalid)
            {
                Close(CloseReason.InvalidMessage(rejection.Field + ": " + rejection.Text));
                return default;
            }
            // That nobody is there is the answer to a question that only a message with an id asks.
            return rejection is { IsForgiven: false } && rejection.Code == ErrorCode.RecipientOffline
                && message.Id is null
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
        // Behind the reply: what comes of it is told to whoever knows already what it is about.
        Take(outcome.Tie);
        if (id is not null && !outcome.IsAnswer)
        {
            var ack = Services.Messages.Ack(ClientId, GroupId, id, outcome);
            await Loop.SendAsync(this, Frame.Of(ack)).ConfigureAwait(false);
        }
    }

    /// <summary>Whether its channels are left, and it says nothing any more.</summary>
    public bool HasLeft => Volatile.Read(ref hasLeft);

    /// <summary>
    /// Its channels are left: ends what it has to do with others. What is still under way finds that it came too late.
    /// </summary>
    public void EndTies()
    {
        Volatile.Write(ref hasLeft, true);
        if (Services.Commands is { } commands && (Volatile.Read(ref ties) is not null || Volatile.Read(ref inFlight) > 0))
            TiesWith(commands).End();
    }

    private void Renew(Token token)
    {
        var before = sender;
        // A full fence: whoever revokes looks at this after it is known, and here it is the other way round.
        Interlocked.Exchange(ref sender, before with { Access = token.Access, Token = token });
        Term = TokenTerm.Of(token, Services);
        if (Heard is { } heard && heard.Permissions != token.Access.Permissions)
            Heard = heard with { Permissions = token.Access.Permissions };
        if (Volatile.Read(ref ties) is { } tied)
            tied.LetGoOf(group => !Sender.Reaches(group));
        // Revoked since it was looked at, when whoever closes connections saw the one before.
        if (Services.Credentials is { } credentials && !IsGranted(credentials))
            Close(CloseReason.CredentialRevoked);
    }

    private void Take(ConnectionTie? tie)
    {
        if (tie is not (null or RenewedToken) && Services.Commands is { } commands)
            TiesWith(commands).Take(tie);
    }

    private ConnectionTies TiesWith(CommandServices commands)
    {
        if (Volatile.Read(ref ties) is { } known)
            return known;
        var made = new ConnectionTies(
            this, Holder, commands.Watches, commands.Runner, Services.Messages, Services.Limits.MaxMessageBytes);
        return Interlocked.CompareExchange(ref ties, made, null) ?? made;
    }

    // Of what could not be read, or was not: all tokens begin with these letters, and most renewals hold that name.
    private static byte[] WithoutSecrets(byte[] text) =>
        text.AsSpan().IndexOf("auth.renew"u8) < 0 && text.AsSpan().IndexOf("eyJ"u8) < 0 ? text : HiddenRenewal;

    private ValueTask RejectAsync(Rejection rejection, string? id) =>
        Loop.SendAsync(this, Frame.Of(Services.Messages.Error(ClientId, GroupId, rejection, id)));
}
