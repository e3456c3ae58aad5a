using System.Globalization;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>The newest connection of a client wins, where <c>DuplicateClients</c> says so.</summary>
public sealed class ReplaceTests
{
    private const int Superseded = 4004;

    private static readonly Dictionary<string, string> Replace = new() { ["DuplicateClients"] = "Replace" };

    [Fact]
    public async Task Older_Closes4004_GivenANewerConnectionAnywhere()
    {
        await using var instances = await TwoInstances.StartAsync(Replace);
        await using var observer = await PresenceObserver.ConnectAsync(instances.A, "g", "observer");
        await using var sameInOtherGroup = await TestClient.ConnectAsync(instances.A, "other", "c");
        await using var connections = new Clients();
        for (int i = 0; i < 6; i++)
        {
            var newest = await connections.AddAsync(i % 3 == 0 ? instances.B : instances.A, "g", "c");
            if (i > 0)
                Assert.Equal(Superseded, (await connections.All[i - 1].EndAsync()).Code);
            await StaysAsync(newest);
        }
        Assert.False(sameInOtherGroup.HasEnded);
        await Eventually.HoldsAsync(
            async () => (await Roster.OfAsync(observer.Client)).Members.Single(one => one.Id == "c").Connections == 1,
            "one connection is left");
        await observer.HearUntilNowAsync();
        Assert.Empty(observer.Leaves);
    }

    [Fact]
    public async Task ExactlyOne_Stays_GivenTwoThatConnectToTwoInstancesAtOnce()
    {
        await using var instances = await TwoInstances.StartAsync(Replace);
        for (int round = 0; round < 50; round++)
            await OneStaysAsync(Name(round), instances.A, instances.B);
    }

    [Fact]
    public async Task ExactlyOne_Stays_GivenManyThatConnectToOneInstanceAtOnce()
    {
        // More loops than cores: each connection belongs to one, and all have to agree.
        await using var server = await ServerProcess.StartAsync(
            new() { ["DuplicateClients"] = "Replace", ["Delivery:Loops"] = "4" });
        for (int round = 0; round < 50; round++)
            await OneStaysAsync(Name(round), server, server, server, server);
    }

    private static async Task OneStaysAsync(string id, params ServerProcess[] servers)
    {
        var racers = await Task.WhenAll(servers.Select(server => TestClient.ConnectAsync(server, "g", id)));
        await Eventually.HoldsAsync(
            () => racers.Count(racer => racer.HasEnded) >= racers.Length - 1, "all but one are closed");
        foreach (var racer in racers.Where(racer => racer.HasEnded))
            Assert.Equal(Superseded, (await racer.EndAsync()).Code);
        await StaysAsync(Assert.Single(racers, racer => !racer.HasEnded));
        foreach (var racer in racers)
            await racer.DisposeAsync();
    }

    // What it says to itself comes over the same channel as what would close it, and after it.
    private static async Task StaysAsync(TestClient client)
    {
        await client.SendAsync(Json.Message(client.Id, "direct", to: client.Id, msg: "still here"));
        Assert.Equal("still here", (await client.ReceiveAsync()).Text("msg"));
        Assert.False(client.HasEnded);
    }

    private static string Name(int round) => "c" + round.ToString(CultureInfo.InvariantCulture);
}
