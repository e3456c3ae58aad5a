using System.Net;
using System.Net.WebSockets;
using Aether.Tests.Integration.Fixtures;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What becomes of connections whose key grants something else than it did when they came.</summary>
public sealed class KeyChangesTests
{
    private const string Key = "changing-key-0123456789";
    private const string Section = "Aether:Realtime:";

    public static TheoryData<string, string, string?> Narrower => new()
    {
        { "ApiKeys:0:Permissions:0", "cross_group", Key },
        { "ApiKeys:0:Permissions:1", "broadcast", Key },
        { "ApiKeys:0:Permissions:2", "broadcast", Key },
        { "ApiKeys:0:Groups:1", "g3", Key },
        { "AnonymousPermissions:0", "cross_group", null },
    };

    public static TheoryData<string, string, string?> NotNarrower => new()
    {
        { "ApiKeys:0:Permissions:3", "admin", Key },
        { "ApiKeys:0:Groups:2", "g3", Key },
        { "ApiKeys:0:Groups:1", "*", Key },
        { "ApiKeys:0:Name", "another", Key },
        { "AnonymousPermissions:1", "cross_group", null },
    };

    [Theory]
    [MemberData(nameof(Narrower))]
    public async Task Connection_IsClosed_WhenItIsGrantedLess(string option, string value, string? key)
    {
        using var host = Open(key, "broadcast", "cross_group", "admin");
        using var socket = await host.ConnectAsync("g1", "c1", key: key);
        Change(host, option, value);
        Assert.Equal(4001, await socket.ReceiveCloseAsync());
    }

    [Theory]
    [MemberData(nameof(NotNarrower))]
    public async Task Connection_Stays_WhenItIsGrantedAsMuchOrMore(string option, string value, string? key)
    {
        using var host = Open(key, "broadcast", "cross_group");
        using var socket = await host.ConnectAsync("g1", "c1", key: key);
        Change(host, option, value);
        await AssertStaysAsync(socket);
    }

    [Fact]
    public async Task Connection_Stays_WhenItsKeyLosesAGroupThatItCouldDoNothingIn()
    {
        using var host = Open(Key, "broadcast");
        using var socket = await host.ConnectAsync("g1", "c1", key: Key);
        Change(host, "ApiKeys:0:Groups:1", "g3");
        await AssertStaysAsync(socket);
        Change(host, "ApiKeys:0:Groups:0", "g2");
        Assert.Equal(4001, await socket.ReceiveCloseAsync());
    }

    [Theory]
    [InlineData("Key", "another-key-0123456789")]
    [InlineData("Permissions:0", "cross_group")]
    public async Task Connection_IsRefused_WhenItsKeyChangesWhileTheHostIsAsked(string field, string value)
    {
        ConfigurationManager? configuration = null;
        var probe = new HandlerProbe
        {
            Connecting = (_, _) =>
            {
                configuration![Section + "ApiKeys:0:" + field] = value;
                ((IConfigurationRoot)configuration).Reload();
                return default;
            },
        };
        await using var host = await probe.StartAsync(services: builder =>
        {
            configuration = builder.Configuration;
            builder.Configuration.AddInMemoryCollection(
            [
                new(Section + "ApiKeys:0:Name", "k"),
                new(Section + "ApiKeys:0:Key", Key),
                new(Section + "ApiKeys:0:Permissions:0", "broadcast"),
            ]);
        });
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("X-Aether-API-Key", Key);
        socket.Options.CollectHttpResponseDetails = true;
        var address = new UriBuilder(new Uri(host.Address, "v3/ws/group/g1/client/c1")) { Scheme = "ws" };
        await Assert.ThrowsAsync<WebSocketException>(
            () => socket.ConnectAsync(address.Uri, TestContext.Current.CancellationToken));
        Assert.Equal(HttpStatusCode.Unauthorized, socket.HttpStatusCode);
    }

    private static async Task AssertStaysAsync(ClientWebSocket socket)
    {
        // It comes back, and is the first thing that does.
        await socket.SendAsync(EmbeddingApp.Message("still here"));
        Assert.Equal("still here", (string?)(await socket.ReceiveAsync())["msg"]);
    }

    private static HttpHost Open(string? key, params string[] permissions) => HttpHost.Open(settings: key is null
        ? [("AnonymousPermissions:0", "broadcast")]
        :
        [
            ("ApiKeys:0:Name", "k"), ("ApiKeys:0:Key", key), ("ApiKeys:0:Groups:0", "g1"), ("ApiKeys:0:Groups:1", "g2"),
            .. permissions.Select((permission, i) => ($"ApiKeys:0:Permissions:{i}", permission)),
        ]);

    private static void Change(HttpHost host, string option, string value)
    {
        var configuration = (IConfigurationRoot)host.Services.GetRequiredService<IConfiguration>();
        configuration[Section + option] = value;
        configuration.Reload();
    }
}
