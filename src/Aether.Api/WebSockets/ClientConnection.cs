using System.IO.Pipelines;
using Aether.Api.Hosting;
using Aether.Application.Delivery;
using Aether.Application.Messaging;
using Aether.Application.Wire;
using Aether.Domain;
using MediatR;

namespace Aether.Api.WebSockets;

/// <summary>What every connection of the instance shares.</summary>
internal sealed record ConnectionServices(
    IMediator Mediator,
    ServerMessages Messages,
    ConnectionLimits Limits,
    Instance Instance,
    Clock Clock,
    ILogger<ClientConnection> Logger);

/// <summary>
/// One client's connection. This file holds its life: opening, writing, the clock's checks and closing.
/// <c>ClientConnection.Receive.cs</c> holds what it does with what the client sends.
/// </summary>
internal sealed partial class ClientConnection : Connection
{
    private readonly ConnectionServices services;
    private readonly ConnectionOutput output;
    private readonly Action abort;
    private readonly long number;
    private CloseReason? reason;
    private long closingSince;
    private long flushingSince;

    /// <summary>Creates a connection that is not open yet: what is sent to it waits.</summary>
    /// <param name="services">What every connection shares.</param>
    /// <param name="sender">Who it is, and what it may do.</param>
    /// <param name="profile">What it wants to hear.</param>
    /// <param name="credential">What it showed to get in; empty if nothing was asked.</param>
    /// <param name="loop">The loop that writes to it.</param>
    /// <param name="abort">Ends the transport at once.</param>
    public ClientConnection(
        ConnectionServices services, Sender sender, Profile profile, string credential, DeliveryLoop loop, Action abort)
        : base(sender.ClientId, sender.GroupId, profile.Echo, profile.Full, loop)
    {
        this.services = services;
        this.abort = abort;
        Sender = sender;
        Credential = credential;
        number = services.Instance.NextConnection();
        output = new ConnectionOutput(services.Limits.SendQueue, this);
        lastRead = lastMessage = services.Clock.NowMs;
        bucket = new TokenBucket(services.Limits.RateBurst, lastRead);
    }

    /// <inheritdoc/>
    public override string Id => services.Instance.NameOf(number);

    /// <summary>Who it is, and what it may do.</summary>
    public Sender Sender { get; }

    /// <summary>The name of the API key it showed; empty if none was asked for.</summary>
    public string Credential { get; }

    /// <summary>Its place in the registry, which alone uses it.</summary>
    public int Slot { get; set; }

    /// <summary>Why it was closed; <see langword="null"/> while it was not.</summary>
    public CloseReason? Reason => Volatile.Read(ref reason);

    /// <summary>Sends the first frame and what waited since the connection was created.</summary>
    public void Open(PipeWriter pipe, Frame? first) => Loop.Run(() => output.Open(pipe, first));

    /// <summary>
    /// Closes the connection: the frames before this, then the close frame. Whoever is first decides the reason; anything
    /// after that changes nothing.
    /// </summary>
    public override void Close(CloseReason why)
    {
        // Through the queue like any frame: a turn of the loop would overtake answers that are already under way.
        if (TryDecide(why))
            _ = Loop.SendAsync(this, Frame.OfClose(why)).AsTask();
    }

    /// <summary>Completes when everything written is on its way and the loop will not touch the pipe again.</summary>
    public Task EndAsync()
    {
        var drained = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        // Behind its last frames, which would otherwise find the output ended.
        _ = Loop.RunAfterAsync(() => output.End(drained)).AsTask();
        return drained.Task;
    }

    /// <summary>Looks at the clock, which the registry does for all connections.</summary>
    /// <returns>Whether the peer has to be pinged.</returns>
    public bool Check(long nowMs)
    {
        var limits = services.Limits;
        if (Reason is not null)
        {
            if (nowMs - Volatile.Read(ref closingSince) >= ConnectionLimits.CloseTimeoutMs)
                abort();
            return false;
        }
        long flushing = output.Pending ? Volatile.Read(ref flushingSince) : 0;
        if (flushing != 0 && nowMs - flushing >= limits.SendTimeoutMs)
        {
            if (TryDecide(CloseReason.TooSlow))
                abort();
            return false;
        }
        long messageSince = Volatile.Read(ref messageStarted);
        if (messageSince != 0 && nowMs - messageSince >= limits.MessageTimeoutMs)
            Close(CloseReason.MessageTooBig("message: must be complete in time"));
        if (limits.IdleMs > 0 && nowMs - Volatile.Read(ref lastMessage) >= limits.IdleMs)
            Close(CloseReason.Idle);
        return NeedsPing(nowMs);
    }

    /// <summary>Writes a frame that the WebSocket made itself.</summary>
    public ValueTask WriteRawAsync(ReadOnlyMemory<byte> bytes) => Loop.SendAsync(this, Frame.OfRaw(bytes.Span));

    /// <summary>Goes on writing, in the loop, after a flush that was pending.</summary>
    public void ResumeLater() => Loop.Run(() =>
    {
        output.Resume();
        NoteFlushing();
    });

    /// <inheritdoc/>
    protected override void Write(Frame frame)
    {
        if (frame.IsClose)
            output.WriteLast(frame, dropWaiting: false);
        else if (!output.Write(frame) && TryDecide(CloseReason.TooSlow))
            output.WriteLast(Frame.OfClose(CloseReason.TooSlow), dropWaiting: true);
    }

    /// <inheritdoc/>
    protected override void Flush()
    {
        output.Flush();
        NoteFlushing();
    }

    private bool TryDecide(CloseReason why)
    {
        if (Interlocked.CompareExchange(ref reason, why, null) is not null)
            return false;
        Volatile.Write(ref closingSince, services.Clock.NowMs);
        return true;
    }

    private void NoteFlushing()
    {
        if (!output.Pending)
            Volatile.Write(ref flushingSince, 0);
        else if (Volatile.Read(ref flushingSince) == 0)
            Volatile.Write(ref flushingSince, services.Clock.NowMs);
    }

    private bool NeedsPing(long nowMs)
    {
        var limits = services.Limits;
        long heard = Volatile.Read(ref lastRead);
        if (limits.PingAfterMs == 0 || nowMs - heard < limits.PingAfterMs)
            return false;
        if (nowMs - heard < limits.PingAfterMs + limits.PongWithinMs)
        {
            bool pinged = pingedAt > heard;
            pingedAt = nowMs;
            return !pinged;
        }
        abort();
        return false;
    }
}

/// <summary>What a connection asked to hear.</summary>
/// <param name="Full">Whether it also gets the welcome frame, presence events and gaps.</param>
/// <param name="Echo">Whether it gets the group and broadcast messages of its own client.</param>
/// <param name="Role">What it is in its group.</param>
internal readonly record struct Profile(bool Full, bool Echo, Role Role);
