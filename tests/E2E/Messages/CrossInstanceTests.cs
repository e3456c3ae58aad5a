using Xunit;

namespace Aether.Tests.E2E;

/// <summary>What one client says reaches those it is for, whichever instance they are connected to.</summary>
public sealed class CrossInstanceTests(TwoInstances instances) : IClassFixture<TwoInstances>
{
    [Theory]
    [InlineData("msg", null)]
    [InlineData("cmd", "start")]
    public async Task Group_ReachesItsGroupOnBothInstances_AndNobodyElse(string type, string? cmd)
    {
        string group = instances.NewGroup();
        await using var sender = await TestClient.ConnectAsync(instances.A, group, "sender");
        await using var far = await TestClient.ConnectAsync(instances.B, group, "far");
        await using var stranger = await TestClient.ConnectAsync(instances.B, instances.NewGroup(), "stranger");

        await sender.SendAsync(Json.Message("sender", type: type, cmd: cmd, msg: "hello", payload: """{"n":1.0}"""));

        foreach (var receiver in new[] { sender, far })
        {
            string text = await receiver.ReceiveTextAsync();
            Assert.Contains("""{"n":1.0}""", text, StringComparison.Ordinal);
            var got = Json.Read(text);
            Assert.Equal((type, cmd), (got.Text("msg_type"), got.Text("cmd")));
            Assert.Equal((group, "hello"), (got.Text("group_id"), got.Text("msg")));
        }
        Assert.Empty(await stranger.ReceiveUntilNowAsync());
    }

    [Fact]
    public async Task Direct_ReachesEveryConnectionOfTheClientInTheGroup_AndNoneElsewhere()
    {
        string group = instances.NewGroup();
        await using var sender = await TestClient.ConnectAsync(instances.A, group, "sender");
        await using var near = await TestClient.ConnectAsync(instances.A, group, "many");
        await using var far = await TestClient.ConnectAsync(instances.B, group, "many");
        await using var farToo = await TestClient.ConnectAsync(instances.B, group, "many");
        await using var elsewhere = await TestClient.ConnectAsync(instances.B, instances.NewGroup(), "many");
        await using var other = await TestClient.ConnectAsync(instances.B, group, "other");

        await sender.SendAsync(Json.Message("sender", "direct", to: "many", msg: "to you"));

        foreach (var receiver in new[] { near, far, farToo })
            Assert.Equal("to you", (await receiver.ReceiveAsync()).Text("msg"));
        foreach (var receiver in new[] { sender, elsewhere, other })
            Assert.Empty(await receiver.ReceiveUntilNowAsync());
    }

    [Fact]
    public async Task Role_ReachesItsConnectionsOnBothInstances_AndNobodyElse()
    {
        string group = instances.NewGroup();
        await using var controller = await TestClient.ConnectAsync(instances.A, group, "ctl", "role=controller");
        await using var near = await TestClient.ConnectAsync(instances.A, group, "near", "role=worker");
        await using var far = await TestClient.ConnectAsync(instances.B, group, "far", "role=worker");
        await using var observer = await TestClient.ConnectAsync(instances.B, group, "eye", "role=observer");
        await using var none = await TestClient.ConnectAsync(instances.B, group, "none");
        await using var elsewhere = await TestClient.ConnectAsync(
            instances.B, instances.NewGroup(), "other", "role=worker");

        await controller.SendAsync(
            Json.Message("ctl", "role", type: "cmd", cmd: "stop", id: "m1", role: "worker"));

        foreach (var worker in new[] { near, far })
        {
            var got = await worker.ReceiveAsync();
            Assert.Equal(
                ("role", "worker", group, "stop"),
                (got.Text("target"), got.Text("to_role"), got.Text("group_id"), got.Text("cmd")));
        }
        // Both have somebody of the group, whatever its role: they are counted as for the group.
        var ack = await controller.ReceiveAsync();
        Assert.Equal(("ack", 2), (ack.Text("cmd"), ack.Payload("instances").GetInt32()));
        foreach (var spared in new[] { controller, observer, none, elsewhere })
            Assert.Empty(await spared.ReceiveUntilNowAsync());
    }

