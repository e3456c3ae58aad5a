using System.Buffers;
using System.Net.WebSockets;
using System.Text.Unicode;
using Aether.Domain;

namespace Aether.Api.WebSockets;

/// <summary>How a connection takes in what its client sends: whole messages, within their limits.</summary>
internal abstract partial class SocketConnection
{
    private const int FirstBuffer = 4_096;

    /// <summary>
    /// After so many messages whoever else has something to do comes first: a client that always has one more ready
    /// would keep the thread for itself.
    /// </summary>
    private const int YieldEvery = 64;

    private InboundFrames inbound;
    private TokenBucket bucket;
    private CloseReason? fault;
    private long overSince;
    private long lastOver;
    private long ended;
    private long lastRead;
    private long lastMessage;
    private long messageStarted;
    private long pingedAt;
    private bool notReading;

    /// <summary>How many messages were taken from the client so far.</summary>
    public long Received => Volatile.Read(ref ended);

    /// <summary>Takes note of bytes on their way into the WebSocket.</summary>
    public void OnBytesRead(ReadOnlySpan<byte> bytes)
    {
        int completed = inbound.Completed;
        int controls = inbound.Controls;
        int continuations = inbound.Continuations;
        inbound.Advance(bytes);
        long now = Services.Clock.AwakeMs;
        if (inbound.Controls != controls || inbound.Continuations != continuations)
            Charge(inbound.Controls - controls, inbound.Continuations - continuations, Services.Clock.NowMs);
        Volatile.Write(ref lastRead, now);
        if (!inbound.MessageOpen)
            Volatile.Write(ref messageStarted, 0);
        else if (messageStarted == 0 || inbound.Completed != completed)
            Volatile.Write(ref messageStarted, now);
    }

