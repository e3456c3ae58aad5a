using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>Users with JSON Web Tokens, over two instances.</summary>
public sealed class TokenTests(TokenTests.Site site) : IClassFixture<TokenTests.Site>
{
    private const string Path = "/v3/ws/group/g/client/c1";
    private const string Key = "a-key-of-operators-0123456789";

    public static TheoryData<string[]> Wrong => new(
        (string[])[],
        ["Authorization: Bearer"],
        ["Authorization: Bearer "],
        ["Authorization: Bearer x"],
        ["Authorization: Bearer " + Key],
        ["Authorization: Basic " + Good()],
        ["X-Aether-API-Key: " + Good()],
        ["Authorization: Bearer " + Good(), "Authorization: Bearer " + Good()],
        ["Authorization: Bearer " + Good(), "X-Aether-API-Key: " + Key],
        ["Authorization: Bearer " + Good(), "Sec-WebSocket-Protocol: aether.v3, " + Entry(Good())],
        ["Authorization: Bearer x", "X-Aether-API-Key: " + Key],
        ["Sec-WebSocket-Protocol: " + Entry(Good()) + ", " + Entry(Key)],
        ["Sec-WebSocket-Protocol: aether.auth." + Good()],
        ["Authorization: Bearer " + Good(claims => claims["exp"] = Seconds(-31))],
        ["Authorization: Bearer " + Good(claims => claims.Remove("exp"))],
        ["Authorization: Bearer " + Good(claims => claims["iss"] = "https://else.example")],
        ["Authorization: Bearer " + Good(claims => claims["aud"] = "else")],
        ["Authorization: Bearer " + TokenMaker.Sign(TokenMaker.Header("none"), TokenMaker.Claims().ToJsonString(), _ => [])],
        ["Authorization: Bearer " + TokenMaker.Make(TokenMaker.Claims(), secret: new string('x', 32))]);

