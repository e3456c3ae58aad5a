using System.Globalization;
using Xunit;

namespace Aether.Tests.E2E.History;

/// <summary>
/// Nothing that was acknowledged is lost, nothing comes twice, and order holds, whatever is killed meanwhile. Longer than
/// in the suite with the seconds in <c>AETHER_PROOF_SECONDS</c>.
/// </summary>
[Collection(nameof(Alone))]
public sealed class ProofTests(ITestOutputHelper output)
{
    private const int Senders = 6;
    private const int Receivers = 8;

    [Fact]
    public async Task NothingIsLostDoubledOrReordered_WhateverIsKilled()
    {
        string? asked = Environment.GetEnvironmentVariable("AETHER_PROOF_SECONDS");
        var duration = TimeSpan.FromSeconds(asked is null ? 16 : double.Parse(asked, CultureInfo.InvariantCulture));
        double perSecond = asked is null ? 40 : 200;
        await using var run = await ProofRun.StartAsync();
        string[] names = [.. Enumerable.Range(0, Receivers).Select(i => $"r{i}")];
        var receivers = names.Select(name => new ProofReceiver(name, run.Pick, TimeSpan.FromSeconds(4))).ToList();
        var senders = Enumerable.Range(0, Senders)
            .Select(i => new ProofSender($"s{i}", run.Pick, names, perSecond)).ToList();
        using var stop = new CancellationTokenSource();
        using var giveUp = new CancellationTokenSource();
        using var end = new CancellationTokenSource();

        var receiving = receivers.Select(one => Task.Run(() => one.RunAsync(end.Token))).ToList();
        // From the start of the stream on: whoever comes later begins where it comes.
        await Eventually.HoldsAsync(() => receivers.TrueForAll(one => one.Connections > 0), "all receivers are there");
        var sending = senders.Select(one => Task.Run(() => one.RunAsync(stop.Token, giveUp.Token))).ToList();
        using var calm = new CancellationTokenSource(duration);
        await run.DisturbAsync(TimeSpan.FromSeconds(2), calm.Token);
        await run.WaitUntilReadyAsync();
        await stop.CancelAsync();
        giveUp.CancelAfter(TimeSpan.FromSeconds(90));
        await Task.WhenAll(sending);
        long last = await run.EndOfGroupAsync();
        await Eventually.HoldsAsync(
            () => receivers.TrueForAll(one => one.LastOfGroup >= last), "all receivers have the last message",
            TimeSpan.FromSeconds(60));
        // A direct message comes as soon as its receiver is there, as all are by now.
        await Eventually.HoldsAsync(
            () => receivers.TrueForAll(one => Lost(one, senders).Count == 0 || one.Faults.Count > 0),
            "all receivers have what was sent to them alone", TimeSpan.FromSeconds(30));
        await end.CancelAsync();
        await Task.WhenAll(receiving);

        output.WriteLine(
            $"{last} messages to the group, {receivers.Sum(one => one.OfClient.Count)} to clients, "
            + $"{senders.Sum(one => one.Duplicates)} acknowledged as duplicates; "
            + $"{receivers.Sum(one => one.Connections)} connections, {receivers.Sum(one => one.Recovered)} recovered; "
            + string.Join(", ", run.Done.Select(one => $"{one.Key}: {one.Value}")));
        Assert.Empty(receivers.SelectMany(one => one.Faults).Take(20));
        var acknowledged = senders.SelectMany(one => one.Acknowledged.GetValueOrDefault("") ?? []).ToHashSet();
        foreach (var receiver in receivers)
        {
            Assert.Equal(receivers[0].OfGroup, receiver.OfGroup);
            Assert.Empty(acknowledged.Except(receiver.OfGroup));
            Assert.Equal(receiver.OfGroup.Count, receiver.OfGroup.Distinct().Count());
            Assert.Equal(receiver.OfClient.Count, receiver.OfClient.Distinct().Count());
            Assert.Empty(Lost(receiver, senders));
        }
        Assert.True(run.Done.Count >= 4, "every fault happened");
    }

    private static List<string> Lost(ProofReceiver receiver, List<ProofSender> senders)
    {
        lock (receiver.OfClient)
        {
            return [.. senders.SelectMany(one => one.Acknowledged.GetValueOrDefault(receiver.Id) ?? [])
                .Except(receiver.OfClient)];
        }
    }
}
