using System.Diagnostics;
using System.Net;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>How an instance goes.</summary>
public sealed class DrainTests
{
    [Fact]
    public async Task Terminate_TellsEveryConnection1012_AndExitsWith0()
    {
        await using var server = await ServerProcess.StartAsync(new() { ["Drain"] = "10" });
        var clients = await Task.WhenAll(Enumerable.Range(0, 50).Select(
            i => TestClient.ConnectAsync(server, "g", "c" + i, protocols: i % 2 == 0 ? ["aether.v3"] : null)));
        var watch = Stopwatch.StartNew();
        server.Terminate();
        foreach (var client in clients)
            Assert.Equal(new Closed(1012, "restarting, come back"), await client.EndAsync());
        Assert.Equal(0, await server.WaitForExitAsync(Eventually.Soon));
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(10));
        foreach (var client in clients)
            await client.DisposeAsync();
    }

    [Fact]
    public async Task Drain_IsNotReadyAndTakesNobody_ButLives()
    {
        await using var server = await ServerProcess.StartAsync(new() { ["Drain"] = "4" });
        using (var ready = await server.GetAsync("/health/ready"))
            Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
        // It does not answer the close, so the drain goes on until its time is up.
        await using var stubborn = await RawClient.ConnectAsync(server, "g", "a");
        server.Terminate();
        Assert.Equal(1012, (await stubborn.ReceiveAsync())!.CloseCode);
        using (var ready = await server.GetAsync("/health/ready"))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
            Assert.Equal(TimeSpan.FromSeconds(5), ready.Headers.RetryAfter?.Delta);
            Assert.Contains("draining", await ready.Content.ReadAsStringAsync(TestContext.Current.CancellationToken),
                StringComparison.Ordinal);
        }
        using (var live = await server.GetAsync("/health/live"))
            Assert.Equal(HttpStatusCode.OK, live.StatusCode);
        await using (var refused = await RawClient.RequestAsync(server, "/v3/ws/group/g/client/b"))
            Assert.Equal((503, true), (refused.Status, refused.Header("Retry-After") is not null));
        Assert.Equal(0, await server.WaitForExitAsync(TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public async Task Drain_DeliversUntilAConnectionIsTold()
    {
        await using var server = await ServerProcess.StartAsync(new() { ["Drain"] = "4" });
        await using var client = await TestClient.ConnectAsync(server, "g", "a", "echo=off");
        for (int i = 0; i < 100; i++)
            await client.SendAsync(
                Json.Message("a", id: i.ToString(System.Globalization.CultureInfo.InvariantCulture)));
        await client.ReceiveAsync();
        server.Terminate();
        Assert.Equal(1012, (await client.EndAsync()).Code);
        Assert.Equal(0, await server.WaitForExitAsync(Eventually.Soon));
    }

    [Fact]
    public async Task Terminate_ExitsAtOnce_GivenNoConnection()
    {
        await using var server = await ServerProcess.StartAsync();
        await using (var gone = await TestClient.ConnectAsync(server, "g", "a"))
            await gone.CloseAsync();
        var watch = Stopwatch.StartNew();
        server.Terminate();
        Assert.Equal(0, await server.WaitForExitAsync(Eventually.Soon));
        // Less than the drain that it has for connections.
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task Terminate_ExitsInTime_GivenAPeerThatTakesNothing()
    {
        await using var server = await ServerProcess.StartAsync(
            new() { ["Drain"] = "2", ["RateLimit:PerSecond"] = "0" });
        await using var stalled = await RawClient.ConnectAsync(server, "g", "stalled");
        await using var sender = await TestClient.ConnectAsync(server, "g", "a", "echo=off");
        string payload = $"{{\"x\":\"{new string('x', 60_000)}\"}}";
        for (int i = 0; i < 200; i++)
            await sender.SendAsync(Json.Message("a", payload: payload));
        await sender.ReceiveUntilNowAsync();
        server.Terminate();
        Assert.Equal(1012, (await sender.EndAsync()).Code);
        Assert.Equal(0, await server.WaitForExitAsync(TimeSpan.FromSeconds(20)));
    }
}
