using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Tests.Integration.Fixtures;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>The HTTP API as its callers see it.</summary>
public sealed class HttpApiTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("aether")]
    [InlineData("anybody")]
    public async Task Send_ReachesTheGroup_FromAnybody(string from)
    {
        using var host = HttpHost.Open();
        using var member = await host.ConnectAsync("g1", "c1");

        var response = await SendAsync(host.CreateClient(), Message("group", from: from, more: "\"id\":\"m1\""));

        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        Assert.Equal("""{"instances":1}""", await response.Content.ReadAsStringAsync(Cancellation));
        var heard = await member.ReceiveAsync();
        Assert.Equal(
            (from, "g1", "m1", "{\"n\":1.50}"),
            (Text(heard, "from_id"), Text(heard, "group_id"), Text(heard, "id"), heard["payload"]!.ToJsonString()));
    }

    [Fact]
    public async Task Send_ReachesTheClientInItsGroup_GivenTargetDirect()
    {
        using var host = HttpHost.Open();
        using var elsewhere = await host.ConnectAsync("g2", "c1");
        using var there = await host.ConnectAsync("g1", "c1");

        await SendAsync(host.CreateClient(), Message("direct", to: "c1"));
        await SendAsync(host.CreateClient(), Message("direct", group: "g2", to: "c1"));

        Assert.Equal("g1", (string?)(await there.ReceiveAsync())["group_id"]);
        Assert.Equal("g2", (string?)(await elsewhere.ReceiveAsync())["group_id"]);
    }

    [Theory]
    [InlineData("group")]
    [InlineData("direct")]
    [InlineData("broadcast")]
    public async Task Send_AnswersZero_GivenThatNobodyHears(string target)
    {
        using var host = HttpHost.Open();

        var response = await SendAsync(host.CreateClient(), Message(target, to: "nobody"));

        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        Assert.Equal("""{"instances":0}""", await response.Content.ReadAsStringAsync(Cancellation));
    }

    public static TheoryData<string, string> BadMessages => new()
    {
        { "message", "no json" },
        { "message", "" },
        { "message", "\ufeff" + Message("group") },
        { "message", Message("group") + Message("group") },
        { "payload", Message("group").Replace("\"payload\"", "\"load\"", StringComparison.Ordinal) },
        { "from_id", Message("group", from: "a b") },
        { "target", Message("everybody") },
        { "target", Message("echo") },
        { "group_id", Message("group", group: null) },
        { "group_id", Message("direct", group: null, to: "c1") },
        { "group_id", Message("group", group: "a*") },
        { "to_id", Message("direct") },
        { "msg_type", Message("group", type: "presence") },
        { "msg_type", Message("group", type: "heartbeat") },
        { "cmd", Message("direct", type: "cmd", from: "aether", to: "c1", more: "\"cmd\":\"aether.disconnect\"") },
    };

    [Theory]
    [MemberData(nameof(BadMessages), DisableDiscoveryEnumeration = true)]
    public async Task Send_NamesTheField_GivenAMessageThatBreaksARule(string field, string json)
    {
        using var host = HttpHost.Open();

        var problem = await ProblemAsync(HttpStatusCode.BadRequest, await SendAsync(host.CreateClient(), json));

        Assert.Equal(field, (string?)problem["field"]);
        Assert.StartsWith(field + ": ", (string?)problem["detail"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Send_IsTooLarge_GivenOneByteMoreThanAMessageMayHave(bool announced)
    {
        using var host = HttpHost.Open(settings: ("MaxMessageBytes", "1000"));
        var client = host.CreateClient();
        string message = Message("group");
        string longest = message.Insert(1, new string(' ', 1000 - message.Length));

        Assert.Equal(HttpStatusCode.Accepted, (await SendAsync(client, longest, announced: announced)).StatusCode);
        await ProblemAsync(
            HttpStatusCode.RequestEntityTooLarge, await SendAsync(client, longest + " ", announced: announced));
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/problem+json")]
    [InlineData("application/json; charset=utf-16")]
    [InlineData(null)]
    public async Task Send_IsUnsupported_GivenAnotherContentType(string? contentType)
    {
        using var host = HttpHost.Open();
        await ProblemAsync(
            HttpStatusCode.UnsupportedMediaType, await SendAsync(host.CreateClient(), Message("group"), contentType));
    }

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
        Assert.Equal("c b a of 3", await ReadAsync("?sort=-joined_at"));
        var member = (await client.GetFromJsonAsync<JsonObject>(Client("g1", "b"), Cancellation))!;
        Assert.Equal(
            ["client_id", "role", "state", "connections", "joined_at", "last_seen"], member.Select(field => field.Key));
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
    [InlineData("offset=", "offset")]
    [InlineData("offset=2147483648", "offset")]
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

    [Theory]
    [InlineData("PUT", "/v3/messages", 405)]
    [InlineData("GET", "/v3/messages", 405)]
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
        await Eventually.True(async () =>
            (await client.GetAsync(Client("g1", "c1"), Cancellation)).StatusCode == HttpStatusCode.NotFound);
        // Its connection in the other group still hears that channel, and nobody is there to be removed all the same.
        await ProblemAsync(HttpStatusCode.NotFound, await client.DeleteAsync(Client("g1", "c1"), Cancellation));
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync(Client("g2", "c1"), Cancellation)).StatusCode);
        Assert.Equal(WebSocketState.Open, elsewhere.State);
    }

    [Fact]
    public async Task Request_SaysWhenToComeBack_GivenNoBackplane()
    {
        using var host = HttpHost.Open(replace: services => services
            .AddSingleton<IMessageBus>(new BrokenBus(() => PublishResult.Unavailable))
            .AddSingleton<IPresenceStore, PresenceThatIsDown>());
        var client = host.CreateClient();

        foreach (var response in new[]
        {
            await SendAsync(client, Message("group")),
            await client.GetAsync(Roster("g1"), Cancellation),
            await client.GetAsync(Client("g1", "c1"), Cancellation),
            await client.DeleteAsync(Client("g1", "c1"), Cancellation),
        })
        {
            await ProblemAsync(HttpStatusCode.ServiceUnavailable, response);
            Assert.Equal(TimeSpan.FromSeconds(1), response.Headers.RetryAfter?.Delta);
        }
    }

    [Fact]
    public async Task Request_TellsNothingOfTheInside_GivenAFault()
    {
        using var host = HttpHost.Open(replace: services => services
            .AddSingleton<IMessageBus>(new BrokenBus(() => throw new InvalidOperationException("secret"))));

        var problem = await ProblemAsync(
            HttpStatusCode.InternalServerError, await SendAsync(host.CreateClient(), Message("group")));

        Assert.DoesNotContain("secret", problem.ToJsonString(), StringComparison.Ordinal);
    }

    private static string Roster(string group) => $"/v3/groups/{group}/clients";

    private static string Client(string group, string client) => Roster(group) + "/" + client;

    private static string Message(
        string target,
        string? group = "g1",
        string from = "boss",
        string? to = null,
        string type = "msg",
        string? more = null) =>
        $$"""
        {"msg_type":"{{type}}","target":"{{target}}","from_id":"{{from}}",
         "to_id":{{Quoted(to)}},"group_id":{{Quoted(group)}},
        """
        + (more is null ? "" : more + ",")
        + """
        "payload":{"n":1.50},"sent_at":"2026-01-01T00:00:00Z"}
        """;

    private static string? Text(JsonNode message, string field) => (string?)message[field];

    private static string Quoted(string? text) => text is null ? "null" : $"\"{text}\"";

    private static async Task<HttpResponseMessage> SendAsync(
        HttpClient client, string json, string? contentType = "application/json", bool announced = true)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v3/messages")
        {
            Content = new ByteArrayContent(Encoding.UTF8.GetBytes(json)),
        };
        request.Headers.TransferEncodingChunked = !announced;
        if (contentType is not null)
            request.Content.Headers.Add("Content-Type", contentType);
        return await client.SendAsync(request, Cancellation);
    }

    private static async Task AssertStatusAsync(int status, HttpResponseMessage response)
    {
        if (status >= 400)
            await ProblemAsync((HttpStatusCode)status, response);
        else
            Assert.Equal(status, (int)response.StatusCode);
    }

    private static async Task<JsonNode> ProblemAsync(HttpStatusCode status, HttpResponseMessage response)
    {
        Assert.Equal(status, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        var problem = (await response.Content.ReadFromJsonAsync<JsonNode>(Cancellation))!;
        Assert.Equal((int)status, (int)problem["status"]!);
        Assert.NotEqual("", (string?)problem["title"]);
        Assert.NotEqual("", (string?)problem["detail"]);
        return problem;
    }

    private sealed class BrokenBus(Func<PublishResult> answer) : IMessageBus
    {
        public string Description => "broken";

        public bool IsReady => false;

        public ValueTask<PublishResult> PublishAsync(
            ChannelName channel, Message message, CancellationToken cancellationToken) => new(answer());

        public Task<bool> SubscribeAsync(ChannelName channel, IMessageSink sink, CancellationToken cancellationToken) =>
            Task.FromResult(false);

        public Task UnsubscribeAsync(ChannelName channel, CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private sealed class PresenceThatIsDown : IPresenceStore
    {
        private static readonly Task<PresenceChange> NoChange = Task.FromResult(default(PresenceChange));

        public bool IsReady => false;

        public Task<PresenceChange> JoinAsync(
            VisionId group, VisionId client, Role role, CancellationToken cancellationToken) => NoChange;

        public Task<PresenceChange> LeaveAsync(
            VisionId group, VisionId client, CancellationToken cancellationToken) => NoChange;

        public Task<PresenceChange> UpdateStateAsync(
            VisionId group,
            VisionId client,
            ReadOnlyMemory<byte> state,
            CancellationToken cancellationToken) => NoChange;

        public void Touch(VisionId group, VisionId client)
        {
        }

        public Task<IReadOnlyList<Member>?> GetMembersAsync(VisionId group, CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<Member>?>(null);
    }
}