    [Fact]
    public async Task Role_IsReplayedOnTheOtherInstance_ToThoseWhoHaveIt()
    {
        string group = instances.NewGroup();
        await using var controller = await TestClient.ConnectAsync(instances.A, group, "ctl", "role=controller");
        var before = await TestClient.ConnectAsync(
            instances.A, group, "hand", "role=worker&echo=off", TwoInstances.Full);
        string from = (await before.ReceiveAsync()).Payload("positions").Text("group")!;
        await before.CloseAsync();
        await before.DisposeAsync();
        foreach (var (to, text) in ((string?, string)[])
            [(null, "all"), ("worker", "workers"), ("controller", "controllers"), ("worker", "workers again")])
        {
            await controller.SendAsync(Json.Message(
                "ctl", to is null ? "group" : "role", type: "cmd", cmd: "go", msg: text, id: text, role: to));
            while ((await controller.ReceiveAsync()).Text("cmd") != "ack")
            {
            }
        }

        foreach (var (role, expected) in ((string, string[])[])
            [("worker", ["all", "workers", "workers again"]), ("controller", ["all", "controllers"]), ("observer", ["all"])])
        {
            await using var back = await TestClient.ConnectAsync(
                instances.B, group, "back-" + role, $"role={role}&group_pos={from}", TwoInstances.Full);
            Assert.Equal("welcome", (await back.ReceiveAsync()).Text("cmd"));
            var got = new List<string?>();
            while (true)
            {
                var message = await back.ReceiveAsync();
                if (message.Text("cmd") == "recovered")
                {
                    var found = message.Payload("group");
                    Assert.Equal(("recovered", expected.Length), (found.Text("status"), found.GetProperty("count").GetInt32()));
                    break;
                }
                if (message.Text("msg_type") == "cmd")
                    got.Add(message.Text("msg"));
            }
            Assert.Equal(expected, got);
        }
    }

    [Fact]
    public async Task Broadcast_ReachesEveryGroupOnBothInstances()
    {
        await using var everyone = new Clients();
        for (int i = 0; i < 3; i++)
        {
            await everyone.AddAsync(instances.A, instances.NewGroup(), $"a{i}");
            await everyone.AddAsync(instances.B, instances.NewGroup(), $"b{i}");
        }

        await everyone.All[0].SendAsync(Json.Message("a0", "broadcast", msg: "all of you"));

        foreach (var receiver in everyone.All)
            Assert.Equal(("broadcast", "all of you"), await TargetAndTextAsync(receiver));
    }

    [Fact]
    public async Task Echo_StaysWithItsSender()
    {
        string group = instances.NewGroup();
        await using var sender = await TestClient.ConnectAsync(instances.A, group, "same");
        await using var far = await TestClient.ConnectAsync(instances.B, group, "same");

        await sender.SendAsync(Json.Message("same", "echo", msg: "me", id: "m1"));

        Assert.Equal("me", (await sender.ReceiveAsync()).Text("msg"));
        Assert.Equal("ack", (await sender.ReceiveAsync()).Text("cmd"));
        // Whichever channel an echo went through, what is said there afterwards would come behind it.
        string[] said = ["broadcast", "direct", "group"];
        foreach (string target in said)
            await sender.SendAsync(Json.Message("same", target, to: target == "direct" ? "same" : null, msg: target));
        foreach (var hearer in new[] { sender, far })
        {
            var heard = new List<string?>();
            while (heard.Count < said.Length)
                heard.Add((await hearer.ReceiveAsync()).Text("msg"));
            Assert.Equal(said, heard.Order());
            Assert.Empty(await hearer.ReceiveUntilNowAsync());
        }
    }

    [Theory]
    [InlineData("group")]
    [InlineData("broadcast")]
    [InlineData("direct")]
    public async Task Heartbeat_IsForwardedToNobody_WhateverItsTarget(string target)
    {
        string group = instances.NewGroup();
        await using var sender = await TestClient.ConnectAsync(instances.A, group, "sender");
        await using var far = await TestClient.ConnectAsync(instances.B, group, "far");

        await sender.SendAsync(Json.Message("sender", target, to: "far", type: "heartbeat"));
        // Through the channel that it would have gone through, behind it.
        await sender.SendAsync(Json.Message("sender", target, to: "far", msg: "after"));

        foreach (var hearer in target == "direct" ? [far] : new[] { far, sender })
            Assert.Equal("after", (await hearer.ReceiveAsync()).Text("msg"));
    }

