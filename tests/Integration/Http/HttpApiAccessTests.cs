using System.Net;
using Aether.Tests.Integration.Fixtures;
using Xunit;
using static Aether.Tests.Integration.Fixtures.HttpApi;

namespace Aether.Tests.Integration;

/// <summary>Who may use the HTTP API: keys, their permissions and groups, and callers without one.</summary>
public sealed class HttpApiAccessTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    // key, target, group, status
    [InlineData(HttpHost.Admin, "group", "g2", 202)]
    [InlineData(HttpHost.Admin, "direct", "g2", 202)]
    [InlineData(HttpHost.Admin, "broadcast", null, 403)]
    [InlineData(HttpHost.AdminOfG1, "group", "g1", 202)]
    [InlineData(HttpHost.AdminOfG1, "direct", "g1", 202)]
    [InlineData(HttpHost.AdminOfG1, "group", "g2", 403)]
    [InlineData(HttpHost.AdminOfG1, "direct", "g2", 403)]
    [InlineData(HttpHost.Crossing, "group", "g2", 202)]
    [InlineData(HttpHost.Crossing, "broadcast", null, 403)]
    [InlineData(HttpHost.CrossingG1, "group", "g1", 202)]
    [InlineData(HttpHost.CrossingG1, "group", "g2", 403)]
    [InlineData(HttpHost.Broadcasting, "broadcast", null, 202)]
    [InlineData(HttpHost.Broadcasting, "group", "g1", 403)]
    [InlineData(HttpHost.Plain, "group", "g1", 403)]
    [InlineData(HttpHost.Plain, "broadcast", null, 403)]
    [InlineData("wrong-key-0123456789", "group", "g1", 401)]
    [InlineData("", "group", "g1", 401)]
    [InlineData(null, "group", "g1", 401)]
    public async Task Send_IsAllowed_ByTheKeysPermissionsAndGroups(
        string? key, string target, string? group, int status)
    {
        using var host = HttpHost.WithKeys();

        var response = await SendAsync(host.CreateClient(key), Message(target, group: group, to: "c1"));

        await AssertStatusAsync(status, response);
    }

    [Theory]
    [InlineData(HttpHost.Admin, "g2", 200, 404)]
    [InlineData(HttpHost.AdminOfG1, "g1", 200, 404)]
    [InlineData(HttpHost.AdminOfG1, "g2", 403, 403)]
    [InlineData(HttpHost.Crossing, "g1", 403, 403)]
    [InlineData(HttpHost.Broadcasting, "g1", 403, 403)]
    [InlineData(HttpHost.Plain, "g1", 403, 403)]
    [InlineData("wrong-key-0123456789", "g1", 401, 401)]
    [InlineData(null, "g1", 401, 401)]
    public async Task ReadAndRemove_AreAllowed_ByAdminInItsGroups(string? key, string group, int roster, int client)
    {
        using var host = HttpHost.WithKeys();
        var caller = host.CreateClient(key);

        await AssertStatusAsync(roster, await caller.GetAsync(Roster(group), Cancellation));
        await AssertStatusAsync(client, await caller.GetAsync(Client(group, "nobody"), Cancellation));
        await AssertStatusAsync(client, await caller.DeleteAsync(Client(group, "nobody"), Cancellation));
    }

    [Fact]
    public async Task Credential_IsRefused_GivenTwice()
    {
        using var host = HttpHost.WithKeys();
        var client = host.CreateClient(HttpHost.Admin);
        client.DefaultRequestHeaders.Add("X-Aether-API-Key", HttpHost.Admin);

        await ProblemAsync(HttpStatusCode.Unauthorized, await client.GetAsync(Roster("g1"), Cancellation));
    }

    [Theory]
    [InlineData(null, null, null, true)]
    [InlineData("127.0.0.1", null, null, true)]
    [InlineData("127.9.9.9", null, "127.0.0.1:80", true)]
    [InlineData("::1", null, "[::1]:80", true)]
    [InlineData("::ffff:127.0.0.1", null, "LOCALHOST", true)]
    [InlineData("10.0.0.1", null, null, false)]
    [InlineData("::ffff:10.0.0.1", null, null, false)]
    [InlineData("10.0.0.1", "X-Forwarded-For", null, false)]
    [InlineData("127.0.0.1", "X-Forwarded-For", null, false)]
    [InlineData("127.0.0.1", "X-Original-For", null, false)]
    [InlineData("127.0.0.1", "Forwarded", null, false)]
    [InlineData(null, "Via", null, false)]
    [InlineData("127.0.0.1", null, "rebound.example", false)]
    [InlineData("127.0.0.1", null, "localhost.rebound.example", false)]
    public async Task Caller_IsServedWithoutKeys_OnlyFromThisMachine(
        string? address, string? header, string? hostName, bool served)
    {
        using var host = HttpHost.Open(seen => seen.Address = address is null ? null : IPAddress.Parse(address));
        var client = host.CreateClient();
        if (header is not null)
            client.DefaultRequestHeaders.TryAddWithoutValidation(header, "127.0.0.1");
        if (hostName is not null)
            client.DefaultRequestHeaders.Host = hostName;

        await AssertStatusAsync(served ? 202 : 403, await SendAsync(client, Message("broadcast")));
        await AssertStatusAsync(served ? 200 : 403, await client.GetAsync(Roster("g1"), Cancellation));
        await AssertStatusAsync(served ? 200 : 403, await client.GetAsync("/metrics", Cancellation));
    }

    [Fact]
    public async Task Caller_IsServedFromElsewhere_GivenItsKey()
    {
        using var host = HttpHost.WithKeys(seen => seen.Address = IPAddress.Parse("10.0.0.1"));

        var response = await host.CreateClient(HttpHost.Admin).GetAsync(Roster("g1"), Cancellation);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }
}
