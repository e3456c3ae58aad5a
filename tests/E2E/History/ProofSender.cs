using System.Collections.Concurrent;
using System.Globalization;

namespace Aether.Tests.E2E.History;

/// <summary>
/// Sends kept messages, and sends again with the same id what was not acknowledged, on whichever instance it finds.
/// </summary>
internal sealed class ProofSender(string id, Func<ServerProcess> pick, string[] receivers, double perSecond)
{
    private const int MaxUnanswered = 50;

    private readonly ConcurrentDictionary<string, string> unanswered = new();
    private readonly Random random = new(id.GetHashCode(StringComparison.Ordinal));
    private int sent;

    /// <summary>The messages that were acknowledged, by whom they are for: a client, or "" for the group.</summary>
    public ConcurrentDictionary<string, ConcurrentQueue<string>> Acknowledged { get; } = new();

    /// <summary>How many acknowledgements said that the message had come before.</summary>
    public int Duplicates { get; private set; }

    /// <summary>Sends until it is told to stop, and then until all is answered.</summary>
    public async Task RunAsync(CancellationToken stop, CancellationToken giveUp)
    {
        while (!giveUp.IsCancellationRequested)
        {
            try
            {
                await using var client = await TestClient.ConnectAsync(pick(), ProofRun.Group, id, "echo=off");
                await SendAsync(client, stop, giveUp);
                if (stop.IsCancellationRequested && unanswered.IsEmpty)
                    return;
            }
            catch (Exception e) when (ProofRun.IsOutage(e))
            {
                await Task.Delay(50, CancellationToken.None);
            }
        }
        throw new InvalidOperationException($"{id} has no answer to {unanswered.Count} messages");
    }

    private async Task SendAsync(TestClient client, CancellationToken stop, CancellationToken giveUp)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(giveUp);
        var reading = ReadAsync(client, ended.Token);
        // In the order in which they were sent first: their names sort so.
        foreach (var (_, text) in unanswered.OrderBy(one => one.Key, StringComparer.Ordinal))
            await client.SendAsync(text);
        while (!reading.IsCompleted && !stop.IsCancellationRequested)
        {
            if (unanswered.Count < MaxUnanswered)
                await client.SendAsync(Next());
            await Task.Delay(TimeSpan.FromSeconds(random.NextDouble() * 2 / perSecond), CancellationToken.None);
        }
        // What was refused is said again, until it is taken.
        while (!reading.IsCompleted && !unanswered.IsEmpty && !giveUp.IsCancellationRequested)
        {
            await Task.Delay(300, CancellationToken.None);
            foreach (var (_, text) in unanswered.OrderBy(one => one.Key, StringComparer.Ordinal))
                await client.SendAsync(text);
        }
        if (!reading.IsCompleted)
            await client.CloseAsync();
        await ended.CancelAsync();
        await reading;
    }

    private string Next()
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"{id}-{++sent:000000}");
        string? to = random.Next(5) == 0 ? receivers[random.Next(receivers.Length)] : null;
        string text = Json.Message(
            id, to is null ? "group" : "direct", msg: name, type: "cmd", cmd: "go", id: name, to: to);
        unanswered[name] = text;
        return text;
    }

    private async Task ReadAsync(TestClient client, CancellationToken ended)
    {
        try
        {
            while (!ended.IsCancellationRequested)
            {
                var frame = await client.ReceiveAsync();
                if (frame.Text("reply_to") is { } name)
                    Take(frame.Text("cmd") == "ack", name, frame);
            }
        }
        catch (TimeoutException)
        {
            // Nothing was sent for a while.
        }
        catch (InvalidOperationException)
        {
            // It was closed.
        }
    }

    private void Take(bool isAck, string name, System.Text.Json.JsonElement frame)
    {
        if (!unanswered.TryGetValue(name, out string? text))
            return;
        string to = Json.Read(text).Text("to_id") ?? "";
        if (isAck)
        {
            if (frame.Payload("status").GetString() == "duplicate")
                Duplicates++;
            // Before it is forgotten: a run is over when nothing waits.
            Acknowledged.GetOrAdd(to, static _ => new()).Enqueue(name);
            unanswered.TryRemove(name, out _);
        }
        else if (frame.Payload("code").GetString() == "recipient_offline")
        {
            unanswered.TryRemove(name, out _);
        }
    }
}
