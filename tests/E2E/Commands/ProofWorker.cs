using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;

namespace Aether.Tests.E2E.Commands;

/// <summary>Carries executions out, each attempt once, and says what came of it until that is taken.</summary>
internal sealed class ProofWorker(string id, Func<ServerProcess> pick, TimeSpan stays) : ProofClient(id, "worker", pick, stays)
{
    private readonly ConcurrentDictionary<(string Execution, int Attempt), bool> known = [];
    private readonly ConcurrentDictionary<string, int> ran = [];
    private readonly ConcurrentBag<Task> works = [];

    /// <summary>How often it carried out each execution.</summary>
    public IReadOnlyDictionary<string, int> Ran => ran;

    /// <summary>Completes when it has nothing more to do or to say.</summary>
    public Task WhenDoneAsync() => Task.WhenAll(works);

    /// <inheritdoc/>
    protected override void Take(JsonElement frame)
    {
        if (!frame.TryGetProperty("execution", out var execution))
            return;
        var key = (frame.Text("id")!, execution.GetProperty("attempt").GetInt32());
        // Sent again, as to every new connection until it is taken.
        if (!known.TryAdd(key, true))
            return;
        var deadline = execution.GetProperty("deadline").GetDateTime();
        works.Add(Task.Run(() => CarryOutAsync(key.Item1, key.Item2, deadline)));
    }

    private async Task CarryOutAsync(string execution, int attempt, DateTime deadline)
    {
        int chance, ms;
        lock (Random)
            (chance, ms) = (Random.Next(100), Random.Next(300));
        // Nobody hears it any more, and nothing may hold up the end of the test.
        using var late = new CancellationTokenSource(deadline - DateTime.UtcNow + TimeSpan.FromSeconds(20));
        try
        {
            if (await SayAsync(execution, attempt, """{"status":"in_progress"}""", late.Token) is null)
                return;
            ran.AddOrUpdate(execution, 1, static (_, before) => before + 1);
            await Task.Delay(ms, late.Token);
            string end = chance < 10 ? """{"status":"failed","error":{"code":"chance"}}"""
                : $$$"""{"status":"succeeded","result":{"ms":{{{ms}}}}}""";
            await SayAsync(execution, attempt, end, late.Token);
        }
        catch (OperationCanceledException)
        {
            // The command has ended long ago.
        }
    }

    /// <returns>The answer; <see langword="null"/>: the attempt is not its own.</returns>
    private async Task<JsonElement?> SayAsync(string execution, int attempt, string what, CancellationToken stop)
    {
        string payload = string.Create(CultureInfo.InvariantCulture, $"{{\"attempt\":{attempt},") + what[1..];
        while (true)
        {
            var answer = await AskAsync("execution.update", payload, $",\"reply_to\":\"{execution}\"", stop: stop);
            if (answer.Text("cmd") == "reply")
                return answer;
            string? code = answer.Payload("code").GetString();
            // Its own connection of a moment ago may still have it; another attempt has taken the place of an older one.
            if (code != "stale_attempt" || known.ContainsKey((execution, attempt + 1)))
            {
                if (code != "stale_attempt")
                    Faults.Enqueue($"{Id}: {execution} attempt {attempt}: {answer}");
                return null;
            }
            await Task.Delay(TimeSpan.FromMilliseconds(200), stop);
        }
    }
}
