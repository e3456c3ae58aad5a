using System.Net;
using System.Net.WebSockets;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.E2E.Deploy;

/// <summary>What passes nginx with the configuration of deploy/, and what does not.</summary>
public sealed class NginxTests(Site site) : IClassFixture<Site>
{
    private const string Key = "secret-key-of-operators";

    public static TheoryData<string, string[]> Strangers => new()
    {
        { "/v3/groups", [] },
        { "/v3/instances", [] },
        { "/v3/groups/g/clients", [] },
        { "/v3/console", [] },
        { "/v3/groups", ["Host: localhost"] },
        { "/v3/groups", ["Host: 127.0.0.1:5080"] },
        { "/v3/groups", ["Host: localhost", "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Host: localhost"] },
        { "/v3/groups", ["Host: localhost", "X-Forwarded-For:", "X-Forwarded-Proto:", "X-Forwarded-Host:"] },
    };

    [Fact]
    public async Task Clients_OfBothInstances_HearEachOtherAndOfEachOther()
    {
        string group = site.Instances.NewGroup();
        await using var one = await site.ConnectAsync(group, "one", "role=controller", TwoInstances.Full);
        await using var others = new Clients();
        TestClient other;
        do
        {
            // Whoever has fewer gets the next; but each process of nginx counts for itself, so not always the second does.
            Assert.InRange(others.All.Count, 0, 9);
            other = others.Add(await site.ConnectAsync(group, "other", "role=worker", TwoInstances.Full));
        }
        while (await site.Instances.HeardByAsync("ws:group:" + group) < 2);
        await UntilAsync(one, message => message.Text("cmd") == "join" && message.Text("from_id") == "other");

        await one.SendAsync(Json.Message("one", msg: "to all"));
        await one.SendAsync(Json.Message("one", "direct", "other", msg: "to you"));
        // Through two channels, between which there is no order.
        var missing = new HashSet<string?> { "to all", "to you" };
        await UntilAsync(other, message => missing.Remove(message.Text("msg")) && missing.Count == 0);
        Assert.Equal(["one", "other"], (await Roster.OfAsync(other)).Members.Select(member => member.Id).Order());

        await Task.WhenAll(others.All.Select(client => client.CloseAsync()));
        await UntilAsync(one, message => message.Text("cmd") == "leave" && message.Text("from_id") == "other");
    }

    [Theory]
    [MemberData(nameof(Strangers))]
    public async Task Stranger_IsNeverTakenForThisMachine(string path, string[] headers)
    {
        using (var here = await site.Instances.A.GetAsync(path))
            Assert.NotEqual(HttpStatusCode.Forbidden, here.StatusCode);
        using var there = await site.AskAsync(
            HttpMethod.Get, path, null, [.. headers.Select(header => header.Split(": ")).Select(one => (one[0].Trim(':'), one[^1].Trim(':')))]);
        Assert.Equal(HttpStatusCode.Forbidden, there.StatusCode);
    }

    [Fact]
    public async Task Page_OfTheMachineThatNginxIsOn_IsAStrangersToo()
    {
        var refused = await Assert.ThrowsAsync<WebSocketException>(() => TestClient.ConnectAsync(
            new Uri($"ws://{site.Address.Authority}/v3/ws/group/g/client/page"), "g", "page",
            configure: options => options.SetRequestHeader("Origin", "http://localhost:3000")));
        Assert.Contains("403", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Metrics_AreNotForEverybody()
    {
        using var answer = await site.AskAsync(HttpMethod.Get, "/metrics");
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    [Fact]
    public async Task AccessLog_HoldsNoQuery()
    {
        const string Secret = "a-key-that-belongs-into-a-header";
        using (var refused = await site.AskAsync(HttpMethod.Get, $"/v3/ws/group/g/client/logged?key={Secret}"))
            Assert.NotEqual(HttpStatusCode.NotFound, refused.StatusCode);
        await Eventually.HoldsAsync(
            () => site.AccessLog.Contains("/client/logged", StringComparison.Ordinal), "the request is logged");
        Assert.DoesNotContain(Secret, site.AccessLog, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LegacyClients_HearEachOther()
    {
        var endpoint = new Uri($"ws://{site.Address.Authority}/ws/group/old/client/");
        await using var one = await TestClient.ConnectAsync(new Uri(endpoint, "one"), "old", "one");
        await using var other = await TestClient.ConnectAsync(new Uri(endpoint, "other"), "old", "other");
        await one.SendAsync("{\"group_id\":\"old\",\"hello\":1}");
        Assert.Contains("hello", await other.ReceiveTextAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task HttpApi_WorksWithAKey_AndATraceArrivesWhileItGoesOn()
    {
        await using var guarded = await Site.StartAsync(new()
        {
            ["ApiKeys:0:Name"] = "operators",
            ["ApiKeys:0:Key"] = Key,
            ["ApiKeys:0:Permissions:0"] = "admin",
        });
        var header = ("X-Aether-API-Key", Key);
        await using var worker = await TestClient.ConnectAsync(
            new Uri($"ws://{guarded.Address.Authority}/v3/ws/group/g/client/worker"), "g", "worker",
            configure: options => options.SetRequestHeader(header.Item1, Key));

        using var http = new HttpClient { BaseAddress = guarded.Address };
        http.DefaultRequestHeaders.Add(header.Item1, Key);
        await using var trace = await TraceReader.OpenAsync(http, "g", "worker");
        string message = Json.Message("operators", type: "cmd", group: "g", cmd: "start");
        using (var sent = await guarded.AskAsync(HttpMethod.Post, "/v3/messages", message, header))
            Assert.True(sent.IsSuccessStatusCode, await sent.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal("start", (await worker.ReceiveAsync()).Text("cmd"));
        await trace.NextAsync("received", "start");

        using (var removed = await guarded.AskAsync(HttpMethod.Delete, "/v3/groups/g/clients/worker", null, header))
            Assert.True(removed.IsSuccessStatusCode);
        Assert.Equal(4005, (await worker.EndAsync()).Code);
        using var refused = await guarded.AskAsync(HttpMethod.Post, "/v3/messages", message, (header.Item1, Key + "x"));
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
    }

    private static async Task UntilAsync(TestClient client, Func<System.Text.Json.JsonElement, bool> condition)
    {
        while (!condition(await client.ReceiveAsync()))
        {
            // What came before it is not looked at.
        }
    }
}
