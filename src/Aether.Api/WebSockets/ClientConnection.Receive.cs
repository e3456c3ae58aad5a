using System.Buffers;
using System.Net.WebSockets;
using Aether.Api.Hosting;
using Aether.Application;
using Aether.Application.Delivery;
using Aether.Application.Messaging;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Api.WebSockets;

/// <summary>What a connection does with what its client sends: frames become messages, messages commands.</summary>
internal sealed partial class ClientConnection
{
    private const int FirstBuffer = 4_096;

    private InboundFrames inbound;
    private TokenBucket bucket;
    private long lastRead;
    private long lastMessage;
    private long messageStarted;
    private long pingedAt;
    private long floodSince;
    private long lastDrop;
    private int inFlight;
    private TaskCompletionSource? roomInFlight;

    /// <summary>Takes note of bytes on their way into the WebSocket.</summary>
    public void OnBytesRead(ReadOnlySpan<byte> bytes)
    {
        int completed = inbound.Completed;
        inbound.Advance(bytes);
        long now = services.Clock.NowMs;
        Volatile.Write(ref lastRead, now);
        if (!inbound.MessageOpen)
            Volatile.Write(ref messageStarted, 0);
        else if (messageStarted == 0 || inbound.Completed != completed)
            Volatile.Write(ref messageStarted, now);
    }

    /// <summary>Receives until the client or the server has closed. Ends normally however the connection ended.</summary>
    public async Task ReceiveAsync(WebSocket socket, Stream transport)
    {
        try
        {
            while (true)
            {
                // Waits without a buffer: an idle connection holds none. It returns at a message's first frame.
                var wake = await socket.ReceiveAsync(Memory<byte>.Empty, CancellationToken.None).ConfigureAwait(false);
                if (wake.MessageType == WebSocketMessageType.Close)
                    break;
                if (Reason is not null || !IsWithinLimits() || !IsText(wake.MessageType))
                {
                    if (!wake.EndOfMessage && !await DiscardAsync(socket).ConfigureAwait(false))
                        break;
                    continue;
                }
                byte[]? json = wake.EndOfMessage ? [] : await ReadMessageAsync(socket).ConfigureAwait(false);
                if (json is not null)
                    await TakeAsync(json).ConfigureAwait(false);
            }
            Close(CloseReason.Answer((int)(socket.CloseStatus ?? WebSocketCloseStatus.NormalClosure)));
        }
        catch (WebSocketException fault) when (fault.WebSocketErrorCode == WebSocketError.ConnectionClosedPrematurely)
        {
            TryDecide(CloseReason.GoingAway);
        }
        catch (WebSocketException)
        {
            // The library has answered a broken frame with 1002 or 1007. Taking in the rest gives that answer the chance to
            // arrive: a socket that is closed over unread bytes resets the connection instead.
            TryDecide(CloseReason.InvalidUtf8);
            await LingerAsync(transport).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is IOException or OperationCanceledException or ObjectDisposedException)
        {
            TryDecide(CloseReason.GoingAway);
        }
    }

    /// <summary>Reads the rest of a message into an array of its own.</summary>
    /// <returns><see langword="null"/> when it is over a limit; the connection is then closing.</returns>
    private async ValueTask<byte[]?> ReadMessageAsync(WebSocket socket)
    {
        int expected = (int)Math.Min(inbound.MessageBytes, FirstBuffer);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(Math.Max(expected, 256));
        int length = 0;
        try
        {
            while (true)
            {
                if (length == buffer.Length)
                    Grow(ref buffer);
                var received = await socket.ReceiveAsync(buffer.AsMemory(length), CancellationToken.None).ConfigureAwait(false);
                length += received.Count;
                if (received.MessageType == WebSocketMessageType.Close || !IsWithinLimits())
                    return null;
                if (received.EndOfMessage)
                    return buffer.AsSpan(0, length).ToArray();
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static void Grow(ref byte[] buffer)
    {
        byte[] larger = ArrayPool<byte>.Shared.Rent(buffer.Length * 2);
        buffer.CopyTo(larger, 0);
        ArrayPool<byte>.Shared.Return(buffer);
        buffer = larger;
    }

    private bool IsWithinLimits()
    {
        if (inbound.MessageBytes > (ulong)services.Limits.MaxMessageBytes)
            Close(CloseReason.MessageTooBig($"message: must be at most {services.Limits.MaxMessageBytes} bytes"));
        else if (inbound.Fragments > ConnectionLimits.MaxFragments)
            Close(CloseReason.MessageTooBig($"message: must be at most {ConnectionLimits.MaxFragments} fragments"));
        return Reason is null;
    }

    private bool IsText(WebSocketMessageType type)
    {
        if (type == WebSocketMessageType.Binary)
            Close(CloseReason.BinaryFrame);
        return type == WebSocketMessageType.Text;
    }

    private static async ValueTask<bool> DiscardAsync(WebSocket socket)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(FirstBuffer);
        try
        {
            var received = await socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None).ConfigureAwait(false);
            return received.MessageType != WebSocketMessageType.Close;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static async Task LingerAsync(Stream transport)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(FirstBuffer);
        try
        {
            // The clock's check aborts a peer that never ends.
            while (await transport.ReadAsync(buffer).ConfigureAwait(false) > 0)
            {
            }
        }
        catch (Exception fault) when (fault is IOException or OperationCanceledException)
        {
            // That is the end that was waited for.
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private ValueTask TakeAsync(byte[] json)
    {
        long now = services.Clock.NowMs;
        Volatile.Write(ref lastMessage, now);
        var limits = services.Limits;
        bool allowed = limits.RatePerSecond == 0 || bucket.TryTake(limits.RatePerSecond, limits.RateBurst, now);
        if (!MessageReader.TryRead(json, ClientId, GroupId, out var message, out var error))
            return RefuseAsync(error);
        if (!allowed)
            return DropAsync(message, now);
        var carriedOut = services.Mediator.Send(MessageCommands.From(Sender, message), CancellationToken.None);
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
        if (services.Limits.ReportInvalid)
            return RejectAsync(new Rejection(ErrorCode.InvalidMessage, error.ToString(), error.Field), error.Id);
        Close(CloseReason.InvalidMessage(error.ToString()));
        return default;
    }

    private ValueTask DropAsync(Message message, long now)
    {
        var limits = services.Limits;
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
            new Rejection(ErrorCode.RateLimited, "over the rate limit; the message was dropped", RetryAfter: after), message.Id);
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
            services.Logger.CommandFailed(fault.GetType().Name);
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
            if (rejection.Code == ErrorCode.InvalidMessage && !services.Limits.ReportInvalid)
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
            var ack = services.Messages.Ack(ClientId, GroupId, id, outcome.Instances);
            await Loop.SendAsync(this, Frame.Of(ack)).ConfigureAwait(false);
        }
    }

    private ValueTask RejectAsync(Rejection rejection, string? id) =>
        Loop.SendAsync(this, Frame.Of(services.Messages.Error(ClientId, GroupId, rejection, id)));
}
