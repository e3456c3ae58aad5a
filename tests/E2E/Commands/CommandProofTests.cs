using System.Globalization;
using System.Text.Json;
using Aether.Tests.E2E.History;
using Xunit;

namespace Aether.Tests.E2E.Commands;

/// <summary>
/// No execution is lost, none is carried out more often than it may be, and every command ends in time, whatever is
/// killed meanwhile. Longer than in the suite with the seconds in <c>AETHER_PROOF_SECONDS</c>.
/// </summary>
[Collection(nameof(Alone))]
public sealed class CommandProofTests(ITestOutputHelper output)
{
    // How late a command may end, beside what it takes for Redis and an instance to be there again, of which in some turns
    // one is killed right behind the other: nobody can end anything meanwhile. On a busy machine that is seconds.
    private static readonly TimeSpan Late = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Restart = TimeSpan.FromSeconds(6);

    [Fact]
    public async Task EveryCommandEnds_AndNothingIsCarriedOutTwice_WhateverIsKilled()
    {
        string? asked = Environment.GetEnvironmentVariable("AETHER_PROOF_SECONDS");
        var duration = TimeSpan.FromSeconds(asked is null ? 25 : double.Parse(asked, CultureInfo.InvariantCulture));
        await using var run = await ProofRun.StartAsync();
        string[] names = [.. Enumerable.Range(0, asked is null ? 12 : 50).Select(i => $"w{i}")];
        var workers = names.Select(name => new ProofWorker(name, run.Pick, TimeSpan.FromSeconds(5))).ToList();
        var givers = Enumerable.Range(0, 2)
            .Select(i => new ProofGiver($"g{i}", run.Pick, TimeSpan.FromSeconds(6), names, atOnce: 6)).ToList();
        using var stop = new CancellationTokenSource();
        using var giveUp = new CancellationTokenSource();
        using var end = new CancellationTokenSource();
        var there = workers.Cast<ProofClient>().Concat(givers).Select(one => Task.Run(() => one.RunAsync(end.Token))).ToList();
        await Eventually.HoldsAsync(() => workers.TrueForAll(one => one.Connections > 0), "all workers are there");

        var giving = givers.Select(one => Task.Run(() => one.GiveAsync(stop.Token, giveUp.Token))).ToList();
        using var calm = new CancellationTokenSource(duration);
        await run.DisturbAsync(TimeSpan.FromSeconds(2.5), calm.Token);
        await run.SettleAsync();
        await stop.CancelAsync();
        giveUp.CancelAfter(TimeSpan.FromSeconds(90));
        await Task.WhenAll(giving);
        await Task.WhenAll(workers.Select(one => one.WhenDoneAsync()))
            .WaitAsync(TimeSpan.FromSeconds(90), TestContext.Current.CancellationToken);

        var commands = givers.SelectMany(one => one.Commands).ToList();
        var states = new Dictionary<string, JsonElement>();
        foreach (var command in commands)
            states[command.Id] = await ReadAsync(run, command.Id);
        await end.CancelAsync();
        await Task.WhenAll(there);

        Report(run, workers, commands, states);
        Assert.Empty(workers.Cast<ProofClient>().Concat(givers).SelectMany(one => one.Faults).Take(20));
        Assert.All(commands, command => AssertWhole(command, states[command.Id], workers));
        Assert.True(run.Done.Count >= 4, "every fault happened");
        Assert.NotEmpty(commands);
    }

    private static void AssertWhole(ProofGiver.Given command, JsonElement state, List<ProofWorker> workers)
    {
        Assert.True(state.TryGetProperty("ended_at", out var endedAt), state.ToString());
        var took = endedAt.GetDateTime() - state.GetProperty("created_at").GetDateTime();
        Assert.InRange(took, TimeSpan.Zero, TimeSpan.FromMilliseconds(command.DeadlineMs) + Late + Restart);
        var executions = state.GetProperty("executions").EnumerateArray().ToList();
        Assert.Equal(command.Targets, executions.Count);
        foreach (var counted in state.GetProperty("counts").EnumerateObject())
            Assert.Equal(executions.Count(one => one.GetProperty("status").ValueEquals(counted.Name)), counted.Value.GetInt32());
        for (int i = 0; i < executions.Count; i++)
        {
            string client = executions[i].GetProperty("client_id").GetString()!;
            string execution = string.Create(CultureInfo.InvariantCulture, $"{command.Id}.{i}");
            int ran = workers.Single(one => one.Id == client).Ran.GetValueOrDefault(execution);
            Assert.InRange(ran, executions[i].GetProperty("status").ValueEquals("succeeded") ? 1 : 0, command.Attempts);
        }
    }

    private static async Task<JsonElement> ReadAsync(ProofRun run, string id)
    {
        using var answer = await run.Pick().GetAsync($"/v3/groups/{ProofRun.Group}/commands/{id}");
        return JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.Clone();
    }

    private void Report(
        ProofRun run, List<ProofWorker> workers, List<ProofGiver.Given> commands, Dictionary<string, JsonElement> states)
    {
        var ends = states.Values.GroupBy(one => one.GetProperty("status").GetString()).OrderBy(one => one.Key, StringComparer.Ordinal);
        var late = commands.Select(one => states[one.Id].TryGetProperty("ended_at", out var at)
            ? (at.GetDateTime() - states[one.Id].GetProperty("created_at").GetDateTime()).TotalMilliseconds - one.DeadlineMs
            : double.PositiveInfinity).Max();
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{commands.Count} commands, {commands.Sum(one => one.Targets)} executions, {workers.Sum(one => one.Ran.Values.Sum())} carried out; ")
            + string.Join(", ", ends.Select(one => $"{one.Key}: {one.Count()}"))
            + string.Create(CultureInfo.InvariantCulture, $"; latest end {late:0} ms after its deadline; ")
            + string.Create(CultureInfo.InvariantCulture, $"{workers.Sum(one => one.Connections)} connections of workers; ")
            + string.Join(", ", run.Done.Select(one => $"{one.Key}: {one.Value}")));
    }
}
