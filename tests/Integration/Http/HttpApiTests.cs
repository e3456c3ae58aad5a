using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Aether.Tests.Integration.Fixtures;
using Xunit;
using static Aether.Tests.Integration.Fixtures.HttpApi;

namespace Aether.Tests.Integration;

/// <summary>What the HTTP API tells of a group, and how its paths and methods answer.</summary>
public sealed class HttpApiTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Roster_TellsWhoIsThere_ByRoleStateAndPage()
    {
        using var host = HttpHost.Open();
        var client = host.CreateClient();
        using var a = await host.ConnectAsync("g1", "a", "role=controller");
        using var b = await host.ConnectAsync("g1", "b", "role=worker");
        using var c = await host.ConnectAsync("g1", "c", "role=worker");
        using var other = await host.ConnectAsync("g2", "d", "role=worker");
        await b.SendAsync(
            """
            {"msg_type":"presence","target":"group","from_id":"b","cmd":"update","id":"u",
             "payload":{"state":{"battery":0.50}},"sent_at":"2026-01-01T00:00:00Z"}
            """);
        Assert.Equal("ack", (string?)(await b.ReceiveAsync())["cmd"]);

        Assert.Equal("a b c of 3", await ReadAsync(""));
        Assert.Equal("b c of 2", await ReadAsync("?role=worker"));
        Assert.Equal("b of 1", await ReadAsync("?role=worker&state.battery=0.5"));
        Assert.Equal("of 0", await ReadAsync("?state.battery=0.5&state.mode=auto"));
        Assert.Equal("b of 3", await ReadAsync("?sort=-client_id&offset=1&limit=1"));
        Assert.Equal("of 3", await ReadAsync("?offset=2147483648"));
        Assert.Equal("of 3", await ReadAsync("?offset=99999999999999999999"));
        Assert.Equal("c b a of 3", await ReadAsync("?sort=-joined_at"));
        var member = (await client.GetFromJsonAsync<JsonObject>(Client("g1", "b"), Cancellation))!;
        Assert.Equal(
            ["client_id", "role", "state", "connections", "joined_at", "last_seen", "version"],
            member.Select(field => field.Key));
        Assert.Equal(
            ("b", "worker", "{\"battery\":0.50}", 1),
            (Text(member, "client_id"), Text(member, "role"), member["state"]!.ToJsonString(),
                (int)member["connections"]!));
        Assert.EndsWith("Z", (string?)member["joined_at"], StringComparison.Ordinal);

        async Task<string> ReadAsync(string query)
        {
            var page = (await client.GetFromJsonAsync<JsonObject>(Roster("g1") + query, Cancellation))!;
            var ids = page["members"]!.AsArray().Select(m => Text(m!, "client_id"));
            return string.Join(' ', [.. ids, "of", page["total"]]);
        }
    }

    [Fact]
    public async Task Roster_ShowsNull_GivenNoRole()
    {
        using var host = HttpHost.Open();
        using var c = await host.ConnectAsync("g1", "c");

        string json = await host.CreateClient().GetStringAsync(Roster("g1"), Cancellation);

        Assert.Contains("\"role\":null,\"state\":{}", json, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("role=boss", "role")]
    [InlineData("role=", "role")]
    [InlineData("sort=role", "sort")]
    [InlineData("offset=-1", "offset")]
    [InlineData("offset=x", "offset")]
    [InlineData("offset=1%00", "offset")]
    [InlineData("offset=", "offset")]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=501", "limit")]
    [InlineData("limit=5&limit=6", "query")]
    [InlineData("limits=5", "query")]
    [InlineData("Role=worker", "query")]
    [InlineData("state.=1", "state")]
    [InlineData("state.a=1&state.a=2", "query")]
    [InlineData("state.a&state.b&state.c&state.d&state.e&state.f&state.g&state.h&state.i", "state")]
    public async Task Roster_NamesTheParameter_GivenAQueryThatBreaksARule(string query, string field)
    {
        using var host = HttpHost.Open();

        var problem = await ProblemAsync(
            HttpStatusCode.BadRequest, await host.CreateClient().GetAsync(Roster("g1") + "?" + query, Cancellation));

        Assert.Equal(field, (string?)problem["field"]);
    }

    [Theory]
    [InlineData("/v3/groups/a*/clients", "group_id")]
    [InlineData("/v3/groups/aether/clients", "group_id")]
    [InlineData("/v3/groups/g1%0d%0a/clients", "group_id")]
    [InlineData("/v3/groups/a%2Fb/clients/c1", "group_id")]
    [InlineData("/v3/groups/g1/clients/c:1", "client_id")]
    [InlineData("/v3/groups/g1/clients/aether", "client_id")]
    public async Task Id_IsRefused_GivenThatItIsNoVisionId(string path, string field)
    {
        using var host = HttpHost.Open();

        var read = await host.CreateClient().GetAsync(path, Cancellation);

        Assert.Equal(field, (string?)(await ProblemAsync(HttpStatusCode.BadRequest, read))["field"]);
        if (field == "client_id")
            await ProblemAsync(HttpStatusCode.BadRequest, await host.CreateClient().DeleteAsync(path, Cancellation));
    }

    [Fact]
    public async Task Remove_ClosesTheClientInItsGroupOnly_With4005()
    {
        using var host = HttpHost.Open();
        var client = host.CreateClient();
        using var removed = await host.ConnectAsync("g1", "c1");
        using var tab = await host.ConnectAsync("g1", "c1");
        using var elsewhere = await host.ConnectAsync("g2", "c1");

        var response = await client.DeleteAsync(Client("g1", "c1"), Cancellation);

        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        Assert.Equal("""{"instances":1}""", await response.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal((4005, 4005), (await removed.ReceiveCloseAsync(), await tab.ReceiveCloseAsync()));
        await removed.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Cancellation);
        await tab.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Cancellation);
        await Eventually.HoldsAsync(async () =>
            (await client.GetAsync(Client("g1", "c1"), Cancellation)).StatusCode == HttpStatusCode.NotFound);
        // Its connection in the other group still hears that channel, and nobody is there to be removed all the same.
        await ProblemAsync(HttpStatusCode.NotFound, await client.DeleteAsync(Client("g1", "c1"), Cancellation));
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync(Client("g2", "c1"), Cancellation)).StatusCode);
        Assert.Equal(WebSocketState.Open, elsewhere.State);
    }

    [Theory]
    [InlineData("PUT", "/v3/messages", 405)]
    [InlineData("GET", "/v3/messages", 405)]
    [InlineData("POST", "/v3/groups", 405)]
    [InlineData("DELETE", "/v3/instances", 405)]
    [InlineData("POST", "/v3/groups/g1/clients", 405)]
    [InlineData("PATCH", "/v3/groups/g1/clients/c1", 405)]
    [InlineData("GET", "/v3/groups/g1", 404)]
    [InlineData("GET", "/v3/groups//clients", 404)]
    [InlineData("GET", "/v3/groups/g1/clients/c1/more", 404)]
    public async Task Request_IsAProblem_GivenAMethodOrPathThatIsNotThere(string method, string path, int status)
    {
        using var host = HttpHost.Open();
        using var request = new HttpRequestMessage(new HttpMethod(method), path);

        var response = await host.CreateClient().SendAsync(request, Cancellation);

        await ProblemAsync((HttpStatusCode)status, response);
        Assert.Equal(status == 405, response.Content.Headers.Allow.Count > 0);
    }
}
