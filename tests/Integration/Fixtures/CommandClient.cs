using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Xunit;

namespace Aether.Tests.Integration.Fixtures;

/// <summary>A client that gives commands or carries them out, by hand: what it is sent waits until a test asks for it.</summary>
internal sealed class CommandClient : IAsyncDisposable
{
    private readonly ClientWebSocket socket;
    private readonly string group;
    private readonly string id;
    private readonly List<JsonNode> received = [];
    private readonly HashSet<string> attempts = [];
    private readonly Task receiving;
    private int questions;

    private CommandClient(ClientWebSocket socket, string group, string id)
    {
        (this.socket, this.group, this.id) = (socket, group, id);
        receiving = ReceiveAsync();
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<CommandClient> ConnectAsync(
        HttpHost host, string id, string role = "worker", string group = "g1", string? key = null) =>
        new(await host.ConnectAsync(group, id, "role=" + role, key), group, id);

    /// <summary>Ends the connection as a cable does that is cut.</summary>
    public void Cut() => socket.Abort();

    public async ValueTask DisposeAsync()
    {
        socket.Abort();
        await receiving;
        socket.Dispose();
    }

    /// <summary>Asks the server, and gives back the answer: a reply or an error.</summary>
    public async Task<JsonNode> AskAsync(string cmd, string payload = "{}", string more = "", string? question = null)
    {
        question ??= "q" + Interlocked.Increment(ref questions);
        int known = Count();
        await SendAsync("cmd", "aether", cmd, payload, $",\"id\":\"{question}\"" + more);
        return await NextAsync(
            one => (string?)one["reply_to"] == question && (string?)one["from_id"] == "aether", from: known);
    }

    /// <summary>Asks the server, which has to reply, and gives back the payload.</summary>
    public async Task<JsonNode> AskWellAsync(string cmd, string payload = "{}", string more = "", string? question = null)
    {
        var answer = await AskAsync(cmd, payload, more, question);
        Assert.True((string?)answer["cmd"] == "reply", answer.ToJsonString());
        return answer["payload"]!;
    }

    /// <summary>Asks the server, which has to refuse, and gives back the code and the field.</summary>
    public async Task<(string? Code, string? Field)> AskInVainAsync(string cmd, string payload = "{}", string more = "")
    {
        var answer = await AskAsync(cmd, payload, more);
        Assert.True((string?)answer["cmd"] == "error", answer.ToJsonString());
        return ((string?)answer["payload"]!["code"], (string?)answer["payload"]!["field"]);
    }

    /// <summary>Starts a command, and gives back its id.</summary>
    public async Task<string> StartAsync(string fields) =>
        (string)(await AskWellAsync("command.start", "{" + fields + "}"))["command_id"]!;

    /// <summary>The next message of an execution that came and was not asked for yet.</summary>
    public Task<JsonNode> ExecutionAsync(Func<JsonNode, bool>? fits = null) =>
        TakeAsync(one => one["execution"] is not null && (fits is null || fits(one)));

    /// <summary>Says how far an execution is.</summary>
    public Task<JsonNode> ReportAsync(JsonNode execution, string status, string more = "") => AskAsync(
        "execution.update",
        $$"""{"attempt":{{execution["execution"]!["attempt"]}},"status":"{{status}}"{{more}}}""",
        $",\"reply_to\":\"{execution["id"]}\"");

    /// <summary>Says how far an execution is, which has to be taken.</summary>
    public async Task<(string Status, bool Cancel)> ReportWellAsync(JsonNode execution, string status, string more = "")
    {
        var answer = await ReportAsync(execution, status, more);
        Assert.True((string?)answer["cmd"] == "reply", answer.ToJsonString());
        return ((string)answer["payload"]!["status"]!, (bool)answer["payload"]!["cancel"]!);
    }

    /// <summary>Sends a message to another client.</summary>
    public Task SendAsync(string type, string to, string cmd, string payload, string more) => socket.SendAsync(
        $$"""{"msg_type":"{{type}}","target":"direct","from_id":"{{id}}","to_id":"{{to}}","group_id":"{{group}}","cmd":"{{cmd}}","payload":{{payload}},"sent_at":"2026-01-02T03:04:05Z"{{more}}}""");

    /// <summary>Waits until a command that it watches is so far, and gives back the payload of the event that says so.</summary>
    public async Task<JsonNode> UntilAsync(string command, string status) =>
        (await NextAsync(one => (string?)one["cmd"] == "command.event"
            && (string?)one["payload"]!["command_id"] == command && (string?)one["payload"]!["status"] == status))["payload"]!;

    /// <summary>All events of a command so far.</summary>
    public IReadOnlyList<JsonNode> EventsOf(string command)
    {
        lock (received)
        {
            return [.. received.Where(one => (string?)one["cmd"] == "command.event"
                && (string?)one["payload"]!["command_id"] == command).Select(one => one["payload"]!)];
        }
    }

    /// <summary>Waits for a message, whether or not it came already.</summary>
    public async Task<JsonNode> NextAsync(Func<JsonNode, bool> fits, int from = 0)
    {
        JsonNode? found = null;
        await Eventually.HoldsAsync(
            () =>
            {
                lock (received)
                    found = received.Skip(from).FirstOrDefault(fits);
                return found is not null;
            },
            state: All);
        return found!;
    }

    /// <summary>Everything that came.</summary>
    public IReadOnlyList<JsonNode> Received()
    {
        lock (received)
            return [.. received];
    }

    private async Task<JsonNode> TakeAsync(Func<JsonNode, bool> fits)
    {
        var found = await NextAsync(fits);
        lock (received)
            received.Remove(found);
        return found;
    }

    private int Count()
    {
        lock (received)
            return received.Count;
    }

    private string All() => string.Join("\n", Received().Select(static one => one.ToJsonString()));

    // An attempt that is not taken yet may come again, as to whoever has connected a moment ago: it is the same one.
    private bool IsNew(JsonNode message) => message["execution"] is not { } execution
        || attempts.Add($"{(string?)message["id"]} {(int?)execution["attempt"]}");

    private async Task ReceiveAsync()
    {
        byte[] buffer = new byte[256 * 1024];
        try
        {
            while (true)
            {
                int length = 0;
                ValueWebSocketReceiveResult part;
                do
                {
                    part = await socket.ReceiveAsync(buffer.AsMemory(length), Cancellation);
                    length += part.Count;
                }
                while (!part.EndOfMessage);
                if (part.MessageType == WebSocketMessageType.Close)
                    return;
                var message = JsonNode.Parse(buffer.AsSpan(0, length))!;
                lock (received)
                {
                    if (IsNew(message))
                        received.Add(message);
                }
            }
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The test has ended, or cut it.
        }
    }
}
