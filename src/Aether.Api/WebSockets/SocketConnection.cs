using Aether.Api.Access;
using Aether.Application.Delivery;
using Aether.Application.Tracing;
using Aether.Domain;

namespace Aether.Api.WebSockets;

/// <summary>
/// One WebSocket. This file holds its life: opening, writing, the clock's checks and closing.
/// <c>SocketConnection.Receive.cs</c> holds how it takes in messages; what they mean is its subclass's business.
/// </summary>
internal abstract partial class SocketConnection : Connection
{
    private readonly ConnectionOutput output;
    private readonly Action abort;
    private readonly long number;
    private CloseReason? reason;
    private TokenTerm? term;
    private long closingSince;
    private long flushingSince;
    private int putBytes;
    private int putFrames;

    /// <summary>Creates a connection that is not open yet: what is sent to it waits.</summary>
    /// <param name="services">What every connection shares.</param>
    /// <param name="clientId">The client.</param>
    /// <param name="groupId">The group.</param>
    /// <param name="profile">What it wants to hear.</param>
    /// <param name="loop">The loop that writes to it.</param>
    /// <param name="abort">Ends the transport at once.</param>
    protected SocketConnection(
        ConnectionServices services,
        VisionId clientId,
        VisionId groupId,
        Profile profile,
        DeliveryLoop loop,
        Action abort)
        : base(clientId, groupId, profile.Echo, profile.Full, loop, profile.Role)
    {
        Services = services;
        this.abort = abort;
        number = services.Instance.NextConnection();
        output = new ConnectionOutput(services.Limits.SendQueue, this);
        lastRead = lastMessage = services.Clock.AwakeMs;
        bucket = new TokenBucket(
            services.Limits.RatePerSecond == 0 ? ConnectionLimits.ControlsBurst : services.Limits.RateBurst, lastRead);
    }

    /// <inheritdoc/>
    public override string Id => Services.Instance.NameOf(number);

    /// <summary>What every connection shares.</summary>
    protected ConnectionServices Services { get; }

    /// <summary>Its place in the registry, which alone uses it.</summary>
    public int Slot { get; set; }

    /// <summary>Whether it is one of the endpoint for V1 and V2 clients.</summary>
    public virtual bool IsLegacy => false;

    /// <summary>Whether it may stay, now that keys or tokens have changed.</summary>
    public abstract bool IsGranted(Credentials credentials);

    /// <summary>Until when a token lets it stay; <see langword="null"/>: it has none.</summary>
    protected TokenTerm? Term
    {
        get => Volatile.Read(ref term);
        set => Volatile.Write(ref term, value);
    }

    /// <summary>Why it was closed; <see langword="null"/> while it was not.</summary>
    public CloseReason? Reason => Volatile.Read(ref reason);

    /// <summary>Sends the first frame and what waited since the connection was created.</summary>
    public void Open(TransportWriter transport, Frame? first)
    {
        if (resumption is { } missed)
            OpenBehind(missed, transport, first);
        else
            Loop.Run(() => OpenNow(transport, first));
    }

    private void OpenNow(TransportWriter transport, Frame? first, Func<Frame, bool>? admits = null)
    {
        output.Open(transport, first, admits);
        if (!IsTraced)
            return;
        Tell(TraceEvent.Connected);
        TellSent(first);
    }

    /// <summary>
    /// Closes the connection: the frames before this, then the close frame. Whoever is first decides the reason;
    /// anything after that changes nothing.
    /// </summary>
    public override void Close(CloseReason why)
    {
        // Through the queue like any frame: an action of the loop would overtake answers that are already under way.
        if (TryDecide(why))
            _ = Loop.SendAsync(this, Frame.OfClose(why)).AsTask();
    }

