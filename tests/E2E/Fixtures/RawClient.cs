using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Aether.Tests.E2E;

/// <summary>A frame as it came over the wire.</summary>
/// <param name="Opcode">What it is.</param>
/// <param name="Content">What it holds.</param>
public sealed record RawFrame(int Opcode, byte[] Content)
{
    public const int Continuation = 0;
    public const int Text = 1;
    public const int Binary = 2;
    public const int Close = 8;
    public const int Ping = 9;
    public const int Pong = 10;

    /// <summary>The code of a close frame; <see cref="TestClient.Abnormal"/> without one.</summary>
    public int CloseCode => Content.Length >= 2 ? BinaryPrimitives.ReadUInt16BigEndian(Content) : TestClient.Abnormal;

    /// <summary>What it holds, as text.</summary>
    public string AsText => Encoding.UTF8.GetString(Content);
}

/// <summary>
/// A client that does everything by hand over TCP: it sends what no library would, and stops reading when it likes.
/// </summary>
public sealed class RawClient : IAsyncDisposable
{
    private static readonly byte[] Mask = [0x11, 0x22, 0x33, 0x44];

    private readonly Socket socket;
    private byte[] buffer = new byte[16_384];
    private int start;
    private int end;

    private RawClient(Socket socket) => this.socket = socket;

    /// <summary>What the server answered to the request.</summary>
    public int Status { get; private set; }

    /// <summary>The head of the answer.</summary>
    public string Head { get; private set; } = "";

    /// <summary>The body of an answer that is no upgrade.</summary>
    public string Body { get; private set; } = "";

    /// <summary>Connects as a client of a group, and expects to be taken.</summary>
    public static async Task<RawClient> ConnectAsync(ServerProcess server, string group, string id, string query = "")
    {
        var client = await RequestAsync(server, server.Endpoint(group, id, query).PathAndQuery);
        return client.Status == 101 ? client : throw new InvalidOperationException(client.Head + client.Body);
    }

    /// <summary>Asks for an upgrade of any path, with any headers more, each a whole line.</summary>
    public static Task<RawClient> RequestAsync(ServerProcess server, string target, params string[] headers) =>
        RequestAsync(server, target, "1.1", headers);

    /// <summary>The same with any version of HTTP.</summary>
    public static async Task<RawClient> RequestAsync(
        ServerProcess server, string target, string version, string[] headers)
    {
        var client = await OpenAsync(server);
        await client.UpgradeAsync(server, target, version, headers);
        return client;
    }

