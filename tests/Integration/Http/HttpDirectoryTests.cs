using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Aether.Api;
using Aether.Tests.Integration.Fixtures;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What the HTTP API tells of groups and instances, and whom.</summary>
public sealed class HttpDirectoryTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(HttpHost.Admin, 200)]
    [InlineData(HttpHost.AdminOfG1, 200)]
    [InlineData(HttpHost.Crossing, 403)]
    [InlineData(HttpHost.Broadcasting, 403)]
    [InlineData(HttpHost.Plain, 403)]
    [InlineData("wrong-key-0123456789", 401)]
    [InlineData(null, 401)]
    public async Task Directory_IsForAdmins_GivenKeys(string? key, int status)
    {
        using var host = HttpHost.WithKeys();
        var client = host.CreateClient(key);

        foreach (string path in new[] { "/v3/groups", "/v3/instances" })
            Assert.Equal(status, (int)(await client.GetAsync(path, Cancellation)).StatusCode);
    }

    [Theory]
    [InlineData("127.0.0.1", 200)]
    [InlineData("10.0.0.1", 403)]
    public async Task Directory_IsForThisMachine_GivenNoKeys(string address, int status)
    {
        using var host = HttpHost.Open(seen => seen.Address = IPAddress.Parse(address));
        var client = host.CreateClient();

        foreach (string path in new[] { "/v3/groups", "/v3/instances" })
            Assert.Equal(status, (int)(await client.GetAsync(path, Cancellation)).StatusCode);
    }

    [Fact]
    public async Task Groups_AreThoseWithMembers_ByIdAndPage()
    {
        using var host = HttpHost.Open();
        using var a = await host.ConnectAsync("beta", "a");
        using var tab = await host.ConnectAsync("beta", "a");
        using var b = await host.ConnectAsync("beta", "b");
        using var c = await host.ConnectAsync("alpha", "a");
        using var d = await host.ConnectAsync("Gamma", "a");

        Assert.Equal("Gamma:1 alpha:1 beta:2 of 3", await ReadAsync(host.CreateClient()));
        Assert.Equal("alpha:1 of 3", await ReadAsync(host.CreateClient(), "?offset=1&limit=1"));
        Assert.Equal("of 3", await ReadAsync(host.CreateClient(), "?offset=3"));
    }

    [Fact]
    public async Task Groups_AreThoseOfTheKeyAlone_GivenOneThatIsLimited()
    {
        using var host = HttpHost.WithKeys();
        Assert.Equal("of 0", await ReadAsync(host.CreateClient(HttpHost.AdminOfG1)));
        using var here = await host.ConnectAsync("g1", "a", key: HttpHost.Admin);
        using var there = await host.ConnectAsync("g2", "a", key: HttpHost.Admin);

        Assert.Equal("g1:1 of 1", await ReadAsync(host.CreateClient(HttpHost.AdminOfG1)));
        Assert.Equal("g1:1 g2:1 of 2", await ReadAsync(host.CreateClient(HttpHost.Admin)));
    }

    [Fact]
    public async Task Instances_TellVersionUptimeAndConnections()
    {
        using var host = HttpHost.Open();
        using var a = await host.ConnectAsync("g1", "a");
        using var b = await host.ConnectAsync("g2", "b");

        var page = (await host.CreateClient().GetFromJsonAsync<JsonObject>("/v3/instances", Cancellation))!;

        var one = Assert.Single(page["instances"]!.AsArray())!;
        Assert.Equal(1, (int)page["total"]!);
        Assert.Equal(host.Services.GetRequiredService<Instance>().Id, (string?)one["instance_id"]);
        Assert.Equal(2, (int)one["connections"]!);
        Assert.StartsWith("3.", (string?)one["version"], StringComparison.Ordinal);
        Assert.InRange((long)one["uptime_seconds"]!, 0, 3_600);
        Assert.EndsWith("Z", (string?)one["started_at"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/v3/groups?offset=-1", "offset")]
    [InlineData("/v3/groups?offset=x", "offset")]
    [InlineData("/v3/groups?limit=0", "limit")]
    [InlineData("/v3/groups?limit=501", "limit")]
    [InlineData("/v3/groups?limit=5&limit=6", "query")]
    [InlineData("/v3/groups?Limit=5", "query")]
    [InlineData("/v3/groups?role=worker", "query")]
    [InlineData("/v3/instances?limit=5", "query")]
    public async Task Query_IsRefused_NamingTheParameter(string path, string field)
    {
        using var host = HttpHost.Open();

        var response = await host.CreateClient().GetAsync(path, Cancellation);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal(field, (string?)(await response.Content.ReadFromJsonAsync<JsonObject>(Cancellation))!["field"]);
    }

    private static async Task<string> ReadAsync(HttpClient client, string query = "")
    {
        var page = (await client.GetFromJsonAsync<JsonObject>("/v3/groups" + query, Cancellation))!;
        var groups = page["groups"]!.AsArray().Select(group => $"{group!["group_id"]}:{group["members"]}");
        return string.Join(' ', [.. groups, "of", page["total"]]);
    }
}