    /// <summary>
    /// Receives until the client or the server has closed. Ends normally however the connection ended.
    /// </summary>
    /// <param name="socket">The WebSocket.</param>
    /// <param name="transport">What it reads from; none if it is the host's own.</param>
    public async Task ReceiveAsync(WebSocket socket, Stream? transport)
    {
        // No byte of it passes by here, so nothing can be said of its silence: its host looks after that.
        if (transport is null)
            Volatile.Write(ref lastRead, long.MaxValue);
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
                byte[]? text = wake.EndOfMessage ? [] : await ReadMessageAsync(socket).ConfigureAwait(false);
                if (text is not null && !Utf8.IsValid(text))
                {
                    // The library does not see a character that is cut off where the last frame is empty.
                    ended++;
                    Close(CloseReason.InvalidUtf8);
                }
                else if (text is not null)
                {
                    ended++;
                    Volatile.Write(ref lastMessage, Services.Clock.AwakeMs);
                    await TakeAsync(text).ConfigureAwait(false);
                    if (ended % YieldEvery == 0)
                        await Task.Yield();
                }
                else if (socket.State != WebSocketState.Open)
                {
                    break;
                }
            }
            Close(CloseReason.Answer((int)(socket.CloseStatus ?? WebSocketCloseStatus.NormalClosure)));
        }
        catch (WebSocketException fault) when (fault.WebSocketErrorCode == WebSocketError.ConnectionClosedPrematurely)
        {
            TryDecide(CloseReason.Lost);
        }
        catch (WebSocketException)
        {
            // The library has answered a broken frame with 1002 or 1007. Taking in the rest gives that answer the
            // chance to arrive: a socket that is closed over unread bytes resets the connection instead.
            TryDecide(fault ?? CloseReason.ProtocolError);
            await LingerAsync(transport ?? Stream.Null).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is IOException or OperationCanceledException or ObjectDisposedException)
        {
            TryDecide(CloseReason.Lost);
        }
    }

    /// <summary>Does what a message says; the next one is not read before this has ended.</summary>
    /// <param name="text">The message in UTF-8, for good: nobody writes to the array again.</param>
    protected abstract ValueTask TakeAsync(byte[] text);

    /// <summary>
    /// Says that what came from the client has to wait for the host. That is not the client's fault: until the result is
    /// disposed of it is neither silent nor slow.
    /// </summary>
    protected ReadingPause WithoutReading()
    {
        Volatile.Write(ref notReading, true);
        return new ReadingPause(this);
    }

    private void GoOnReading()
    {
        long now = Services.Clock.AwakeMs;
        // None: its host looks after the silence.
        if (Volatile.Read(ref lastRead) != long.MaxValue)
            Volatile.Write(ref lastRead, now);
        Volatile.Write(ref lastMessage, now);
        if (messageStarted != 0)
            Volatile.Write(ref messageStarted, now);
        Volatile.Write(ref notReading, false);
    }

    /// <summary>Lasts until it is disposed of.</summary>
    protected readonly struct ReadingPause(SocketConnection connection) : IDisposable
    {
        /// <summary>Goes on with the client.</summary>
        public void Dispose() => connection.GoOnReading();
    }

    /// <summary>Takes a token for a message, if there is one.</summary>
    protected bool TryTakeToken(long now) =>
        Services.Limits.RatePerSecond == 0
        || bucket.TryTake(Services.Limits.RatePerSecond, Services.Limits.RateBurst, now);

    /// <summary>Takes tokens for what a message turned out to cost, which may be more than there are.</summary>
    protected void Owe(int cost) => bucket.Owe(cost, Services.Limits.RateBurst);

    /// <summary>How long until there is a token again, in ms.</summary>
    protected long MsToNextToken() => bucket.MsToNext(Services.Limits.RatePerSecond);

    /// <summary>Takes note that the client is over its limit; one that is for too long is closed.</summary>
    /// <returns>Whether it is closed.</returns>
    protected bool NoteOverLimit(long now)
    {
        if (overSince == 0 || now - lastOver > ConnectionLimits.FloodGapMs)
            overSince = now;
        lastOver = now;
        if (now - overSince < ConnectionLimits.MaxFloodMs)
            return false;
        Close(CloseReason.Flooding);
        return true;
    }

    /// <summary>
    /// Takes tokens for the frames that are no message of their own: the WebSocket deals with them, answers pings and
    /// says nothing of it, so that they are not dropped but owed.
    /// </summary>
    private void Charge(int controls, int continuations, long now)
    {
        // Without a limit of messages what no client needs so much of is limited all the same.
        var (perSecond, burst, cost) = Services.Limits.RatePerSecond == 0
            ? (ConnectionLimits.ControlsPerSecond, ConnectionLimits.ControlsBurst, controls)
            : (Services.Limits.RatePerSecond, Services.Limits.RateBurst, controls + continuations);
        if (cost == 0)
            return;
        bucket.Fill(perSecond, burst, now);
        bucket.Owe(cost, burst);
        if (bucket.IsOwing && (controls > 0 || !IsLegacy))
            NoteOverLimit(now);
    }

    /// <summary>Remembers what the WebSocket itself closes for: it tells its peer, and not us.</summary>
    private void NoteFault(ReadOnlySpan<byte> frame)
    {
        if (frame is [0x88, >= 2 and < 126, byte high, byte low, ..])
        {
            fault = ((high << 8) | low) == CloseReason.InvalidUtf8.Code
                ? CloseReason.InvalidUtf8
                : CloseReason.ProtocolError;
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
                var received = await socket.ReceiveAsync(buffer.AsMemory(length), CancellationToken.None)
                    .ConfigureAwait(false);
                length += received.Count;
                if (received.MessageType == WebSocketMessageType.Close || !IsWithinLimits(length))
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

    private bool IsWithinLimits(int received = 0)
    {
        // The WebSocket reads a little ahead. If more messages have passed by than were taken, what is known of the
        // frames is of a later one, and the one at hand must not be blamed for it.
        bool isAtHand = inbound.Completed == (int)ended;
        ulong announced = isAtHand ? inbound.MessageBytes : 0;
        if (Math.Max(announced, (ulong)received) > (ulong)Services.Limits.MaxMessageBytes)
            Close(CloseReason.MessageTooBig($"message: must be at most {Services.Limits.MaxMessageBytes} bytes"));
        else if (inbound.OverFragmented == (int)ended)
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
}