    /// <summary>Opens a connection and sends nothing.</summary>
    public static async Task<RawClient> OpenAsync(ServerProcess server)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, server.Address.Port);
        return new RawClient(socket);
    }

    /// <summary>A header of the answer; <see langword="null"/> if it is not there.</summary>
    public string? Header(string name) =>
        Head.Split("\r\n")
            .Where(line => line.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase))
            .Select(line => line[(name.Length + 1)..].Trim())
            .FirstOrDefault();

    /// <summary>Sends a text message in one frame.</summary>
    public Task SendTextAsync(string text) => SendFrameAsync(RawFrame.Text, Encoding.UTF8.GetBytes(text));

    /// <summary>Sends one frame.</summary>
    public Task SendFrameAsync(int opcode, byte[] content, bool last = true, bool masked = true, int reserved = 0) =>
        SendBytesAsync(Frame(opcode, content, last, masked, reserved));

    /// <summary>Sends bytes.</summary>
    public async Task SendBytesAsync(ReadOnlyMemory<byte> bytes)
    {
        using var deadline = new CancellationTokenSource(Eventually.Soon);
        while (!bytes.IsEmpty)
            bytes = bytes[await socket.SendAsync(bytes, deadline.Token)..];
    }

    /// <summary>
    /// Sends bytes to a server that may have closed the connection by now, which the caller finds out by reading.
    /// </summary>
    public async Task SendBytesUnlessClosedAsync(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            await SendBytesAsync(bytes);
        }
        catch (SocketException)
        {
            // It has.
        }
    }

    /// <summary>The next frame; <see langword="null"/> when the connection ended, orderly or not.</summary>
    /// <exception cref="TimeoutException">Nothing came in time.</exception>
    public async Task<RawFrame?> ReceiveAsync(TimeSpan? within = null)
    {
        using var deadline = new CancellationTokenSource(within ?? Eventually.Soon);
        try
        {
            if (!await FillAsync(2, deadline.Token))
                return null;
            int opcode = buffer[start] & 0x0f;
            int header = (buffer[start + 1] & 0x7f) switch { 126 => 4, 127 => 10, _ => 2 };
            if (!await FillAsync(header, deadline.Token))
                return null;
            int length = header switch
            {
                4 => BinaryPrimitives.ReadUInt16BigEndian(buffer.AsSpan(start + 2)),
                10 => (int)BinaryPrimitives.ReadUInt64BigEndian(buffer.AsSpan(start + 2)),
                _ => buffer[start + 1],
            };
            if (!await FillAsync(header + length, deadline.Token))
                return null;
            byte[] content = buffer.AsSpan(start + header, length).ToArray();
            start += header + length;
            return new RawFrame(opcode, content);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException("no frame came, and the connection is still open");
        }
        catch (SocketException)
        {
            return null;
        }
    }

    /// <summary>Reads on to the end of the connection.</summary>
    /// <returns>How it ended; the code is <see cref="TestClient.Abnormal"/> without a close frame.</returns>
    public async Task<Closed> EndAsync(TimeSpan? within = null)
    {
        var closed = new Closed(TestClient.Abnormal, "");
        while (await ReceiveAsync(within) is { } frame)
        {
            if (frame.Opcode != RawFrame.Close)
                continue;
            closed = new Closed(
                frame.CloseCode, frame.Content.Length > 2 ? Encoding.UTF8.GetString(frame.Content, 2,
                    frame.Content.Length - 2) : "");
            await SendBytesUnlessClosedAsync(Frame(RawFrame.Close, frame.Content[..Math.Min(2, frame.Content.Length)]));
            // A server that lost track of our frames cannot see that answer; that nothing more comes it can.
            EndSending();
        }
        return closed;
    }

    /// <summary>Cuts the connection without a word, as a crash or a cable does.</summary>
    public void Reset()
    {
        socket.LingerState = new LingerOption(enable: true, seconds: 0);
        socket.Close();
    }

    /// <summary>The bytes of a frame.</summary>
    public static byte[] Frame(int opcode, byte[] content, bool last = true, bool masked = true, int reserved = 0)
    {
        var bytes = new List<byte> { (byte)((last ? 0x80 : 0) | (reserved << 4) | opcode) };
        byte maskBit = (byte)(masked ? 0x80 : 0);
        if (content.Length < 126)
        {
            bytes.Add((byte)(maskBit | content.Length));
        }
        else
        {
            byte[] length = new byte[8];
            BinaryPrimitives.WriteUInt64BigEndian(length, (ulong)content.Length);
            bytes.Add((byte)(maskBit | (content.Length <= ushort.MaxValue ? 126 : 127)));
            bytes.AddRange(content.Length <= ushort.MaxValue ? length[6..] : length);
        }
        if (masked)
            bytes.AddRange(Mask);
        bytes.AddRange(masked ? content.Select((b, i) => (byte)(b ^ Mask[i % 4])) : content);
        return [.. bytes];
    }

    /// <summary>The head of a frame that says it is this long; nothing of it follows.</summary>
    public static byte[] FrameHead(int opcode, ulong length, bool last = true)
    {
        byte[] bytes = new byte[14];
        bytes[0] = (byte)((last ? 0x80 : 0) | opcode);
        bytes[1] = 0x80 | 127;
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(2), length);
        Mask.CopyTo(bytes, 10);
        return bytes;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        socket.Dispose();
        return default;
    }

    private void EndSending()
    {
        try
        {
            socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // The server was faster.
        }
    }

    private async Task UpgradeAsync(ServerProcess server, string target, string version, string[] headers)
    {
        var request = new StringBuilder($"GET {target} HTTP/{version}\r\nHost: {server.Address.Authority}\r\n");
        request.Append("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
        request.Append("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
        foreach (string header in headers)
            request.Append(header).Append("\r\n");
        await SendBytesAsync(Encoding.Latin1.GetBytes(request.Append("\r\n").ToString()));
        await ReadAnswerAsync();
    }

    private async Task ReadAnswerAsync()
    {
        using var deadline = new CancellationTokenSource(Eventually.Soon);
        int length;
        while ((length = buffer.AsSpan(start, end - start).IndexOf("\r\n\r\n"u8)) < 0)
        {
            if (!await FillAsync(end - start + 1, deadline.Token))
                throw new InvalidOperationException("the connection was closed instead of an answer");
        }
        Head = Encoding.Latin1.GetString(buffer, start, length);
        start += length + 4;
        Status = int.Parse(Head.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
        if (Status == 101)
            return;
        if (Header("Content-Length") is { } contentLength)
            await FillAsync(int.Parse(contentLength, System.Globalization.CultureInfo.InvariantCulture),
                deadline.Token);
        else if (Header("Transfer-Encoding") is not null)
            await FillToEndOfChunksAsync(deadline.Token);
        Body = Encoding.UTF8.GetString(buffer, start, end - start);
    }

    private async Task FillToEndOfChunksAsync(CancellationToken cancellationToken)
    {
        while (buffer.AsSpan(start, end - start).IndexOf("0\r\n\r\n"u8) < 0
            && await FillAsync(end - start + 1, cancellationToken))
        {
        }
    }

    // Reads until so many bytes are there; false when the connection ends before.
    private async Task<bool> FillAsync(int wanted, CancellationToken cancellationToken)
    {
        while (end - start < wanted)
        {
            if (buffer.Length - start < wanted || end == buffer.Length)
            {
                byte[] larger = new byte[Math.Max(buffer.Length, wanted * 2)];
                buffer.AsSpan(start, end - start).CopyTo(larger);
                (buffer, end, start) = (larger, end - start, 0);
            }
            int read = await socket.ReceiveAsync(buffer.AsMemory(end), SocketFlags.None, cancellationToken);
            if (read == 0)
                return false;
            end += read;
        }
        return true;
    }
}
