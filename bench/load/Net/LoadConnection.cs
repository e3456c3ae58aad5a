using System.Diagnostics;
using System.Text;
using Aether.Load.Protocols;
using Aether.Load.Traffic;

namespace Aether.Load.Net;

/// <summary>What a scenario hears of its connections.</summary>
internal interface IConnectionEvents
{
    /// <summary>It is connected, and has done all that its protocol asks for.</summary>
    void OnOpen(LoadConnection connection);

    /// <summary>A message came.</summary>
    void OnMessage(LoadConnection connection, ReadOnlySpan<byte> message);

    /// <summary>It is gone; <paramref name="fault"/> says why, or is null if the close was ours.</summary>
    void OnClosed(LoadConnection connection, string? fault);
}

/// <summary>Where a connection goes and who it is there.</summary>
/// <param name="Server">The instance.</param>
/// <param name="GroupId">Its group.</param>
/// <param name="ClientId">Its client id.</param>
/// <param name="Joins">Whether it hears what is said to the group, where the protocol leaves a choice.</param>
internal sealed record Identity(Endpoint Server, string GroupId, string ClientId, bool Joins);

/// <summary>A WebSocket connection to a server under test.</summary>
internal sealed class LoadConnection : IFrameSink
{
    /// <summary>One source address has about 28,000 ports for a server.</summary>
    internal const int ConnectionsPerAddress = 20_000;

    // The example of RFC 6455. That every connection has the same key is no concern of a load driver.
    private const string Key = "dGhlIHNhbXBsZSBub25jZQ==";
    private const string Accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    private const uint Loopback = 0x7f000001;
    private const int LongestReply = 16 * 1024;

    private readonly EventLoop loop;
    private readonly IProtocol protocol;
    private readonly IConnectionEvents events;
    private readonly FrameParser parser = new();
    private readonly int socket;
    private byte[] output = [];
    private int written, queued;
    private bool isQueued, isBlocked;
    private int greeted;
    private byte[] reply = [];

    private State state = State.Connecting;

    private LoadConnection(EventLoop loop, IProtocol protocol, IConnectionEvents events, Identity identity)
    {
        (this.loop, this.protocol, this.events, Identity) = (loop, protocol, events, identity);
        socket = Native.CreateSocket();
    }

    private enum State
    {
        Connecting,
        Upgrading,
        Greeting,
        Open,
        Closing,
        Closed,
    }

    /// <summary>Where it goes and who it is.</summary>
    public Identity Identity { get; }

    /// <summary>What it should receive, and has.</summary>
    public Receiver? Receiver { get; init; }

    /// <summary>When it began.</summary>
    public long Began { get; private set; }

    /// <summary>Whether the server has said 503: not now.</summary>
    public bool IsTurnedAway { get; private set; }

    /// <summary>Whether it can be sent on.</summary>
    public bool IsOpen => state == State.Open;

    internal uint Generation { get; private set; }

    /// <summary>Begins to connect.</summary>
    /// <param name="loop">Who drives it.</param>
    /// <param name="protocol">What it speaks.</param>
    /// <param name="events">Who hears of it.</param>
    /// <param name="identity">Where it goes and who it is.</param>
    /// <param name="source">Which of the loopback addresses it comes from, from 0.</param>
    /// <param name="receiver">What it should receive.</param>
    public static LoadConnection Start(
        EventLoop loop, IProtocol protocol, IConnectionEvents events, Identity identity, int source, Receiver? receiver)
    {
        var connection = new LoadConnection(loop, protocol, events, identity)
        {
            Receiver = receiver,
            Began = Stopwatch.GetTimestamp(),
        };
        var server = identity.Server;
        if ((server.Address >> 24) == 127)
            Native.Bind(connection.socket, Loopback + (uint)source);
        Native.Connect(connection.socket, server.Address, server.Port);
        connection.Generation = loop.Register(connection, connection.socket);
        return connection;
    }

    /// <summary>Queues a frame that is written at the end of this turn of the loop.</summary>
    public void Send(ReadOnlySpan<byte> frame) => frame.CopyTo(Reserve(frame.Length));

    /// <summary>Room for a frame in what is written at the end of this turn of the loop.</summary>
    public Span<byte> Reserve(int length)
    {
        if (written == queued)
            written = queued = 0;
        if (output.Length - queued < length)
        {
            output.AsSpan(written, queued - written).CopyTo(output);
            (queued, written) = (queued - written, 0);
            if (output.Length - queued < length)
                Array.Resize(ref output, Math.Max(queued + length, output.Length * 2));
        }
        if (!isQueued)
        {
            isQueued = true;
            loop.WriteSoon(this);
        }
        queued += length;
        return output.AsSpan(queued - length, length);
    }

    /// <summary>Says goodbye; the connection is closed when the server has answered.</summary>
    public void BeginClose()
    {
        if (state != State.Open)
            return;
        state = State.Closing;
        Send(ClientFrame.Build(Opcode.Close, [0x03, 0xe8]).Frame);
    }