    [Fact]
    public async Task Ack_TellsHowManyInstancesHeard()
    {
        string group = instances.NewGroup();
        await using var sender = await TestClient.ConnectAsync(instances.A, group, "sender", "echo=off");
        Assert.Equal(1, await InstancesAsync(sender, Json.Message("sender", id: "m1")));

        await using var far = await TestClient.ConnectAsync(instances.B, group, "far");
        await using var farToo = await TestClient.ConnectAsync(instances.B, group, "far-too");
        Assert.Equal(2, await InstancesAsync(sender, Json.Message("sender", id: "m2")));
        Assert.Equal(1, await InstancesAsync(sender, Json.Message("sender", "direct", to: "far", id: "m3")));
        Assert.Equal(2, await InstancesAsync(sender, Json.Message("sender", "broadcast", id: "m4")));
        // And they have it, so that what follows does not hear of it.
        foreach (var (hearer, ids) in ((TestClient, string[])[])[(far, ["m2", "m3", "m4"]), (farToo, ["m2", "m4"])])
        {
            var heard = new List<string?>();
            while (heard.Count < ids.Length)
                heard.Add((await hearer.ReceiveAsync()).Text("id"));
            Assert.Equal(ids, heard.Order());
        }
    }

    [Fact]
    public async Task Direct_IsAnsweredWithRecipientOffline_GivenAClientThatIsNowhereOrLeft()
    {
        string group = instances.NewGroup();
        await using var sender = await TestClient.ConnectAsync(instances.A, group, "sender");
        var gone = await TestClient.ConnectAsync(instances.B, group, "gone");
        await gone.CloseAsync();
        await gone.DisposeAsync();
        await Eventually.HoldsAsync(
            async () => await instances.HeardByAsync("ws:client:gone") == 0, "its channel is given up");

        foreach (string to in new[] { "never-there", "gone" })
        {
            await sender.SendAsync(Json.Message("sender", "direct", to: to, id: "to-" + to));
            var answer = await sender.ReceiveAsync();
            Assert.True(answer.IsError("recipient_offline"), answer.GetRawText());
            Assert.Equal("to-" + to, answer.Text("reply_to"));
        }
    }

    [Fact]
    public async Task Direct_TellsOnlyOfTheMessagesGroup_GivenARecipientThatIsElsewhereToo()
    {
        string group = instances.NewGroup(), other = instances.NewGroup(), to = "guest-of-" + group;
        await using var sender =
            await TestClient.ConnectAsync(instances.A, group, "sender", "echo=off", protocols: TwoInstances.Full);
        Assert.Equal("welcome", (await sender.ReceiveAsync()).Text("cmd"));
        // Where the sender is: what this one has heard, that instance knows.
        await using var watcher =
            await TestClient.ConnectAsync(instances.A, group, "watcher", protocols: TwoInstances.Full);
        Assert.Equal("welcome", (await watcher.ReceiveAsync()).Text("cmd"));
        await using var elsewhere = await TestClient.ConnectAsync(instances.B, other, to);
        await using var elsewhereToo = await TestClient.ConnectAsync(instances.A, other, to);
        for (int round = 0; round < 3; round++)
        {
            Assert.Equal("recipient_offline", await AnswerAsync(sender, to));
            var near = await TestClient.ConnectAsync(instances.A, group, to);
            Assert.Equal("1", await AnswerAsync(sender, to));
            var far = await TestClient.ConnectAsync(instances.B, group, to);
            await Eventually.HoldsAsync(
                async () => await AnswerAsync(sender, to) == "2", "what was known of the client is forgotten");
            await near.CloseAsync();
            await near.DisposeAsync();
            await far.CloseAsync();
            await far.DisposeAsync();
            await LeftAsync(watcher, to);
        }
        Assert.Empty(await elsewhere.ReceiveUntilNowAsync());
        Assert.Empty(await elsewhereToo.ReceiveUntilNowAsync());
    }

    [Fact]
    public async Task Presence_IsToldAcrossInstances_OncePerComingAndGoing()
    {
        string group = instances.NewGroup();
        await using var watcher =
            await TestClient.ConnectAsync(instances.A, group, "watcher", protocols: TwoInstances.Full);
        Assert.Equal("welcome", (await watcher.ReceiveAsync()).Text("cmd"));
        // Its own joining may be told before it listens.
        await watcher.ReceiveUntilNowAsync();

        var first = await TestClient.ConnectAsync(instances.A, group, "guest", "role=worker");
        Assert.Equal(("guest", "join"), await EventAsync(watcher));
        var second = await TestClient.ConnectAsync(instances.B, group, "guest", "role=worker");
        await second.SendAsync(Json.Message(
            "guest", "group", type: "presence", cmd: "update", payload: """{"state":{"busy":true}}"""));
        var update = await watcher.ReceiveAsync();
        Assert.Equal("update", update.Text("cmd"));
        Assert.Equal("worker", update.Payload("role").GetString());
        Assert.Equal(2, update.Payload("connections").GetInt32());
        Assert.True(update.Payload("state").GetProperty("busy").GetBoolean());

        await watcher.SendAsync(Json.Message("watcher", "echo", type: "presence", cmd: "roster"));
        var roster = await watcher.ReceiveAsync();
        Assert.Equal(2, roster.Payload("total").GetInt32());

        await first.CloseAsync();
        await first.DisposeAsync();
        await second.SendAsync(Json.Message("guest", msg: "still here"));
        Assert.Equal("still here", (await watcher.ReceiveAsync()).Text("msg"));
        await second.CloseAsync();
        await second.DisposeAsync();
        Assert.Equal(("guest", "leave"), await EventAsync(watcher));
        Assert.Empty(await watcher.ReceiveUntilNowAsync());
    }