    /// <inheritdoc/>
    public override ValueTask WaitForRoomAsync(int bytes)
    {
        // A quarter of the queue goes without a look at it, which the loop would have to take between two of its batches.
        var queue = Services.Limits.SendQueue;
        if (putBytes + bytes <= queue.Bytes / 4 && putFrames < queue.Messages / 4)
        {
            putBytes += bytes;
            putFrames++;
            return default;
        }
        (putBytes, putFrames) = (bytes, 1);
        return LookForRoomAsync(bytes);
    }

    private async ValueTask LookForRoomAsync(int bytes)
    {
        var found = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        // Behind what was put before, which takes room as well.
        await Loop.RunAfterAsync(() => output.WaitForRoom(bytes, found)).ConfigureAwait(false);
        await found.Task.ConfigureAwait(false);
    }

    /// <summary>Completes when everything written is on its way and the loop will not use the transport again.</summary>
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
        var limits = Services.Limits;
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
        if (Term is { } token)
            CheckTerm(token);
        // Nothing can be heard of a client that nobody reads from.
        if (Volatile.Read(ref notReading))
            return false;
        long messageSince = Volatile.Read(ref messageStarted);
        if (messageSince != 0 && nowMs - messageSince >= limits.MessageTimeoutMs)
            Close(CloseReason.MessageTooBig("message: must be complete in time"));
        if (limits.IdleMs > 0 && nowMs - Volatile.Read(ref lastMessage) >= limits.IdleMs)
            Close(CloseReason.Idle);
        return NeedsPing(nowMs);
    }

    /// <summary>Writes a frame that the WebSocket made itself: a pong, or the close after a broken frame.</summary>
    public ValueTask WriteOwnFrameAsync(ReadOnlyMemory<byte> bytes)
    {
        NoteFault(bytes.Span);
        return Loop.SendAsync(this, Frame.OfRaw(bytes.Span));
    }

    /// <summary>Goes on writing, in the loop, after a flush that was pending.</summary>
    public void ResumeLater() => Loop.Run(() =>
    {
        output.Resume();
        NoteFlushing();
        if (resumption is { } missed)
            GoOn(missed);
    });

    /// <inheritdoc/>
    protected internal override void Write(Frame frame)
    {
        if (resumption is { } missed && !Admits(missed, frame))
            return;
        if (IsTraced)
            TellSent(frame);
        if (frame.IsClose)
            output.WriteLast(frame, dropWaiting: false);
        else if (!output.Write(frame) && TryDecide(CloseReason.TooSlow))
            output.WriteLast(Frame.OfClose(CloseReason.TooSlow), dropWaiting: true);
    }

    /// <inheritdoc/>
    protected internal override void Flush()
    {
        output.Flush();
        NoteFlushing();
    }

    private void CheckTerm(TokenTerm token)
    {
        var now = Services.Time.GetUtcNow().UtcDateTime;
        if (token.IsOver(now, Services.Credentials?.ClockSkew ?? TimeSpan.Zero))
            Close(CloseReason.CredentialRevoked);
        else if (Full && token.IsToBeTold(now))
            _ = Loop.SendAsync(this, Frame.Of(Services.Messages.Expiring(ClientId, GroupId, token.ExpiresAt))).AsTask();
    }

    private bool TryDecide(CloseReason why)
    {
        if (Interlocked.CompareExchange(ref reason, why, null) is not null)
            return false;
        Volatile.Write(ref closingSince, Services.Clock.AwakeMs);
        if (IsTraced)
            Tell(TraceEvent.Closed(why));
        return true;
    }

    private void TellSent(Frame? frame)
    {
        if (frame is { IsText: true })
            Tell(TraceEvent.Received(frame.Content, forEverybody: frame.OnlyGroup.IsEmpty));
    }

    private void NoteFlushing()
    {
        if (!output.Pending)
            Volatile.Write(ref flushingSince, 0);
        else if (Volatile.Read(ref flushingSince) == 0)
            Volatile.Write(ref flushingSince, Services.Clock.AwakeMs);
    }

    private bool NeedsPing(long nowMs)
    {
        var limits = Services.Limits;
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