    /// <summary>Drops the connection.</summary>
    public void Close(string? fault)
    {
        if (state == State.Closed)
            return;
        state = State.Closed;
        loop.Forget(socket);
        Native.Close(socket);
        if (!loop.IsStopped)
            events.OnClosed(this, fault);
    }

    /// <inheritdoc/>
    void IFrameSink.OnMessage(ReadOnlySpan<byte> message)
    {
        if (state == State.Greeting)
            Greet(message);
        else if (state == State.Open)
            events.OnMessage(this, message);
    }

    /// <inheritdoc/>
    void IFrameSink.OnControl(Opcode opcode, ReadOnlySpan<byte> payload)
    {
        if (opcode == Opcode.Ping && state is State.Greeting or State.Open)
            Send(ClientFrame.Build(Opcode.Pong, payload).Frame);
        else if (opcode == Opcode.Close)
            Close(state == State.Closing ? null : CloseReason(payload));
    }

    internal void OnReady(uint what, byte[] buffer)
    {
        if (state == State.Connecting && !FinishConnect())
            return;
        if ((what & Native.Out) != 0 && isBlocked)
            Write();
        if ((what & (Native.In | Native.HangUp | Native.Error)) != 0)
            Read(buffer);
    }

    internal void Write()
    {
        isQueued = false;
        while (written < queued && state != State.Closed)
        {
            int sent = Native.Send(socket, output.AsSpan(written, queued - written));
            if (sent == -Native.TryAgain)
                break;
            if (sent < 0)
                Close($"send: {Native.Text(-sent)}");
            else
                written += sent;
        }
        if (state != State.Closed && isBlocked != written < queued)
        {
            isBlocked = written < queued;
            loop.Watch(this, socket, isBlocked);
        }
    }

    private static string CloseReason(ReadOnlySpan<byte> payload) => payload.Length < 2
        ? "closed by the server without a code"
        : $"closed by the server: {(payload[0] << 8) | payload[1]} {Encoding.UTF8.GetString(payload[2..])}";

    private bool FinishConnect()
    {
        if (Native.PendingError(socket) is var error and not 0)
        {
            Close($"connect: {Native.Text(error)}");
            return false;
        }
        state = State.Upgrading;
        loop.Watch(this, socket, writable: false);
        var server = Identity.Server;
        Send(Encoding.ASCII.GetBytes(
            $"GET {protocol.Path(Identity)} HTTP/1.1\r\nHost: {server.Host}:{server.Port}\r\nConnection: Upgrade\r\n"
            + $"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {Key}\r\n\r\n"));
        return true;
    }

    private void Read(byte[] buffer)
    {
        int received = Native.Receive(socket, buffer);
        if (received == -Native.TryAgain)
            return;
        if (received <= 0)
        {
            Close(received == 0 ? state == State.Closing ? null : "the server ended the connection"
                : $"receive: {Native.Text(-received)}");
            return;
        }
        try
        {
            var bytes = buffer.AsSpan(0, received);
            if (state == State.Upgrading)
                Upgrade(bytes);
            else
                parser.Feed(bytes, this);
        }
        catch (InvalidDataException fault)
        {
            Close(fault.Message);
        }
    }

    private void Upgrade(ReadOnlySpan<byte> bytes)
    {
        reply = [.. reply, .. bytes];
        int end = reply.AsSpan().IndexOf("\r\n\r\n"u8);
        if (end < 0)
        {
            if (reply.Length > LongestReply)
                throw new InvalidDataException("the answer to the handshake does not end");
            return;
        }
        string head = Encoding.ASCII.GetString(reply, 0, end);
        IsTurnedAway = head.StartsWith("HTTP/1.1 503 ", StringComparison.Ordinal);
        if (!head.StartsWith("HTTP/1.1 101 ", StringComparison.Ordinal))
            throw new InvalidDataException($"handshake refused: {Encoding.UTF8.GetString(reply).ReplaceLineEndings(" ")}");
        if (!head.Contains(Accept, StringComparison.Ordinal))
            throw new InvalidDataException("handshake without the right Sec-WebSocket-Accept");
        state = State.Greeting;
        SendGreeting();
        byte[] rest = reply[(end + 4)..];
        reply = [];
        parser.Feed(rest, this);
    }

    private void SendGreeting()
    {
        var steps = protocol.Greeting(Identity);
        if (greeted < steps.Count)
        {
            Send(ClientFrame.Build(Opcode.Text, Encoding.UTF8.GetBytes(steps[greeted].Say)).Frame);
            return;
        }
        state = State.Open;
        events.OnOpen(this);
    }

    private void Greet(ReadOnlySpan<byte> message)
    {
        string expected = protocol.Greeting(Identity)[greeted].Expect;
        if (message.IndexOf(Encoding.UTF8.GetBytes(expected)) < 0)
        {
            if (protocol.Fault(message) is { } fault)
                throw new InvalidDataException(fault);
            return;
        }
        greeted++;
        SendGreeting();
    }
}
