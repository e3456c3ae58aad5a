using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>
/// An operator looks at one client, at another instance than the client's: everything of it comes through Redis.
/// </summary>
public sealed class TraceTests(TwoInstances instances) : IClassFixture<TwoInstances>, IDisposable
{
    private readonly HttpClient operatorAtB = new() { BaseAddress = instances.B.Address };
    private readonly string group = instances.NewGroup() + "-trace";

    public void Dispose() => operatorAtB.Dispose();

    [Fact]
    public async Task Trace_ShowsWhatAClientSendsAndIsSent_AndNothingOfOthers()
    {
        await using var drill = await TestClient.ConnectAsync(instances.A, group, "drill");
        await using var control = await TestClient.ConnectAsync(instances.B, group, "control");
        await using var trace = await TraceReader.OpenAsync(operatorAtB, group, "drill");
        string? connection = (await trace.NextAsync("connected")).Of("connection_id");

        await control.SendAsync(Json.Message("control", "direct", "drill", msg: "for drill alone"));
        var received = await trace.NextAsync("received");
        Assert.Equal((connection, "for drill alone"), (received.Of("connection_id"), received.Frame().Text("msg")));

        // Between others, and of the same client in another group.
        await control.SendAsync(Json.Message("control", "direct", "control", msg: "secret"));
        Assert.Equal("secret", (await control.ReceiveAsync()).Text("msg"));
        await using var elsewhere = await TestClient.ConnectAsync(instances.A, group + "2", "drill");
        await elsewhere.SendAsync(Json.Message("drill", "echo", msg: "secret"));
        Assert.Equal("secret", (await elsewhere.ReceiveAsync()).Text("msg"));

        await drill.SendAsync(Json.Message("drill", "direct", "control", msg: "from drill", payload: """{"ü":"„\"“"}"""));
        var sent = await trace.NextAsync("sent");
        Assert.Equal(("from drill", "„\"“"), (sent.Frame().Text("msg"), sent.Frame().Payload("ü").GetString()));
        // It has heard what was for it, and nothing of being looked at.
        Assert.Equal("for drill alone", (await drill.ReceiveAsync()).Text("msg"));
        Assert.Empty(await drill.ReceiveUntilNowAsync());
    }

    [Fact]
    public async Task Trace_ShowsRefusalsWithTheirRules_AndTheClose()
    {
        await using var drill = await TestClient.ConnectAsync(instances.A, group, "drill");
        await using var trace = await TraceReader.OpenAsync(operatorAtB, group, "drill");
        await trace.NextAsync("connected");

        await drill.SendAsync(Json.Message("drill", "direct", "nobody", msg: "anybody?", id: "q1"));
        var offline = await trace.NextAsync("refused");
        Assert.Equal(
            ("recipient_offline", "to_id", "q1"),
            (offline.Of("code"), offline.Of("field"), offline.Frame().Text("id")));
        Assert.Equal("error", (await trace.NextAsync("received")).Frame().Text("cmd"));

        await drill.SendAsync(Json.Message("drill", payload: "[]"));
        var invalid = await trace.NextAsync("refused");
        Assert.Equal(("invalid_message", "payload"), (invalid.Of("code"), invalid.Of("field")));
        Assert.Contains("\"payload\":[]", invalid.Of("frame"), StringComparison.Ordinal);
        Assert.StartsWith("payload: must", invalid.Of("reason"), StringComparison.Ordinal);
        var closed = await trace.NextAsync("closed");
        Assert.Equal("4000", closed.Of("close_code"));
        Assert.StartsWith("payload: must", closed.Of("reason"), StringComparison.Ordinal);

        // On the instance that knows of the trace a new connection is seen from its first frame on.
        await using var again = await TestClient.ConnectAsync(instances.A, group, "drill", protocols: TwoInstances.Full);
        Assert.Equal("welcome", (await trace.NextAsync("received")).Frame().Text("cmd"));
    }

    [Fact]
    public async Task Trace_GoesOn_WhereTheClientComesBackToAnotherInstance()
    {
        await using var trace = await TraceReader.OpenAsync(operatorAtB, group, "drill");
        await using (await TestClient.ConnectAsync(instances.A, group, "drill"))
            await trace.NextAsync("connected");
        await using var back = await TestClient.ConnectAsync(instances.B, group, "drill");
        await trace.NextAsync("connected");
        await back.SendAsync(Json.Message("drill", msg: "here I am"));
        await trace.NextAsync("sent", "here I am");
    }

    [Fact]
    public async Task Trace_LeavesNothingBehind_WhenTheOperatorLeaves()
    {
        await NobodyLooksAsync();
        await using var drill = await TestClient.ConnectAsync(instances.A, group, "drill");
        await using (var trace = await TraceReader.OpenAsync(operatorAtB, group, "drill"))
        {
            await trace.NextAsync("connected");
            Assert.Single(await TraceChannelsAsync());
        }
        await NobodyLooksAsync();
    }

    [Fact]
    public async Task ForgedTrace_ReachesNoClient()
    {
        await using var drill = await TestClient.ConnectAsync(instances.A, group, "drill");
        foreach (string cmd in (string[])["aether.trace", "aether.traced"])
        {
            string forged = Json.Message(
                "aether", "direct", "drill", type: "cmd", group: group, cmd: cmd, payload: """{"for_ms":"x"}""");
            await instances.LinesAsync("PUBLISH", "ws:client:drill", forged);
        }
        await instances.LinesAsync("PUBLISH", "ws:client:drill", Json.Message("x", "direct", "drill", group: group, msg: "true"));
        Assert.Equal("true", (await drill.ReceiveAsync()).Text("msg"));
        Assert.Empty(await drill.ReceiveUntilNowAsync());
    }

    [Fact]
    public async Task Trace_SaysThatTheServerStops()
    {
        await using var server = await TwoInstances.StartServerAsync(instances.Redis.ConnectionString);
        using var client = new HttpClient { BaseAddress = server.Address };
        await using var trace = await TraceReader.OpenAsync(client, group, "drill");

        server.Terminate();

        Assert.Contains("\"reason\":\"stopping\"", (await trace.ToEndAsync())[^1], StringComparison.Ordinal);
        Assert.Equal(0, await server.WaitForExitAsync(TimeSpan.FromSeconds(30)));
    }

    private Task NobodyLooksAsync() => Eventually.HoldsAsync(
        async () => (await TraceChannelsAsync()).Length == 0, "nobody hears a trace", TimeSpan.FromSeconds(30));

    private Task<string[]> TraceChannelsAsync() => instances.LinesAsync("PUBSUB", "CHANNELS", "ws:trace:*");
}
