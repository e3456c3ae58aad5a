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
    private readonly HashSet<string> taken = [];
    private readonly Queue<string> inOrder = [];
    private int sent;

    /// <summary>Receives commands until it is stopped, or is told not to come back.</summary>
    /// <param name="work">What is done with a command; the answer, if there is one.</param>
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
            // Wrong ids, key or origin; a client that is removed or replaced, or breaks a rule: that will not get better.
            if (socket.HttpStatusCode is >= HttpStatusCode.BadRequest and < HttpStatusCode.InternalServerError
                    and not (HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout)
                || (int?)socket.CloseStatus is 1003 or 1007 or (>= 4000 and < 4100))
                return;
            // Others come back as well, and not all at once.
            double seconds = Random.Shared.NextDouble() * Math.Min(30, Math.Pow(2, failures));
            await Task.Delay(TimeSpan.FromSeconds(1 + seconds), stop);
        }
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
        string? Text(string field) => message.GetProperty(field).GetString();
        string? Extra(string field) => message.TryGetProperty(field, out var value) ? value.GetString() : null;

        if (Text("from_id") == "aether" && Text("cmd") == "welcome"
            && message.GetProperty("payload").TryGetProperty("positions", out var from))
        {
            foreach (var channel in from.EnumerateObject())
            {
                if (channel.Value.GetString() is { } at)
                    positions[channel.Name] = at;
            }
        }
        // What the server answers is no command; what comes a second time is done once.
        bool isCommand = Text("msg_type") == "cmd" && Extra("reply_to") is null;
        string? id = Extra("id");
        if (isCommand && (id is null || IsNew($"{Text("from_id")} {id}")))
        {
            var answer = await work(message);
            // Who gave no id waits for no answer; the host hears of it all the same.
            if (answer is not null && (id is not null || Text("from_id") == "aether"))
                await AnswerAsync(socket, Text("from_id")!, id, answer, stop);
        }
        // Behind the work: what was not done when the connection broke comes again.
        if (Extra("pos") is { } position)
            positions[Text("target") switch { "direct" => "client", "broadcast" => "broadcast", _ => "group" }] = position;
    }

    private bool IsNew(string command)
    {
        if (!taken.Add(command))
            return false;
        inOrder.Enqueue(command);
        if (inOrder.Count > Remembered)
            taken.Remove(inOrder.Dequeue());
        return true;
    }

    private async Task AnswerAsync(
        ClientWebSocket socket, string to, string? id, JsonObject payload, CancellationToken stop)
    {
        var answer = new JsonObject
        {
            ["version"] = "3",
            ["msg_type"] = "cmd",
            ["target"] = "direct",
            ["from_id"] = client,
            ["to_id"] = to,
            ["group_id"] = group,
            ["cmd"] = id is null ? "done" : "reply",
            ["msg"] = null,
            ["payload"] = payload,
            ["sent_at"] = DateTimeOffset.UtcNow.ToString("O"),
            // The server answers what has an id: that it went, or why not.
            ["id"] = $"{Environment.ProcessId}-{++sent}",
        };
        if (id is not null)
            answer["reply_to"] = id;
        await socket.SendAsync(JsonSerializer.SerializeToUtf8Bytes(answer), WebSocketMessageType.Text, true, stop);
        Console.WriteLine($"answered {to}");
    }
}