    [Fact]
    public async Task Members_AreThoseConnected_AndNothingIsLeftOfThemAfterwards()
    {
        // Of its own: what others leave behind would hide what these do.
        await using var own = await TwoInstances.StartAsync(new() { ["Presence:Lease"] = "3" });
        await using (var everyone = new Clients())
        {
            for (int i = 0; i < 20; i++)
                await everyone.AddAsync(i % 2 == 0 ? own.A : own.B, "g" + (i % 4), $"c{i % 10}");
            for (int g = 0; g < 4; g++)
            {
                string group = "g" + g;
                var expected = everyone.All.Where(client => client.Group == group).Select(client => client.Id);
                Assert.Equal(expected.ToHashSet(), await own.MembersAsync(group));
            }
            foreach (var client in everyone.All.Take(10))
                await client.CloseAsync();
            // The other half just goes away, as crashed programs do.
        }

        for (int g = 0; g < 4; g++)
        {
            string group = "g" + g;
            await Eventually.HoldsAsync(
                async () => (await own.MembersAsync(group)).Count == 0, "the group is empty");
        }
        string[] keys = [], channels = [];
        await Eventually.HoldsAsync(
            async () =>
            {
                keys = [.. (await own.LinesAsync("KEYS", "*")).Where(key => !IsOfHistory(key))];
                channels = await own.LinesAsync("PUBSUB", "CHANNELS");
                return keys.Where(key => !key.StartsWith("ws:instance:", StringComparison.Ordinal)).SequenceEqual(["ws:leases"])
                    && channels.All(channel => channel.StartsWith("ws:probe:", StringComparison.Ordinal));
            },
            "no key or channel of a client is left");
        Assert.Equal(2, channels.Length);
        // How far the streams came is remembered for whoever comes back, and ends by itself.
        foreach (string key in (await own.LinesAsync("KEYS", "*")).Where(IsOfHistory))
            Assert.NotEqual("-1", (await own.LinesAsync("PTTL", key))[0]);
    }

    private static bool IsOfHistory(string key) =>
        key.StartsWith("ws:place:", StringComparison.Ordinal) || key.StartsWith("ws:history:", StringComparison.Ordinal)
        || key.StartsWith("ws:sent:", StringComparison.Ordinal);

    /// <summary>What a direct message is answered with: a number of instances, or the code of an error.</summary>
    private static async Task<string> AnswerAsync(TestClient sender, string to)
    {
        await sender.SendAsync(Json.Message(sender.Id, "direct", to: to, id: "m"));
        while (true)
        {
            var answer = await sender.ReceiveAsync();
            switch (answer.Text("cmd"))
            {
                case "ack":
                    return answer.Payload("instances").GetRawText();
                case "error":
                    return answer.Payload("code").GetString()!;
            }
        }
    }

    private static async Task LeftAsync(TestClient watcher, string client)
    {
        while (true)
        {
            var told = await watcher.ReceiveAsync();
            if (told.Text("cmd") == "leave" && told.Text("from_id") == client)
                return;
        }
    }

    private static async Task<int> InstancesAsync(TestClient sender, string message)
    {
        await sender.SendAsync(message);
        while (true)
        {
            var answer = await sender.ReceiveAsync();
            if (answer.Text("cmd") == "ack")
                return answer.Payload("instances").GetInt32();
        }
    }

    private static async Task<(string? From, string? Cmd)> EventAsync(TestClient watcher)
    {
        var got = await watcher.ReceiveAsync();
        Assert.Equal(("presence", "group"), (got.Text("msg_type"), got.Text("target")));
        return (got.Text("from_id"), got.Text("cmd"));
    }

    private static async Task<(string? Target, string? Text)> TargetAndTextAsync(TestClient client)
    {
        var got = await client.ReceiveAsync();
        return (got.Text("target"), got.Text("msg"));
    }
}
