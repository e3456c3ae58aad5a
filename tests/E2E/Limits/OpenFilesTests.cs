using System.Text.RegularExpressions;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>What happens when the process may open no more files: each connection is one, upgraded or not.</summary>
public sealed class OpenFilesTests
{
    // Some 270 are open when nobody is connected: the runtime keeps two for each of its libraries.
    private const int Limit = 420;
    private const string Paused = "The server accepts no connection until one ends";

    [Fact]
    public async Task BareConnections_AreLeftWaiting_AndTheServerLives()
    {
        await using var server = await ServerProcess.StartAsync(openFiles: Limit);
        await using var member = await TestClient.ConnectAsync(server, "g", "a");
        var bare = new List<RawClient>();
        try
        {
            for (int i = 0; i < Limit; i++)
                bare.Add(await RawClient.OpenAsync(server));
            await Eventually.HoldsAsync(() => server.Log.Contains(Paused, StringComparison.Ordinal), "it pauses");

            // Whoever is in is served on.
            await member.SendAsync(Json.Message("a", msg: "still here"));
            Assert.Equal("still here", (await member.ReceiveAsync()).Text("msg"));
            Assert.False(server.HasExited, server.Log);
        }
        finally
        {
            foreach (var client in bare)
                client.Reset();
        }
        using var live = await server.GetAsync("/health/live");
        Assert.True(live.IsSuccessStatusCode);
        await using var next = await TestClient.ConnectAsync(server, "g", "b");
        await next.SendAsync(Json.Message("b", msg: "and more"));
        Assert.Equal("and more", (await member.ReceiveAsync()).Text("msg"));
        // Once for all of them.
        Assert.Single(Regex.Matches(server.Log, Paused));
        Assert.DoesNotContain("Out of memory", server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stop_IsOrderly_WhileItAcceptsNobody()
    {
        await using var server = await ServerProcess.StartAsync(new() { ["Drain"] = "1" }, openFiles: Limit);
        await using var member = await TestClient.ConnectAsync(server, "g", "a");
        var bare = new List<RawClient>();
        for (int i = 0; i < Limit; i++)
            bare.Add(await RawClient.OpenAsync(server));
        await Eventually.HoldsAsync(() => server.Log.Contains(Paused, StringComparison.Ordinal), "it pauses");

        server.Terminate();

        Assert.Equal(1012, (await member.EndAsync()).Code);
        Assert.Equal(0, await server.WaitForExitAsync(TimeSpan.FromSeconds(60)));
        foreach (var client in bare)
            await client.DisposeAsync();
    }

    [Fact]
    public async Task Start_SaysThatTheConnectionsDoNotFit()
    {
        await using var server = await ServerProcess.StartAsync(
            new() { ["MaxConnections"] = "1000", ["Legacy:Enabled"] = "false" }, openFiles: Limit);
        await Eventually.HoldsAsync(
            () => server.Log.Contains(
                $"(1000) do not fit into the limit of open files, {Limit}", StringComparison.Ordinal),
            "it says so");
        Assert.Contains("warn:", server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_SaysNothing_GivenThatTheyFit()
    {
        await using var server = await ServerProcess.StartAsync(
            new() { ["MaxConnections"] = "20", ["Legacy:MaxConnections"] = "10" }, openFiles: Limit);
        // The line would come before this one.
        server.Terminate();
        await server.WaitForExitAsync(TimeSpan.FromSeconds(60));
        Assert.DoesNotContain("limit of open files", server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_IsRefusedWithASentence_GivenThatNobodyCouldConnect()
    {
        await using var server = ServerProcess.Launch(openFiles: 250);
        Assert.Equal(1, await server.WaitForExitAsync(TimeSpan.FromSeconds(60)));
        Assert.StartsWith("The limit of open files, 250, is too low", server.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", server.Log, StringComparison.Ordinal);
    }
}
