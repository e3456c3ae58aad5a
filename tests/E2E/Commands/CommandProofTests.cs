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
    // How late a command may end, beside the time in which Redis or every instance was away: nobody can end anything then.
    // The suite may have to share its machine with others.
    private static readonly TimeSpan Late = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LateInTheSuite = TimeSpan.FromSeconds(6);

    [Fact]
    public async Task EveryCommandEnds_AndNothingIsCarriedOutTwice_WhateverIsKilled()
    {
        string? asked = Environment.GetEnvironmentVariable("AETHER_PROOF_SECONDS");
        var duration = TimeSpan.FromSeconds(asked is null ? 16 : double.Parse(asked, CultureInfo.InvariantCulture));
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
        await run.WaitUntilReadyAsync();
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
        var allowed = asked is null ? LateInTheSuite : Late;
        Assert.All(commands, one => Assert.InRange(Lateness(run, one, states[one.Id]), TimeSpan.MinValue, allowed));
        Assert.True(run.Done.Count >= 4, "every fault happened");
        Assert.NotEmpty(commands);
    }

    private static void AssertWhole(ProofGiver.Given command, JsonElement state, List<ProofWorker> workers)
    {
        Assert.True(state.TryGetProperty("ended_at", out _), state.ToString());
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

    /// <summary>How long after its deadline a command ended, without the time in which nobody could end it.</summary>
    private static TimeSpan Lateness(ProofRun run, ProofGiver.Given command, JsonElement state)
    {
        var deadline = state.GetProperty("created_at").GetDateTime() + TimeSpan.FromMilliseconds(command.DeadlineMs);
        var ended = state.GetProperty("ended_at").GetDateTime();
        return ended - deadline - run.Outages.Between(deadline, ended);
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
        var ended = commands.Where(one => states[one.Id].TryGetProperty("ended_at", out _)).ToList();
        var late = ended.Max(one => Lateness(run, one, states[one.Id]));
        var away = run.Outages.Between(DateTime.MinValue, DateTime.MaxValue);
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{commands.Count} commands, {commands.Sum(one => one.Targets)} executions, {workers.Sum(one => one.Ran.Values.Sum())} carried out; ")
            + string.Join(", ", ends.Select(one => $"{one.Key}: {one.Count()}"))
            + string.Create(CultureInfo.InvariantCulture, $"; latest end {late.TotalMilliseconds:0} ms after its deadline, ")
            + string.Create(CultureInfo.InvariantCulture, $"beside {away.TotalSeconds:0.0} s in which nobody was there; ")
            + string.Create(CultureInfo.InvariantCulture, $"{workers.Sum(one => one.Connections)} connections of workers; ")
            + string.Join(", ", run.Done.Select(one => $"{one.Key}: {one.Value}")));
    }
}