    public static TheoryData<string[]> Right => new(
        (string[])["Authorization: Bearer " + Good()],
        ["authorization: bearer  " + Good()],
        ["Sec-WebSocket-Protocol: " + Entry(Good())],
        ["Sec-WebSocket-Protocol: aether.v3, " + Entry(Good())],
        // Of a proxy's, and nothing to us.
        ["Authorization: Basic dXNlcjp3b3Jk", "Sec-WebSocket-Protocol: " + Entry(Good())],
        ["X-Aether-API-Key: " + Key],
        ["Sec-WebSocket-Protocol: " + Entry(Key)]);

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task WrongCredential_Is401_AndSaysNothingOfIt(string[] headers)
    {
        await using var client = await RawClient.RequestAsync(site.A, Path, headers);
        Assert.Equal(401, client.Status);
        Assert.StartsWith("application/problem+json", client.Header("Content-Type"), StringComparison.Ordinal);
        Assert.Contains("a valid API key or token is needed, exactly once", client.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("eyJ", client.Head + client.Body, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Right))]
    public async Task Credential_IsTaken_WhetherKeyOrToken(string[] headers)
    {
        await using var client = await RawClient.RequestAsync(site.A, Path, headers);
        Assert.Equal(101, client.Status);
        Assert.DoesNotContain("aether.auth", client.Head, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/v3/ws/group/g/client/c2", "another client's")]
    [InlineData("/v3/ws/group/h/client/c1", "not good for this group")]
    [InlineData("/v3/ws/group/g/client/c1?role=controller", "role is not granted")]
    public async Task Token_Is403_WhereItGrantsNothing(string path, string why)
    {
        string token = Good(claims => (claims["groups"], claims["role"]) = (new JsonArray("g"), "worker"));
        await using var client = await RawClient.RequestAsync(site.A, path, "Authorization: Bearer " + token);
        Assert.Equal(403, client.Status);
        Assert.Contains(why, client.Body.Replace("\\u0027", "'", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Welcome_SaysUntilWhen_AndWhoAsksForNoRoleHasTheTokens()
    {
        string token = Good(claims => (claims["role"], claims["exp"]) = ("worker", 1_800_000_000), permissions: "broadcast");
        // Longer than a token may last here.
        await using (var refused = await RawClient.RequestAsync(site.A, Path, "Authorization: Bearer " + token))
            Assert.Equal(401, refused.Status);

        token = Good(claims => claims["role"] = "worker", permissions: "broadcast");
        await using var client = await ConnectAsync(site.A, token);
        var welcome = await client.ReceiveAsync();
        Assert.Equal(["broadcast"], welcome.Payload("permissions").EnumerateArray().Select(one => one.GetString()));
        Assert.Equal(
            DateTimeOffset.FromUnixTimeSeconds(Claim(token, "exp")), welcome.Payload("expires_at").GetDateTimeOffset());
        Assert.Equal("worker", Assert.Single((await Roster.OfAsync(client)).Members).Role);
    }

    [Fact]
    public async Task Client_IsToldBeforeItsTokenEnds_AndClosedThen()
    {
        string token = Good(claims => claims["exp"] = Seconds(8));
        await using var client = await ConnectAsync(site.A, token);
        await using var plain = await ConnectAsync(site.B, token, full: false);
        await UntilAsync(client, "welcome");
        var told = await UntilAsync(client, "auth.expiring");
        var end = DateTimeOffset.FromUnixTimeSeconds(Claim(token, "exp"));
        Assert.True(DateTimeOffset.UtcNow < end);
        Assert.Equal(end, told.Payload("expires_at").GetDateTimeOffset());

        Assert.Equal(4001, (await client.EndAsync()).Code);
        Assert.True(DateTimeOffset.UtcNow >= end + Site.Skew);
        Assert.Equal(4001, (await plain.EndAsync()).Code);
        await Assert.ThrowsAsync<InvalidOperationException>(() => plain.ReceiveTextAsync());
    }

    [Fact]
    public async Task Renewed_ItGoesOn_AndMayDoWhatTheNewOneSaysAtOnce()
    {
        string first = Good(claims => claims["exp"] = Seconds(8), permissions: "broadcast");
        await using var client = await ConnectAsync(site.A, first);
        await UntilAsync(client, "auth.expiring");
        string next = Good();
        await client.SendAsync(Renew(next, "r1"));
        await client.SendAsync(Json.Message("c1", "broadcast", msg: "to all", id: "b1"));
        var reply = await UntilAsync(client, "reply");
        Assert.Equal("r1", reply.Text("reply_to"));
        Assert.Empty(reply.Payload("permissions").EnumerateArray());
        Assert.Equal(
            DateTimeOffset.FromUnixTimeSeconds(Claim(next, "exp")), reply.Payload("expires_at").GetDateTimeOffset());
        // Behind the reply that took it away: or it may still be before.
        await client.SendAsync(Json.Message("c1", "broadcast", msg: "to all", id: "b2"));
        Assert.True((await UntilAsync(client, message => message.Text("reply_to") == "b2")).IsError("forbidden"));

        await client.SendAsync(Renew(Good(claims => claims["sub"] = "c2"), "r2"));
        Assert.True((await UntilAsync(client, message => message.Text("reply_to") == "r2")).IsError("forbidden"));
        // Past the end of the first one.
        var end = DateTimeOffset.FromUnixTimeSeconds(Claim(first, "exp")) + Site.Skew;
        await Eventually.HoldsAsync(() => DateTimeOffset.UtcNow > end.AddSeconds(1));
        Assert.Empty(await client.ReceiveUntilNowAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Revoked_ItIsClosedOnAllInstances_AndComesInNowhere(bool byId)
    {
        string id = Guid.NewGuid().ToString();
        string sub = "u" + id[..8];
        string token = Good(claims => (claims["jti"], claims["sub"], claims["iat"]) = (id, sub, Seconds(-10)));
        string other = Good(claims => (claims["jti"], claims["sub"], claims["iat"]) = (id + "x", byId ? sub : "c9", Seconds(-10)));
        await using var onA = await ConnectAsync(site.A, token, sub);
        await using var onB = await ConnectAsync(site.B, token, sub);
        await using var stays = await ConnectAsync(site.B, other, byId ? sub : "c9");

        object body = byId ? new { jti = id } : new { sub, issued_before = DateTimeOffset.UtcNow };
        Assert.Equal(HttpStatusCode.Accepted, await RevokeAsync(site.A, body, ("X-Aether-API-Key", Key)));

        foreach (var server in new[] { site.B, site.A })
        {
            await using var again = await RawClient.RequestAsync(
                server, $"/v3/ws/group/g/client/{sub}", "Authorization: Bearer " + token);
            Assert.Equal(401, again.Status);
        }
        Assert.Equal(new Closed(4001, "credential revoked or expired"), await onA.EndAsync());
        Assert.Equal(4001, (await onB.EndAsync()).Code);
        await UntilAsync(stays, "welcome");
        if (!byId)
        {
            // What the client is given from now on.
            await using var later = await ConnectAsync(
                site.B, Good(claims => (claims["sub"], claims["iat"]) = (sub, Seconds(1))), sub);
            await UntilAsync(later, "welcome");
        }
    }

    [Fact]
    public async Task Revoked_WhileItsConnectionIsRenewed_ItEndsToo()
    {
        string id = Guid.NewGuid().ToString();
        await using var client = await ConnectAsync(site.B, Good());
        await client.SendAsync(Renew(Good(claims => claims["jti"] = id), "r1"));
        await UntilAsync(client, "reply");
        await RevokeAsync(site.A, new { jti = id }, ("X-Aether-API-Key", Key));
        Assert.Equal(4001, (await client.EndAsync()).Code);
    }

    [Theory]
    [InlineData("admin", "*", "/v3/groups", 200)]
    [InlineData("admin", "g", "/v3/groups/g/clients", 200)]
    [InlineData("admin", "g", "/v3/groups/h/clients", 403)]
    [InlineData("broadcast", "*", "/v3/groups", 403)]
    public async Task HttpApi_GrantsATokenWhatItWouldAKey(string permission, string group, string path, int status)
    {
        string token = TokenMaker.Make(TokenMaker.Claims("c1", null, group, permission), "k");
        using var answer = await site.A.GetAsync(path, ("Authorization", "Bearer " + token));
        Assert.Equal(status, (int)answer.StatusCode);
    }

    [Theory]
    [InlineData("c1", "cross_group", 202)]
    [InlineData("c2", "cross_group", 403)]
    [InlineData("aether", "cross_group", 403)]
    [InlineData("c2", "admin", 202)]
    [InlineData("aether", "admin", 202)]
    public async Task Message_OverHttp_IsFromWhoTheTokenIsOf_UnlessItIsAnOperators(string from, string permission, int status)
    {
        string token = TokenMaker.Make(TokenMaker.Claims("c1", null, "*", permission), "k");
        Assert.Equal(status, await PostAsync("/v3/messages", Json.Message(from, group: "g", msg: "hello"), token));
    }

    [Fact]
    public async Task Command_OverHttp_IsOfWhoTheTokenIsOf()
    {
        string sub = "u" + Guid.NewGuid().ToString("N")[..8];
        string token = TokenMaker.Make(TokenMaker.Claims(sub, null, "*", "cross_group"), "k");
        string worker = "w" + sub;
        await using var member = await ConnectAsync(site.A, Good(claims => claims["sub"] = worker), worker);
        await UntilAsync(member, "welcome");
        string what = $"\"cmd\":\"go\",\"to\":[\"{worker}\"]";
        Assert.Equal(403, await PostAsync("/v3/groups/g/commands", "{\"from_id\":\"c2\"," + what + "}", token));
        Assert.Equal(201, await PostAsync("/v3/groups/g/commands", "{" + what + "}", token));
        Assert.Equal(sub, (await UntilAsync(member, message => message.Text("cmd") == "go")).Text("from_id"));
    }

    [Fact]
    public async Task OfTwoRenewals_TheLastCounts()
    {
        for (int i = 0; i < 20; i++)
        {
            await using var client = await ConnectAsync(site.A, Good());
            await client.SendAsync(Renew(Good(permissions: "broadcast"), "r1"));
            await client.SendAsync(Renew(Good(), "r2"));
            await client.SendAsync(Json.Message("c1", "broadcast", msg: "to all", id: "b1"));
            Assert.True((await UntilAsync(client, message => message.Text("reply_to") == "b1")).IsError("forbidden"));
        }
    }

    [Theory]
    [InlineData("auth.renew")]
    [InlineData("auth\\u002erenew")]
    public async Task Trace_ShowsNoToken(string name)
    {
        string sub = "t" + Guid.NewGuid().ToString("N")[..8];
        string next = Good(claims => claims["sub"] = sub);
        await using var client = await ConnectAsync(site.A, Good(claims => claims["sub"] = sub), sub);
        await UntilAsync(client, "welcome");
        using var http = new HttpClient { BaseAddress = site.A.Address };
        http.DefaultRequestHeaders.Add("X-Aether-API-Key", Key);
        await using var trace = await TraceReader.OpenAsync(http, "g", sub);
        await trace.NextAsync("connected");
        await client.SendAsync(Renew(next, "r1", from: sub).Replace("auth.renew", name, StringComparison.Ordinal));
        await UntilAsync(client, "reply");
        string seen = (await trace.NextAsync("sent", "auth.renew")).GetRawText();
        Assert.DoesNotContain(next.Split('.')[2], seen, StringComparison.Ordinal);
        Assert.DoesNotContain(next.Split('.')[2], site.A.Log, StringComparison.Ordinal);
    }

    private static long Seconds(int from) => DateTimeOffset.UtcNow.ToUnixTimeSeconds() + from;

    private static string Good(Action<JsonObject>? change = null, params string[] permissions)
    {
        var claims = TokenMaker.Claims("c1", null, "*", permissions);
        change?.Invoke(claims);
        return TokenMaker.Make(claims, "k");
    }

    private static string Entry(string credential) =>
        "aether.auth." + System.Buffers.Text.Base64Url.EncodeToString(Encoding.UTF8.GetBytes(credential));

    private static long Claim(string token, string name) =>
        Json.Read(Encoding.UTF8.GetString(System.Buffers.Text.Base64Url.DecodeFromChars(token.Split('.')[1])))
            .GetProperty(name).GetInt64();

    private static string Renew(string token, string id, string from = "c1") => Json.Message(
        from, "direct", "aether", "cmd", cmd: "auth.renew", payload: JsonSerializer.Serialize(new { token }), id: id);

    private static Task<TestClient> ConnectAsync(ServerProcess server, string token, string client = "c1", bool full = true) =>
        TestClient.ConnectAsync(
            server, "g", client, protocols: full ? TwoInstances.Full : null,
            configure: options => options.SetRequestHeader("Authorization", "Bearer " + token));

    private static async Task<HttpStatusCode> RevokeAsync(ServerProcess server, object body, (string Name, string Value) header)
    {
        using var http = new HttpClient { BaseAddress = server.Address };
        http.DefaultRequestHeaders.Add(header.Name, header.Value);
        using var answer = await http.PostAsJsonAsync("/v3/revocations", body, TestContext.Current.CancellationToken);
        return answer.StatusCode;
    }

    private async Task<int> PostAsync(string path, string body, string token)
    {
        using var http = new HttpClient { BaseAddress = site.A.Address };
        http.DefaultRequestHeaders.Authorization = new("Bearer", token);
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await http.PostAsync(path, content, TestContext.Current.CancellationToken);
        return (int)answer.StatusCode;
    }

    private static Task<JsonElement> UntilAsync(TestClient client, string cmd) =>
        UntilAsync(client, message => message.Text("cmd") == cmd && message.Text("from_id") == "aether");

    private static async Task<JsonElement> UntilAsync(TestClient client, Func<JsonElement, bool> condition)
    {
        while (true)
        {
            var message = await client.ReceiveAsync();
            if (condition(message))
                return message;
        }
    }

    /// <summary>Two instances that take tokens and one key, of which they have the hash.</summary>
    public sealed class Site : IAsyncLifetime
    {
        /// <summary>How far clocks may be apart.</summary>
        public static readonly TimeSpan Skew = TimeSpan.FromSeconds(2);

        private TwoInstances? instances;

        public ServerProcess A => instances!.A;

        public ServerProcess B => instances!.B;

        public async ValueTask InitializeAsync() => instances = await TwoInstances.StartAsync(new()
        {
            ["Tokens:Issuer"] = TokenMaker.Issuer,
            ["Tokens:Audience"] = TokenMaker.Audience,
            ["Tokens:ClockSkew"] = "2",
            ["Tokens:Keys:0:Kid"] = "k",
            ["Tokens:Keys:0:Algorithm"] = "HS256",
            ["Tokens:Keys:0:Secret"] = TokenMaker.Secret,
            ["Tokens:MaxLifetime"] = "3600",
            ["ApiKeys:0:Name"] = "operators",
            ["ApiKeys:0:KeySha256"] = Convert.ToHexString(
                System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(Key))),
            ["ApiKeys:0:Permissions:0"] = "admin",
        });

        public async ValueTask DisposeAsync()
        {
            if (instances is not null)
                await instances.DisposeAsync();
        }
    }
}
