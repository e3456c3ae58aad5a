using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>Who is there, as clients see it.</summary>
public sealed class PresenceTests(TwoInstances instances) : IClassFixture<TwoInstances>
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Client_IsPresentOnce_GivenSeveralConnections(bool onOneInstance)
    {
        string group = instances.NewGroup();
        await using var observer = await PresenceObserver.ConnectAsync(instances.A, group, "observer");
        var first = await TestClient.ConnectAsync(instances.A, group, "guest");
        var second = await TestClient.ConnectAsync(onOneInstance ? instances.A : instances.B, group, "guest");
        Assert.Equal(2, Assert.Single(await OthersAsync(observer.Client)).Connections);
        Assert.Equal(["guest", "observer"], (await instances.MembersAsync(group)).Order());

        await first.CloseAsync();
        await Eventually.HoldsAsync(
            async () => Assert.Single(await OthersAsync(observer.Client)).Connections == 1, "one connection is left");
        await second.CloseAsync();
        await Eventually.HoldsAsync(async () => (await OthersAsync(observer.Client)).Length == 0, "it is gone");

        await first.DisposeAsync();
        await second.DisposeAsync();
        Assert.Equal(["observer"], await instances.MembersAsync(group));
    }

    [Theory]
    [InlineData("observer", new[] { "observer", "worker" })]
    [InlineData("worker", new string[0])]
    public async Task Role_IsThatOfTheNewestConnection_AndTheGroupIsToldOnlyIfItIsAnotherOne(string second, string[] told)
    {
        string group = instances.NewGroup();
        // Who waits for a roster passes over what it hears meanwhile.
        await using var asker = await TestClient.ConnectAsync(instances.A, group, "asker");
        await using var watcher = await TestClient.ConnectAsync(
            instances.A, group, "watcher", protocols: TwoInstances.Full);
        Assert.Equal("welcome", (await watcher.ReceiveAsync()).Text("cmd"));
        await using var stays = await TestClient.ConnectAsync(instances.A, group, "w", "role=worker");
        var joined = await NextAsync();
        Assert.Equal(("join", "w"), (joined.Text("cmd"), joined.Text("from_id")));
        await using (var newest = await TestClient.ConnectAsync(instances.B, group, "w", "role=" + second))
            await newest.CloseAsync();
        await Eventually.HoldsAsync(
            async () => (await Roster.OfAsync(asker)).Members.Single(one => one.Id == "w") is { Connections: 1, Role: "worker" },
            "the other one has gone");
        foreach (string role in told)
        {
            var update = await NextAsync();
            Assert.Equal(("update", role), (update.Text("cmd"), update.Payload("role").GetString()));
        }
        await using var last = await TestClient.ConnectAsync(instances.B, group, "last");
        Assert.Equal("last", (await NextAsync()).Text("from_id"));
        Assert.Empty(await stays.ReceiveUntilNowAsync());

        // That the first two have come may be told later than it is true.
        async Task<JsonElement> NextAsync()
        {
            while (true)
            {
                var told = await watcher.ReceiveAsync();
                if (told.Text("from_id") is not ("asker" or "watcher"))
                    return told;
            }
        }
    }

    [Fact]
    public async Task Events_AreOneJoinAndOneLeave_GivenSeveralConnectionsOfManyClients()
    {
        const int Guests = 10;
        string group = instances.NewGroup();
        await using var onA = await PresenceObserver.ConnectAsync(instances.A, group, "observer");
        await using var onB = await PresenceObserver.ConnectAsync(instances.B, group, "observer");
        await using var plain = await TestClient.ConnectAsync(instances.B, group, "observer");
        await using (var everyone = new Clients())
        {
            for (int i = 0; i < Guests * 4; i++)
                await everyone.AddAsync(i % 2 == 0 ? instances.A : instances.B, group, "c" + (i / 2 % Guests));
            await onA.HearUntilAsync(() => onA.There.Count == Guests);
            await Task.WhenAll(everyone.All.Select(client => client.CloseAsync()));
        }
        foreach (var observer in new[] { onA, onB })
        {
            await observer.HearUntilAsync(() => observer.Leaves.Count == Guests);
            await observer.HearUntilNowAsync();
            Assert.All(observer.Joins, one => Assert.Equal(1, one.Value));
            Assert.All(observer.Leaves, one => Assert.Equal(1, one.Value));
            Assert.All(observer.Reasons, Assert.Null);
            Assert.Equal(Guests, observer.Joins.Count);
        }
        Assert.Empty(await plain.ReceiveUntilNowAsync());
    }

    [Fact]
    public async Task Update_IsToldToFullClientsAndKept_GivenAStateOfAClient()
    {
        string group = instances.NewGroup();
        await using var observer = await PresenceObserver.ConnectAsync(instances.A, group, "observer");
        await using var plain = await TestClient.ConnectAsync(instances.A, group, "plain");
        await using var guest = await TestClient.ConnectAsync(instances.B, group, "guest", "role=worker");
        await observer.HearUntilAsync(() => observer.There.IsSupersetOf(["guest", "plain"]));
        const string state = """{"busy":true,"at":1.50,"text":"ü"}""";

        await guest.SendAsync(Json.Message(
            "guest", type: "presence", cmd: "update", payload: $$"""{"x":1,"state":{{state}}}""", id: "m1"));

        Assert.Equal("ack", (await guest.ReceiveAsync()).Text("cmd"));
        var told = await observer.NextAsync();
        Assert.Equal(("update", "guest", group), (told.Text("cmd"), told.Text("from_id"), told.Text("group_id")));
        Assert.Equal(state, told.Payload("state").GetRawText());
        Assert.Equal("worker", told.Payload("role").GetString());
        var member = (await OthersAsync(observer.Client)).Single(one => one.Id == "guest");
        Assert.Equal(new RosterMember("guest", "worker", state, 1), member);
        Assert.Empty(await plain.ReceiveUntilNowAsync());
    }

    [Fact]
    public async Task Roster_GivesPagesAndRoles_GivenManyMembers()
    {
        const int Members = 24;
        string[] roles = ["controller", "worker", "observer"];
        string group = instances.NewGroup();
        await using var everyone = new Clients();
        for (int i = 0; i < Members; i++)
        {
            await everyone.AddAsync(
                i % 2 == 0 ? instances.A : instances.B, group, Name(i), "role=" + roles[i % roles.Length]);
        }
        var asking = everyone.All[0];

        var paged = new List<string>();
        for (int offset = 0; offset < Members; offset += 7)
        {
            var page = await Roster.OfAsync(asking, $$"""{"offset":{{offset}},"limit":7}""");
            Assert.Equal(Members, page.Total);
            Assert.Equal(Math.Min(7, Members - offset), page.Members.Count);
            paged.AddRange(page.Members.Select(member => member.Id));
        }
        Assert.Equal(Enumerable.Range(0, Members).Select(Name), paged);
        var workers = await Roster.OfAsync(asking, """{"role":"worker","offset":1,"limit":3}""");
        Assert.Equal(Members / roles.Length, workers.Total);
        Assert.Equal([Name(4), Name(7), Name(10)], workers.Members.Select(member => member.Id));
        Assert.All(workers.Members, member => Assert.Equal("worker", member.Role));
        Assert.Empty((await Roster.OfAsync(asking, """{"offset":1000}""")).Members);
        Assert.Empty((await Roster.OfAsync(asking, """{"offset":2147483648}""")).Members);
        Assert.Empty((await Roster.OfAsync(asking, """{"offset":99999999999999999999}""")).Members);

        static string Name(int i) => "c" + i.ToString("00", CultureInfo.InvariantCulture);
    }

    [Theory]
    [InlineData("group", "join", """{"state":{}}""")]
    [InlineData("group", "leave", """{"state":{}}""")]
    [InlineData("group", "changes", """{"joined":[],"left":[]}""")]
    [InlineData("group", "roster", "{}")]
    [InlineData("group", null, """{"state":{}}""")]
    [InlineData("group", "update", "{}")]
    [InlineData("group", "update", """{"state":[]}""")]
    [InlineData("direct", "update", """{"state":{}}""")]
    [InlineData("broadcast", "update", """{"state":{}}""")]
    [InlineData("direct", "leave", "{}")]
    [InlineData("broadcast", "join", "{}")]
    [InlineData("echo", "join", "{}")]
    [InlineData("echo", "roster", """{"limit":501}""")]
    [InlineData("echo", "roster", """{"role":"boss"}""")]
    [InlineData("echo", "roster", """{"role":""}""")]
    public async Task Presence_Closes4000AndTellsNobody_GivenAnythingButAnUpdateOrARoster(
        string target, string? cmd, string payload)
    {
        string group = instances.NewGroup();
        await using var observer = await PresenceObserver.ConnectAsync(instances.A, group, "observer");
        await using var forger = await TestClient.ConnectAsync(instances.A, group, "forger");
        await observer.HearUntilAsync(() => observer.There.Contains("forger"));

        await forger.SendAsync(
            Json.Message("forger", target, to: "observer", type: "presence", cmd: cmd, payload: payload));

        Assert.Equal(4000, (await forger.EndAsync()).Code);
        var told = await observer.NextAsync();
        Assert.Equal(("leave", "forger"), (told.Text("cmd"), told.Text("from_id")));
        Assert.Empty(await observer.Client.ReceiveUntilNowAsync());
    }

    [Theory]
    [InlineData("msg")]
    [InlineData("cmd")]
    public async Task Message_IsNeverAPresenceEvent_GivenTheCommandOfOne(string type)
    {
        string group = instances.NewGroup();
        await using var observer = await TestClient.ConnectAsync(instances.B, group, "observer");
        await using var forger = await TestClient.ConnectAsync(instances.A, group, "forger");
        await forger.SendAsync(Json.Message("forger", type: type, cmd: "leave"));
        var got = await observer.ReceiveAsync();
        Assert.Equal((type, "forger"), (got.Text("msg_type"), got.Text("from_id")));
        // In another's name it is refused as any message is.
        await forger.SendAsync(Json.Message("observer", type: type, cmd: "leave"));
        Assert.Equal(4000, (await forger.EndAsync()).Code);
        // What is said there afterwards comes through the same channel, behind whatever was sent on.
        await using var witness = await TestClient.ConnectAsync(instances.A, group, "witness");
        await witness.SendAsync(Json.Message("witness", msg: "after"));
        Assert.Equal("after", (await observer.ReceiveAsync()).Text("msg"));
        Assert.Empty(await observer.ReceiveUntilNowAsync());
    }

    [Fact]
    public async Task Disconnect_IsNoCommandOfAClient_GivenTheNameOfTheServers()
    {
        string group = instances.NewGroup();
        await using var victim = await TestClient.ConnectAsync(instances.B, group, "victim");
        await using var forger = await TestClient.ConnectAsync(instances.A, group, "forger");
        await forger.SendAsync(Json.Message("forger", "direct", to: "victim", type: "cmd", cmd: "aether.disconnect"));
        Assert.Equal("aether.disconnect", (await victim.ReceiveAsync()).Text("cmd"));
        await forger.SendAsync(Json.Message("aether", "direct", to: "victim", type: "cmd", cmd: "aether.disconnect"));
        Assert.Equal(4000, (await forger.EndAsync()).Code);
        // What is said there afterwards comes through the same channel, behind whatever was sent on.
        await using var witness = await TestClient.ConnectAsync(instances.A, group, "witness");
        await witness.SendAsync(Json.Message("witness", "direct", to: "victim", msg: "after"));
        Assert.Equal("after", (await victim.ReceiveAsync()).Text("msg"));
        Assert.Empty(await victim.ReceiveUntilNowAsync());
    }

    [Theory]
    [InlineData(3)]
    [InlineData(505)]
    public async Task Events_EndWithWhoIsThere_GivenAClientThatMovesFromOneInstanceToTheOther(int others)
    {
        const int Moves = 8;
        string group = instances.NewGroup();
        await using var observer = await PresenceObserver.ConnectAsync(instances.A, group, "observer");
        var crowd = new List<RawClient>();
        for (int i = 0; i < others; i++)
            crowd.Add(await RawClient.ConnectAsync(i % 2 == 0 ? instances.A : instances.B, group, $"c{i}"));
        await observer.HearUntilAsync(() => observer.There.Count == others);

        long last = 0;
        var client = await TestClient.ConnectAsync(instances.A, group, "mover");
        for (int i = 0; i < Moves; i++)
        {
            await observer.HearUntilAsync(
                () => observer.There.Contains("mover") && observer.VersionOf("mover") > last);
            last = observer.VersionOf("mover");
            await client.CloseAsync();
            await client.DisposeAsync();
            client = await TestClient.ConnectAsync(i % 2 == 0 ? instances.B : instances.A, group, "mover");
        }
        var roster = await Roster.OfAsync(client, """{"role":null,"offset":0,"limit":500}""");
        Assert.Equal(others + 2, roster.Total);
        // What was gathered is told by now, whichever instance gathered it.
        await using (await TestClient.ConnectAsync(instances.A, group, "a"))
        await using (await TestClient.ConnectAsync(instances.B, group, "b"))
        {
            await observer.HearUntilAsync(
                () => observer.Joins.ContainsKey("a") && observer.Joins.ContainsKey("b"));
        }

        Assert.Contains("mover", observer.There);
        Assert.True(observer.VersionOf("mover") > last);
        await client.DisposeAsync();
        foreach (var one in crowd)
            await one.DisposeAsync();
    }

    [Fact]
    public async Task Roster_HasWhatTheAskerSaidBefore_GivenManyStatesAtOnce()
    {
        string group = instances.NewGroup();
        await using var observer = await PresenceObserver.ConnectAsync(instances.A, group, "observer");
        var crowd = new List<RawClient>();
        for (int i = 0; i < 60; i++)
            crowd.Add(await RawClient.ConnectAsync(instances.A, group, $"c{i}"));
        await using var guest = await TestClient.ConnectAsync(instances.B, group, "guest");
        // All, or the coming of the last would be among what is told of the states.
        await observer.HearUntilAsync(() => observer.There.Count == crowd.Count + 1);
        const int Times = 300;

        for (int i = 1; i <= Times; i++)
        {
            await guest.SendAsync(Json.Message(
                "guest", type: "presence", cmd: "update", payload: $$$"""{"state":{"n":{{{i}}}}}"""));
            if (i % 100 != 0)
                continue;
            var roster = await Roster.OfAsync(guest);
            Assert.Equal($$"""{"n":{{i}}}""", roster.Members.Single(one => one.Id == "guest").State);
        }

        int told = 0;
        while ((await observer.NextAsync()).Payload("state").GetProperty("n").GetInt32() != Times)
            told++;
        Assert.InRange(told, 0, Times - 1);
        foreach (var one in crowd)
            await one.DisposeAsync();
    }

    [Fact]
    public async Task Roster_CountsByItsMembers_GivenAClientThatAsksAllTheTime()
    {
        await using var limited = await TwoInstances.StartServerAsync(
            instances.Redis.ConnectionString,
            new() { ["RateLimit:PerSecond"] = "1", ["RateLimit:Burst"] = "20" });
        string group = instances.NewGroup();
        var crowd = new List<RawClient>();
        for (int i = 0; i < 50; i++)
            crowd.Add(await RawClient.ConnectAsync(instances.A, group, $"c{i}"));
        await using var asking = await TestClient.ConnectAsync(limited, group, "asking");
        var since = Stopwatch.StartNew();

        // Eleven of twenty: itself, and one for every five members in the answer. Two for nine members.
        await Roster.OfAsync(asking);
        await Roster.OfAsync(asking, """{"limit":9}""");
        int more = -1;
        JsonElement answer;
        do
        {
            string id = $"r{++more}";
            await asking.SendAsync(Json.Message("asking", "echo", type: "presence", cmd: "roster", id: id));
            do
            {
                answer = await asking.ReceiveAsync();
            }
            while (answer.Text("reply_to") != id);
        }
        while (answer.Text("cmd") == "roster" && since.Elapsed < Eventually.Soon);

        // Of the seven that are left the first one takes more. For another eleven seconds have to pass.
        Assert.InRange(more, 1, 1 + (int)((6 + since.Elapsed.TotalSeconds) / 11));
        Assert.Equal(("error", "rate_limited"), (answer.Text("cmd"), answer.Payload("code").GetString()));
        Assert.True(answer.Payload("retry_after_ms").GetInt32() > 0);
        foreach (var one in crowd)
            await one.DisposeAsync();
    }

    private static async Task<RosterMember[]> OthersAsync(TestClient client) =>
        [.. (await Roster.OfAsync(client)).Members.Where(member => member.Id != client.Id)];
}
