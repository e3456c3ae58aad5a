using System.Net.WebSockets;
using Aether.Tests.Integration.Fixtures;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What becomes of V1 and V2 clients when the keys change.</summary>
public sealed class LegacyKeyTests
{
    private const string Key = "legacy-key-0123456789";

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Connection_IsClosed_WhenItsKeyIsRevoked_OnlyIfItWasAskedForOne(bool required)
    {
        using var host = HttpHost.Open(settings:
        [
            ("ApiKeys:0:Name", "k"), ("ApiKeys:0:Key", Key), ("Legacy:RequireKey", required ? "true" : "false"),
        ]);
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("X-Aether-API-Key", Key);
        var address = new UriBuilder(host.CreateClient().BaseAddress!) { Scheme = "ws", Path = "/ws/group/g/client/c" };
        await socket.ConnectAsync(address.Uri, TestContext.Current.CancellationToken);

        var configuration = (IConfigurationRoot)host.Services.GetRequiredService<IConfiguration>();
        configuration["Aether:Realtime:ApiKeys:0:Key"] = "another-key-0123456789";
        configuration.Reload();

        if (required)
        {
            Assert.Equal(4001, await socket.ReceiveCloseAsync());
            return;
        }
        await AssertStaysAsync(socket);
    }

    [Fact]
    public async Task Connection_Stays_WhenItsKeyLosesPermissions_WhichItHasNone()
    {
        using var host = HttpHost.Open(settings:
        [
            ("ApiKeys:0:Name", "k"), ("ApiKeys:0:Key", Key), ("ApiKeys:0:Permissions:0", "broadcast"),
            ("Legacy:RequireKey", "true"),
        ]);
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("X-Aether-API-Key", Key);
        var address = new UriBuilder(host.CreateClient().BaseAddress!) { Scheme = "ws", Path = "/ws/group/g/client/c" };
        await socket.ConnectAsync(address.Uri, TestContext.Current.CancellationToken);

        var configuration = (IConfigurationRoot)host.Services.GetRequiredService<IConfiguration>();
        configuration["Aether:Realtime:ApiKeys:0:Permissions:0"] = "cross_group";
        configuration.Reload();

        await AssertStaysAsync(socket);
    }

    private static async Task AssertStaysAsync(ClientWebSocket socket)
    {
        // It comes back, and is the first thing that does.
        await socket.SendAsync("still here");
        byte[] buffer = new byte[64];
        var received = await socket.ReceiveAsync(buffer, TestContext.Current.CancellationToken);
        Assert.Equal("still here", System.Text.Encoding.UTF8.GetString(buffer, 0, received.Count));
    }
}
