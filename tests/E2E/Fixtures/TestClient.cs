using System.Net;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;

namespace Aether.Tests.E2E;

/// <summary>How a connection ended: the close frame's code and reason; without one, 1006 as browsers say.</summary>
/// <param name="Code">The close code.</param>
/// <param name="Reason">The reason.</param>
public sealed record Closed(int Code, string Reason);

/// <summary>
/// A client as programs write one. It always reads, so that what is sent to it never waits for the test.
/// </summary>
public sealed class TestClient : IAsyncDisposable
{
    /// <summary>The code of a connection that ended without a close frame.</summary>
    public const int Abnormal = 1006;

    // HTTP/2 needs one, which lives as long as its connections.
    private static readonly HttpMessageInvoker Invoker = new(new SocketsHttpHandler());

    private readonly ClientWebSocket socket;
    private readonly Channel<string> received = Channel.CreateUnbounded<string>();
    private readonly CancellationTokenSource disposed = new();
    private readonly Task<Closed> reading;

    private TestClient(ClientWebSocket socket, string group, string id)
    {
        this.socket = socket;
        Group = group;
        Id = id;
        reading = ReadAllAsync();
    }

    /// <summary>Its group.</summary>
    public string Group { get; }

    /// <summary>Its id.</summary>
    public string Id { get; }

    /// <summary>The subprotocol that the server answered with.</summary>
    public string? Protocol => socket.SubProtocol;

    /// <summary>How many messages wait to be received by the test.</summary>
    public int Waiting => received.Reader.Count;

    /// <summary>Whether the connection has ended.</summary>
    public bool HasEnded => reading.IsCompleted;

    /// <summary>Connects to a server.</summary>
    /// <param name="server">The server.</param>
    /// <param name="group">The group.</param>
    /// <param name="id">The client.</param>
    /// <param name="query">The query, without the question mark.</param>
    /// <param name="protocols">The subprotocols, such as <c>aether.v3</c>.</param>
    /// <param name="configure">Anything else: headers, the version of HTTP.</param>
    /// <exception cref="WebSocketException">The server did not take the connection.</exception>
    public static async Task<TestClient> ConnectAsync(
        ServerProcess server,
        string group,
        string id,
        string query = "",
        string[]? protocols = null,
        Action<ClientWebSocketOptions>? configure = null) =>
        await ConnectAsync(server.Endpoint(group, id, query), group, id, protocols, configure);

    /// <summary>Connects to any endpoint, of the old kinds too.</summary>
    /// <exception cref="WebSocketException">The server did not take the connection.</exception>
    public static async Task<TestClient> ConnectAsync(
        Uri endpoint,
        string group,
        string id,
        string[]? protocols = null,
        Action<ClientWebSocketOptions>? configure = null)
    {
        var socket = new ClientWebSocket();
        foreach (string protocol in protocols ?? [])
            socket.Options.AddSubProtocol(protocol);
        configure?.Invoke(socket.Options);
        try
        {
            using var deadline = new CancellationTokenSource(Eventually.Soon);
            await socket.ConnectAsync(
                endpoint,
                socket.Options.HttpVersion == HttpVersion.Version11 ? null : Invoker,
                deadline.Token);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
        return new TestClient(socket, group, id);
    }

    /// <summary>Sends a text frame.</summary>
    public async Task SendAsync(string json)
    {
        using var deadline = new CancellationTokenSource(Eventually.Soon);
        await socket.SendAsync(
            Encoding.UTF8.GetBytes(json).AsMemory(), WebSocketMessageType.Text, endOfMessage: true, deadline.Token);
    }

    /// <summary>Sends a frame of any kind.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> bytes, WebSocketMessageType type, bool endOfMessage)
    {
        using var deadline = new CancellationTokenSource(Eventually.Soon);
        await socket.SendAsync(bytes, type, endOfMessage, deadline.Token);
    }

    /// <summary>The next message, as it came.</summary>
    /// <exception cref="TimeoutException">None came in time.</exception>
    /// <exception cref="InvalidOperationException">The connection ended before one came.</exception>
    public async Task<string> ReceiveTextAsync(TimeSpan? within = null)
    {
        using var deadline = new CancellationTokenSource(within ?? Eventually.Soon);
        try
        {
            return await received.Reader.ReadAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"no message came to {Id}");
        }
        catch (ChannelClosedException)
        {
            throw new InvalidOperationException($"{Id} was closed instead of getting a message: {await reading}");
        }
    }

    /// <summary>The next message, read.</summary>
    public async Task<JsonElement> ReceiveAsync(TimeSpan? within = null) => Json.Read(await ReceiveTextAsync(within));

    /// <summary>
    /// Everything that came and was not received yet, up to the answer to an echo that is sent now: what the server
    /// had sent before is then here.
    /// </summary>
    public async Task<IReadOnlyList<string>> ReceiveUntilNowAsync()
    {
        string mark = "mark-" + Guid.NewGuid().ToString("N");
        await SendAsync(Json.Message(Id, "echo", msg: mark));
        var texts = new List<string>();
        while (true)
        {
            string text = await ReceiveTextAsync();
            if (text.Contains(mark, StringComparison.Ordinal))
                return texts;
            texts.Add(text);
        }
    }

    /// <summary>Waits for the end of the connection.</summary>
    /// <exception cref="TimeoutException">It is still open.</exception>
    public Task<Closed> EndAsync(TimeSpan? within = null) => reading.WaitAsync(within ?? Eventually.Soon);

    /// <summary>Closes the connection as a client should, and waits for the answer.</summary>
    public async Task<Closed> CloseAsync(int code = 1000)
    {
        using var deadline = new CancellationTokenSource(Eventually.Soon);
        await socket.CloseOutputAsync((WebSocketCloseStatus)code, "", deadline.Token);
        return await EndAsync();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await disposed.CancelAsync();
        await reading;
        socket.Dispose();
        disposed.Dispose();
    }

    private async Task<Closed> ReadAllAsync()
    {
        byte[] buffer = new byte[16_384];
        var message = new MemoryStream();
        var end = new Closed(Abnormal, "");
        try
        {
            while (true)
            {
                var part = await socket.ReceiveAsync(buffer.AsMemory(), disposed.Token);
                if (part.MessageType == WebSocketMessageType.Close)
                {
                    end = new Closed((int)(socket.CloseStatus ?? WebSocketCloseStatus.Empty),
                        socket.CloseStatusDescription ?? "");
                    await AnswerCloseAsync();
                    break;
                }
                message.Write(buffer, 0, part.Count);
                if (!part.EndOfMessage)
                    continue;
                received.Writer.TryWrite(Encoding.UTF8.GetString(message.GetBuffer(), 0, (int)message.Length));
                message.SetLength(0);
            }
        }
        catch (Exception fault) when (fault is WebSocketException or OperationCanceledException)
        {
            // The connection was cut, or the test is over.
        }
        received.Writer.TryComplete();
        return end;
    }

    private async Task AnswerCloseAsync()
    {
        try
        {
            if (socket.State == WebSocketState.CloseReceived)
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", disposed.Token);
        }
        catch (Exception fault) when (fault is WebSocketException or OperationCanceledException)
        {
            // The server did not wait for the answer.
        }
    }
}
