using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;

namespace Aether.Tests.E2E.Commands;

/// <summary>Gives commands, some at a time, and watches each to its end, over all of its connections.</summary>
internal sealed class ProofGiver(string id, Func<ServerProcess> pick, TimeSpan stays, string[] workers, int atOnce)
    : ProofClient(id, "controller", pick, stays)
{
    private readonly ConcurrentDictionary<string, Given> given = [];
    private int number;

    /// <summary>The commands that it gave.</summary>
    public IReadOnlyCollection<Given> Commands => (IReadOnlyCollection<Given>)given.Values;

    /// <summary>Gives commands until it is told to stop, and waits until all have ended.</summary>
    public Task GiveAsync(CancellationToken stop, CancellationToken giveUp) =>
        Task.WhenAll(Enumerable.Range(0, atOnce).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested && !giveUp.IsCancellationRequested)
                await GiveOneAsync(giveUp);
        })));

    /// <inheritdoc/>
    protected override void Take(JsonElement frame)
    {
        if (frame.Text("cmd") == "command.event" && given.TryGetValue(frame.Payload("command_id").GetString()!, out var command))
            command.Take(frame.GetProperty("payload"), Faults);
    }

    /// <inheritdoc/>
    protected override async Task ConnectedAsync(CancellationToken stop)
    {
        try
        {
            foreach (var command in given.Values.Where(one => !one.HasEnded))
                await WatchAsync(command, stop);
        }
        catch (OperationCanceledException)
        {
            // The test ends.
        }
    }

    private Task<JsonElement> WatchAsync(Given command, CancellationToken stop) => AskAsync(
        "command.watch",
        string.Create(
            CultureInfo.InvariantCulture, $"{{\"command_id\":\"{command.Id}\",\"after\":{command.Version}}}"),
        stop: stop);

    private async Task GiveOneAsync(CancellationToken stop)
    {
        try
        {
            var (fields, attempts, deadlineMs) = Plan();
            string name = $"{Id}-start-{Interlocked.Increment(ref number)}";
            var answer = await AskAsync("command.start", fields, question: name, stop: stop);
            if (answer.Text("cmd") != "reply")
            {
                if (answer.Payload("code").GetString() != "no_recipients")
                    Faults.Enqueue($"{Id}: {fields}: {answer}");
                return;
            }
            string command = answer.Payload("command_id").GetString()!;
            var mine = given[command] = new Given(command, attempts, deadlineMs, answer.Payload("targets").GetInt32());
            // What came between the answer and the line above is told once more.
            await WatchAsync(mine, stop);
            var end = mine.Ended.WaitAsync(TimeSpan.FromMilliseconds(deadlineMs) + TimeSpan.FromSeconds(30), stop);
            if (await Task.WhenAny(end, mine.Paused) == mine.Paused)
                await AskAsync("command.resume", $"{{\"command_id\":\"{command}\"}}", stop: stop);
            await end;
        }
        catch (TimeoutException)
        {
            Faults.Enqueue($"{Id}: a watcher never saw the end of a command");
        }
        catch (OperationCanceledException)
        {
            // The test gives up.
        }
    }

    private (string Fields, int Attempts, int DeadlineMs) Plan()
    {
        lock (Random)
        {
            int attempts = 1 + Random.Next(2);
            int deadline = 6_000 + Random.Next(6_000);
            string[] chosen = [.. Random.GetItems(workers, 1 + Random.Next(workers.Length)).Distinct()];
            string whom = Random.Next(3) == 0 ? "\"role\":\"worker\"" : $"\"to\":[\"{string.Join("\",\"", chosen)}\"]";
            string more = Random.Next(4) switch
            {
                0 => ",\"batches\":[1]",
                1 => ",\"max_concurrency\":3",
                2 => ",\"min_succeeded\":0.5,\"stop_at_quorum\":true",
                _ => "",
            };
            return (
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{{\"cmd\":\"work\",{whom},\"attempts\":{attempts},\"deadline_ms\":{deadline},\"delivery_timeout_ms\":4000,\"in_progress_timeout_ms\":4000{more}}}"),
                attempts,
                deadline);
        }
    }

    /// <summary>A command that was given, as its watcher sees it.</summary>
    internal sealed class Given(string id, int attempts, int deadlineMs, int targets)
    {
        private static readonly string[] Open = ["in_progress", "paused"];
        private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource paused = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private long version;

        public string Id => id;

        public int Attempts => attempts;

        public int DeadlineMs => deadlineMs;

        public int Targets => targets;

        public Task Ended => ended.Task;

        public bool HasEnded => ended.Task.IsCompleted;

        public Task Paused => paused.Task;

        public long Version => Volatile.Read(ref version);

        public void Take(JsonElement told, ConcurrentQueue<string> faults)
        {
            long now = told.GetProperty("version").GetInt64();
            int sum = told.GetProperty("counts").EnumerateObject().Sum(one => one.Value.GetInt32());
            if (sum != targets)
                faults.Enqueue($"{id}: counts of {sum} instead of {targets}: {told}");
            string status = told.GetProperty("status").GetString()!;
            if (status == "paused")
                paused.TrySetResult();
            if (HasEnded && Open.Contains(status))
                faults.Enqueue($"{id}: ended and goes on: {told}");
            Volatile.Write(ref version, Math.Max(now, version));
            if (!Open.Contains(status))
                ended.TrySetResult();
        }
    }
}
