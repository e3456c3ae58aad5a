using System.Net;
using System.Net.WebSockets;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Worker;

/// <summary>
/// A client's connection that comes back: to where it was, unless the server says that coming back is of no use.
/// </summary>
internal sealed class Connection(Uri server, string group, string client, string? key)
{
    private const int Remembered = 1_000;

    private readonly Dictionary<string, string> positions = [];
    private readonly Dictionary<string, byte[]?> answers = [];
    private readonly Queue<string> inOrder = [];
    // The server publishes an id once, so what is sent after a restart has others.
    private readonly string run = Guid.NewGuid().ToString("N");
    private int sent;

    /// <summary>Receives commands until it is stopped, or is told not to come back.</summary>
    /// <param name="work">What is done with a command; the answer, or null for a command that is none of ours.</param>
    /// <param name="stop">Ends it.</param>
    public async Task RunAsync(Func<JsonElement, Task<JsonObject?>> work, CancellationToken stop)
    {
        for (int failures = 0; ; failures++)
        {
            using var socket = new ClientWebSocket();
            try
            {
                await ConnectAsync(socket, stop);
                Console.WriteLine($"connected to {group} as {client}");
                failures = 0;
                await ReceiveAsync(socket, work, stop);
                Console.WriteLine($"closed: {(int?)socket.CloseStatus} {socket.CloseStatusDescription}");
            }
            catch (WebSocketException lost)
            {
                Console.WriteLine($"not connected: {lost.Message}");
            }
            int code = (int?)socket.CloseStatus ?? 0;
            // Wrong ids, key or origin; a client that is removed or replaced, or breaks a rule: that will not get better.
            if (socket.HttpStatusCode is HttpStatusCode.BadRequest or HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden
                || code is 1002 or 1003 or 1007 or (>= 4000 and < 4100))
                return;
            double seconds = Pause(code, failures);
            Console.WriteLine($"again in {seconds:0.0} s");
            await Task.Delay(TimeSpan.FromSeconds(seconds), stop);
        }
    }

    // By the table of close codes. Others come back as well, and not all at once.
    private static double Pause(int code, int failures)
    {
        double least = code switch { 1013 => 5, >= 4100 and < 4200 => 1, _ => 0 };
        double spread = code is 1001 or 1012 ? 5 : Math.Min(30, Math.Max(1, least) * Math.Pow(2, failures));
        return least + Random.Shared.NextDouble() * spread;
    }

    private async Task ConnectAsync(ClientWebSocket socket, CancellationToken stop)
    {
        socket.Options.AddSubProtocol("aether.v3");
        // The status of a handshake that was refused says whether to try again.
        socket.Options.CollectHttpResponseDetails = true;
        if (key is not null)
            socket.Options.SetRequestHeader("X-Aether-API-Key", key);
        var address = new UriBuilder(server)
        {
            Scheme = server.Scheme == Uri.UriSchemeHttps ? "wss" : "ws",
            Path = $"{server.AbsolutePath.TrimEnd('/')}/v3/ws/group/{Uri.EscapeDataString(group)}/client/{Uri.EscapeDataString(client)}",
            // Of what is kept, the server sends first what came since then.
            Query = string.Join('&', positions.Select(one => $"{one.Key}_pos={Uri.EscapeDataString(one.Value)}").Prepend("role=worker")),
        };
        await socket.ConnectAsync(address.Uri, stop);
    }

    private async Task ReceiveAsync(ClientWebSocket socket, Func<JsonElement, Task<JsonObject?>> work, CancellationToken stop)
    {
        byte[] buffer = new byte[4_096];
        while (true)
        {
            int length = 0;
            ValueWebSocketReceiveResult received;
            do
            {
                if (length == buffer.Length)
                    Array.Resize(ref buffer, 2 * length);
                received = await socket.ReceiveAsync(buffer.AsMemory(length), stop);
                length += received.Count;
            }
            while (!received.EndOfMessage);
            if (received.MessageType == WebSocketMessageType.Close)
            {
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, stop);
                return;
            }
            using var message = JsonDocument.Parse(buffer.AsMemory(0, length));
            await TakeAsync(socket, message.RootElement, work, stop);
        }
    }

    private async Task TakeAsync(
        ClientWebSocket socket, JsonElement message, Func<JsonElement, Task<JsonObject?>> work, CancellationToken stop)
    {
        if (Text(message, "from_id") == "aether" && Text(message, "cmd") == "welcome"
            && message.GetProperty("payload").TryGetProperty("positions", out var from))
        {
            foreach (var channel in from.EnumerateObject())
            {
                if (channel.Value.GetString() is { } at)
                    positions[channel.Name] = at;
            }
        }
        // A command asks for an answer or does not; what names another message is an answer itself.
        if (Text(message, "msg_type") == "cmd" && Text(message, "reply_to") is null or "?")
            await DoAsync(socket, message, work, stop);
        // Behind the work: what was not done when the connection broke comes again.
        if (Text(message, "pos") is { } position)
            positions[Text(message, "target") switch { "direct" => "client", "broadcast" => "broadcast", _ => "group" }] = position;
    }

    private async Task DoAsync(
        ClientWebSocket socket, JsonElement message, Func<JsonElement, Task<JsonObject?>> work, CancellationToken stop)
    {
        int attempt = message.TryGetProperty("execution", out var execution) ? execution.GetProperty("attempt").GetInt32() : 0;
        string? id = Text(message, "id");
        string command = $"{Text(message, "from_id")} {id} {attempt}";
        // What comes a second time is done once, and its answer said again: the first may be lost with the connection.
        if (id is null || !answers.TryGetValue(command, out byte[]? answer))
        {
            answer = AnswerTo(message, id, isExecution: attempt > 0, await work(message));
            if (id is not null)
                Remember(command, answer);
        }
        if (answer is null)
            return;
        await socket.SendAsync(answer, WebSocketMessageType.Text, true, stop);
        Console.WriteLine($"answered {Text(message, "from_id")}");
    }

    private void Remember(string command, byte[]? answer)
    {
        answers.Add(command, answer);
        inOrder.Enqueue(command);
        if (inOrder.Count > Remembered)
            answers.Remove(inOrder.Dequeue());
    }

    private byte[]? AnswerTo(JsonElement message, string? id, bool isExecution, JsonObject? result)
    {
        string to = Text(message, "from_id")!;
        // An id alone asks the server for an ack, and nobody for an answer. The host is no client that could get one, but
        // for commands that report back; it is told what was done.
        bool isAsked = id is not null && (isExecution || (Text(message, "reply_to") == "?" && to != "aether"));
        if (!isAsked && (result is null || to != "aether"))
            return null;
        var answer = new JsonObject
        {
            ["version"] = "3",
            ["msg_type"] = "cmd",
            ["target"] = "direct",
            ["from_id"] = client,
            ["to_id"] = to,
            ["group_id"] = group,
            ["cmd"] = !isAsked ? "done" : result is null ? "reply_error" : "reply",
            ["msg"] = result is null ? "this worker does not know the command" : null,
            ["payload"] = result ?? new JsonObject { ["code"] = "not_handled" },
            ["sent_at"] = DateTimeOffset.UtcNow.ToString("O"),
            // The server answers what has an id: that it went, or why not.
            ["id"] = $"{run}-{++sent}",
        };
        if (isAsked)
            answer["reply_to"] = id;
        return JsonSerializer.SerializeToUtf8Bytes(answer);
    }

    private static string? Text(JsonElement message, string field) =>
        message.TryGetProperty(field, out var value) ? value.GetString() : null;
}
