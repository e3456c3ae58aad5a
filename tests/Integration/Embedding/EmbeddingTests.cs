using System.Text.Json.Nodes;
using Aether.Application.Messaging;
using Aether.Application.Presence;
using Aether.Domain;
using Aether.Tests.Integration.Fixtures;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What a host's own code does with the real-time layer. docs/embedding.md shows it.</summary>
public sealed class EmbeddingTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Realtime_SendsAsAether_ToGroupClientAndAll()
    {
        using var host = HttpHost.Open();
        var realtime = host.Services.GetRequiredService<IRealtime>();
        using var worker = await host.ConnectAsync("press-7", "worker-1");
        using var beside = await host.ConnectAsync("press-7", "worker-2");
        using var elsewhere = await host.ConnectAsync("press-8", "worker-1");

        var outcome = await realtime.ToGroup(
            "press-7", new RealtimeMessage { Cmd = "start", Payload = new { speed = 3 } }, Cancellation);
        await realtime.ToClient("press-7", "worker-1", new RealtimeMessage { Msg = "you" }, Cancellation);
        await realtime.Broadcast(new RealtimeMessage { Msg = "all" }, Cancellation);

        Assert.Equal((1, null), (outcome.Instances, outcome.Rejection));
        var start = await worker.ReceiveAsync();
        Assert.Equal(
            ("aether", "press-7", "start", "{\"speed\":3}"),
            (Text(start, "from_id"), Text(start, "group_id"), Text(start, "cmd"), start["payload"]!.ToJsonString()));
        Assert.Equal("you", (string?)(await worker.ReceiveAsync())["msg"]);
        Assert.Equal("all", (string?)(await worker.ReceiveAsync())["msg"]);
        Assert.Equal("start", Text(await beside.ReceiveAsync(), "cmd"));
        Assert.Equal("all", Text(await beside.ReceiveAsync(), "msg"));
        Assert.Equal("all", Text(await elsewhere.ReceiveAsync(), "msg"));
    }

    [Fact]
    public async Task Realtime_KeepsWhatItSends_OnceForEachId_AndReadsItBack()
    {
        await using var host = HttpHost.Open();
        var realtime = host.Services.GetRequiredService<IRealtime>();
        using var worker = await host.ConnectAsync("press-7", "worker-1");
        var start = new RealtimeMessage { Cmd = "start", Id = "order-1" };

        var first = await realtime.ToGroup("press-7", start, Cancellation);
        var again = await realtime.ToGroup("press-7", start, Cancellation);
        var other = await realtime.ToGroup("press-7", start with { Id = "order-2" }, Cancellation);
        var page = await realtime.Messages("press-7", after: first.Position.ToString(), cancellationToken: Cancellation);
        var unkept = await realtime.ToGroup("press-7", new RealtimeMessage { Msg = "hello" }, Cancellation);

        Assert.Equal((false, true, false), (first.IsDuplicate, again.IsDuplicate, other.IsDuplicate));
        Assert.Equal(first.Position, again.Position);
        Assert.Equal(["order-2"], page.Value.Messages.Select(message => message.Id));
        Assert.True(unkept.Position.IsEmpty);
        Assert.Equal(
            ["order-1", "order-2", null],
            [
                (string?)(await worker.ReceiveAsync())["id"], (string?)(await worker.ReceiveAsync())["id"],
                (string?)(await worker.ReceiveAsync())["id"],
            ]);
        await Assert.ThrowsAsync<ArgumentException>(
            () => realtime.Messages("press-7", after: "nowhere", cancellationToken: Cancellation));
    }

    [Fact]
    public async Task Realtime_ReadsAndRemoves_WhoIsPresent()
    {
        using var host = HttpHost.Open();
        var realtime = host.Services.GetRequiredService<IRealtime>();
        using var controller = await host.ConnectAsync("press-7", "boss", "role=controller");
        using var worker = await host.ConnectAsync("press-7", "worker-1", "role=worker");

        var workers = await realtime.Roster("press-7", new RosterQuery { Role = Role.Worker }, Cancellation);
        var one = await realtime.Client("press-7", "boss", Cancellation);
        var all = await realtime.Count("press-7", cancellationToken: Cancellation);
        var nobody = await realtime.Client("press-7", "worker-2", Cancellation);
        var removed = await realtime.Disconnect("press-7", "worker-1", Cancellation);

        Assert.Equal(("worker-1", 1), (workers.Value.Members.Single().ClientId.Value, workers.Value.Total));
        Assert.Equal((Role.Controller, 2), (one.Value.Role, all.Value));
        Assert.Equal("recipient_offline", nobody.Rejection?.Code.Name);
        Assert.Null(removed.Rejection);
        Assert.Equal(4005, await worker.ReceiveCloseAsync());
    }

    [Fact]
    public async Task Realtime_SaysWhatIsWrong_GivenARuleThatIsBroken()
    {
        using var host = HttpHost.Open();
        var realtime = host.Services.GetRequiredService<IRealtime>();

        await Assert.ThrowsAsync<ArgumentException>(
            "groupId", () => realtime.Count("a*", cancellationToken: Cancellation));
        await Assert.ThrowsAsync<ArgumentException>(
            "clientId", () => realtime.Disconnect("press-7", "", Cancellation));
        var page = await realtime.Roster("press-7", new RosterQuery { Limit = 501 }, Cancellation);
        Assert.Equal(("invalid_message", "limit"), (page.Rejection?.Code.Name, page.Rejection?.Field));
    }

    private static string? Text(JsonNode message, string field) => (string?)message[field];
}
