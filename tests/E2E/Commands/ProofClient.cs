using System.Collections.Concurrent;
using System.Text.Json;
using Aether.Tests.E2E.History;

namespace Aether.Tests.E2E.Commands;

/// <summary>
/// A client that is always there: whenever its connection ends it comes back, to whichever instance. It asks the server
/// until it is answered.
/// </summary>
internal abstract class ProofClient(string id, string role, Func<ServerProcess> pick, TimeSpan stays)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Answer = TimeSpan.FromSeconds(3);

    private readonly ConcurrentDictionary<string, TaskCompletionSource<JsonElement>> questions = [];
    private TestClient? connection;
    private int asked;

    /// <summary>Its id.</summary>
    public string Id => id;

    /// <summary>How often it came back.</summary>
    public int Connections { get; private set; }

    /// <summary>Whatever must not be.</summary>
    public ConcurrentQueue<string> Faults { get; } = [];

    /// <summary>Decides about chance, always the same way.</summary>
    protected Random Random { get; } = new(id.GetHashCode(StringComparison.Ordinal));

    /// <summary>Is there until it is told to stop.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await using var client = await TestClient.ConnectAsync(pick(), ProofRun.Group, id, "role=" + role);
                Connections++;
                Volatile.Write(ref connection, client);
                var connected = ConnectedAsync(stop);
                await ReceiveAsync(client, stop);
                await connected;
            }
            catch (Exception e) when (ProofRun.IsOutage(e))
            {
                await Task.Delay(Pause, CancellationToken.None);
            }
        }
        Volatile.Write(ref connection, null);
    }

    /// <summary>Takes a frame that is no answer.</summary>
    protected abstract void Take(JsonElement frame);

    /// <summary>It is there again.</summary>
    protected virtual Task ConnectedAsync(CancellationToken stop) => Task.CompletedTask;

    /// <summary>Asks the server until it is answered by something else than that it cannot now.</summary>
    protected async Task<JsonElement> AskAsync(
        string cmd, string payload, string more = "", string? question = null, CancellationToken stop = default)
    {
        while (true)
        {
            stop.ThrowIfCancellationRequested();
            string name = question ?? $"{id}-{Interlocked.Increment(ref asked)}";
            var answered = questions[name] = new(TaskCreationOptions.RunContinuationsAsynchronously);
            try
            {
                if (Volatile.Read(ref connection) is { HasEnded: false } client)
                {
                    await client.SendAsync(
                        $$"""{"msg_type":"cmd","target":"direct","from_id":"{{id}}","to_id":"aether","cmd":"{{cmd}}","payload":{{payload}},"sent_at":"2026-01-01T00:00:00Z","id":"{{name}}"{{more}}}""");
                    var answer = await answered.Task.WaitAsync(Answer, stop);
                    if (answer.Text("cmd") == "reply" || answer.Payload("code").GetString() != "backplane_unavailable")
                        return answer;
                }
            }
            catch (Exception e) when (ProofRun.IsOutage(e) && !stop.IsCancellationRequested)
            {
                // Once more, on whichever connection there is then.
            }
            finally
            {
                questions.TryRemove(name, out _);
            }
            await Task.Delay(Pause, stop);
        }
    }

    private async Task ReceiveAsync(TestClient client, CancellationToken stop)
    {
        var until = DateTime.UtcNow + (stays * (0.5 + Random.NextDouble()));
        while (!stop.IsCancellationRequested && DateTime.UtcNow < until)
        {
            try
            {
                var frame = await client.ReceiveAsync(TimeSpan.FromMilliseconds(300));
                bool isAnswer = frame.Text("cmd") is "reply" or "error" && frame.Text("from_id") == "aether";
                if (!isAnswer)
                    Take(frame);
                else if (frame.Text("reply_to") is { } name && questions.TryGetValue(name, out var answered))
                    answered.TrySetResult(frame);
            }
            catch (TimeoutException)
            {
                // Quiet for a moment.
            }
        }
    }
}
