using System.Net;
using System.Net.WebSockets;
using System.Text;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>Who is let in, and what the others are told: section 1 of the protocol.</summary>
public sealed class HandshakeTests(DefaultServer server) : IClassFixture<DefaultServer>
{
    public static TheoryData<string> BadIds => new(
        "a%0d%0ab", "*", "ws:client:*", "a:b", "{a}", "%7Ba%7D", "%20", "a%20b", "[ab]", "a%3Fb",
        new string('a', 65), "aether", "a%2Fb", "%C3%A9", "%E2%80%8Ba", "a.b", "a%25");

    [Theory]
    [MemberData(nameof(BadIds))]
    public async Task BadId_Is400NamingTheField(string id)
    {
        await AssertRefusedAsync(await RequestAsync(server.Process, Path(id, "a")), 400, "group_id");
        await AssertRefusedAsync(await RequestAsync(server.Process, Path("g", id)), 400, "client_id");
    }

    [Theory]
    [InlineData("/v3/ws/group//client/a")]
    [InlineData("/v3/ws/group/g/client/")]
    [InlineData("/v3/ws/group/g/client/a/b")]
    [InlineData("/v3/ws/group/../client/a")]
    [InlineData("/v3/ws/group/%2e%2e/client/a")]
    [InlineData("/v3/ws/group/g")]
    public async Task BadPath_Is400(string path) =>
        await AssertRefusedAsync(await RequestAsync(server.Process, path), 400, field: null);

    [Fact]
    public async Task NullCharacter_Is400()
    {
        // The server itself refuses it, before any of our code runs.
        await using var client = await RequestAsync(server.Process, Path("a%00", "a"));
        Assert.Equal(400, client.Status);
    }

    [Theory]
    [InlineData("a")]
    [InlineData("Aether")]
    [InlineData("-_-")]
    [InlineData("%61")]
    public async Task GoodId_IsTaken(string id)
    {
        await using var client = await RequestAsync(server.Process, Path("g", id));
        Assert.Equal(101, client.Status);
    }

    [Fact]
    public async Task LongestId_IsTaken()
    {
        string id = new('z', 64);
        await using var client = await TestClient.ConnectAsync(server.Process, id, id);
        await client.SendAsync(Json.Message(id));
        Assert.Equal(id, (await client.ReceiveAsync()).Text("group_id"));
    }

    [Theory]
    [InlineData("role=boss", "role")]
    [InlineData("role=Worker", "role")]
    [InlineData("role=worker&role=observer", "role")]
    [InlineData("echo=no", "echo")]
    [InlineData("echo=", "echo")]
    [InlineData("echo=off&echo=on", "echo")]
    public async Task BadQuery_Is400NamingTheField(string query, string field) =>
        await AssertRefusedAsync(await RequestAsync(server.Process, "/v3/ws/group/g/client/a?" + query), 400, field);

    [Theory]
    [InlineData("role=controller")]
    [InlineData("role=worker&echo=off")]
    [InlineData("role=observer&echo=on&other=x")]
    public async Task GoodQuery_IsTaken(string query)
    {
        await using var client = await RawClient.ConnectAsync(server.Process, "g", "a", query);
        Assert.Equal(101, client.Status);
    }

    [Fact]
    public async Task NoUpgrade_Is426()
    {
        using var answer = await server.Process.GetAsync("/v3/ws/group/g/client/a");
        Assert.Equal(HttpStatusCode.UpgradeRequired, answer.StatusCode);
        Assert.Equal("websocket", Assert.Single(answer.Headers.Upgrade).Name);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
    }

    [Fact]
    public async Task NoUpgrade_TellsTheSameReason_GivenABadId()
    {
        using var answer = await server.Process.GetAsync("/v3/ws/group/g/client/a:b");
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task AnyOrigin_Passes_GivenNoneIsConfigured()
    {
        await using var client = await RequestAsync(server.Process, "/v3/ws/group/g/client/a",
            "Origin: https://any.example");
        Assert.Equal(101, client.Status);
    }

    [Fact]
    public async Task Compression_IsNotNegotiated()
    {
        await using var client = await RequestAsync(
            server.Process, "/v3/ws/group/g/client/a",
                "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits");
        Assert.Equal((101, null), (client.Status, client.Header("Sec-WebSocket-Extensions")));
    }

    [Fact]
    public async Task Origin_IsHeldToTheList()
    {
        await using var strict = await ServerProcess.StartAsync(new()
        {
            ["AllowedOrigins:0"] = "https://app.example",
            ["AllowedOrigins:1"] = "http://localhost:3000",
        });
        foreach (string[] headers in new string[][]
            { [], ["Origin: https://app.example"], ["Origin: HTTPS://APP.EXAMPLE"], ["Origin: http://localhost:3000"] })
        {
            await using var client = await RequestAsync(strict, Path("g", "a"), headers);
            Assert.True(client.Status == 101, string.Join(" | ", headers));
        }
        string[] foreign =
        [
            "https://app.example:444", "https://app.example.evil.example", "https://evil-app.example",
                "http://app.example",
            "http://localhost", "https://app.example/", "https://app.example, https://app.example", "null", "",
        ];
        foreach (string origin in foreign)
        {
            await using var client = await RequestAsync(strict, Path("g", "a"), "Origin: " + origin);
            Assert.True(client.Status == 403, origin);
        }
        await using var twice = await RequestAsync(
            strict, Path("g", "a"), "Origin: https://app.example", "Origin: https://evil.example");
        Assert.Equal(403, twice.Status);
    }

    [Fact]
    public async Task ConnectionLimit_Is503WithRetryAfter_AndThereIsRoomAgainAfterOneLeft()
    {
        await using var small = await ServerProcess.StartAsync(new() { ["MaxConnections"] = "2" });
        await using var first = await TestClient.ConnectAsync(small, "g", "a");
        await using var second = await TestClient.ConnectAsync(small, "g", "b");
        var refused = await RequestAsync(small, "/v3/ws/group/g/client/c");
        Assert.True(int.Parse(refused.Header("Retry-After")!, System.Globalization.CultureInfo.InvariantCulture) > 0);
        await AssertRefusedAsync(refused, 503, field: null);
        await first.CloseAsync();
        await ConnectEventuallyAsync(small, "c");
    }

    [Fact]
    public async Task ConnectionLimit_HasRoomAgain_GivenAReset()
    {
        await using var small = await ServerProcess.StartAsync(new() { ["MaxConnections"] = "2" });
        for (int i = 0; i < 6; i++)
        {
            await using var client = await ConnectEventuallyAsync(small, "a");
            await client.SendBytesAsync(RawClient.FrameHead(RawFrame.Text, 1_000));
            client.Reset();
        }
    }

    [Fact]
    public async Task AnonymousPermissions_AreWhatTheConfigurationSays()
    {
        await using var strict = await ServerProcess.StartAsync(new() { ["AnonymousPermissions:0"] = "cross_group" });
        await using var client = await TestClient.ConnectAsync(strict, "g", "a", protocols: ["aether.v3"]);
        var welcome = await client.ReceiveAsync();
        // A list in the configuration replaces the default, it does not add to it.
        Assert.Equal(["cross_group"], welcome.Payload("permissions").EnumerateArray().Select(p => p.GetString()));
    }

    private static string Path(string group, string client) => $"/v3/ws/group/{group}/client/{client}";

    private static async Task<RawClient> ConnectEventuallyAsync(ServerProcess process, string id)
    {
        RawClient? taken = null;
        await Eventually.HoldsAsync(
            async () =>
            {
                var client = await RequestAsync(process, "/v3/ws/group/g/client/" + id);
                if (client.Status == 101)
                    taken = client;
                else
                    await client.DisposeAsync();
                return taken is not null;
            },
            "there is room again",
            // What a reset connection costs in faults.md.
            TimeSpan.FromSeconds(5));
        return taken!;
    }

    private static Task<RawClient> RequestAsync(ServerProcess process, string target, params string[] headers) =>
        RawClient.RequestAsync(process, target, headers);

    private static async Task AssertRefusedAsync(RawClient client, int status, string? field)
    {
        await using var _ = client;
        Assert.True(status == client.Status, $"{client.Head}\n{client.Body}");
        Assert.StartsWith("application/problem+json", client.Header("Content-Type"), StringComparison.Ordinal);
        Assert.Contains($"\"status\":{status}", client.Body, StringComparison.Ordinal);
        if (field is not null)
            Assert.Contains($"\"field\":\"{field}\"", client.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", client.Body, StringComparison.Ordinal);
    }
}

/// <summary>Credentials: section 1 of the protocol, where API keys are configured.</summary>
public sealed class CredentialTests(CredentialTests.Server server) : IClassFixture<CredentialTests.Server>
{
    private const string Key = "secret-key-number-one";
    private const string LimitedKey = "secret-key-number-two";
    private const string Path = "/v3/ws/group/g/client/a";

    public static TheoryData<string[]> WrongCredentials => new(
        (string[])[],
        ["X-Aether-API-Key: wrong-key-wrong-key-wrong"],
        ["X-Aether-API-Key:"],
        ["X-Aether-API-Key: " + Key[..^1]],
        ["X-Aether-API-Key: " + Key + "x"],
        ["X-Aether-API-Key: " + Key + "," + Key],
        ["X-Aether-API-Key: " + Key, "X-Aether-API-Key: " + Key],
        ["X-Aether-API-Key: " + Key, "X-Aether-API-Key: wrong"],
        ["X-Aether-API-Key: " + Key, "Sec-WebSocket-Protocol: " + Entry(Key)],
        ["X-Aether-API-Key:", "Sec-WebSocket-Protocol: " + Entry(Key)],
        ["Sec-WebSocket-Protocol: " + Entry(Key) + ", " + Entry(Key)],
        ["Sec-WebSocket-Protocol: " + Entry(Key), "Sec-WebSocket-Protocol: " + Entry(Key)],
        ["Sec-WebSocket-Protocol: " + Entry(Key + "x")],
        ["Sec-WebSocket-Protocol: aether.auth."],
        ["Sec-WebSocket-Protocol: aether.auth.!!!"],
        ["Sec-WebSocket-Protocol: aether.auth." + Key],
        ["Authorization: Bearer " + Key],
        ["Cookie: X-Aether-API-Key=" + Key]);

    public static TheoryData<string[]> GoodCredentials => new(
        (string[])["X-Aether-API-Key: " + Key],
        ["x-aether-api-key: " + Key],
        ["Sec-WebSocket-Protocol: " + Entry(Key)],
        ["Sec-WebSocket-Protocol: aether.v3, " + Entry(Key)],
        ["Sec-WebSocket-Protocol: aether.v3", "Sec-WebSocket-Protocol: " + Entry(Key)]);

    [Theory]
    [MemberData(nameof(WrongCredentials))]
    public async Task WrongCredential_Is401(string[] headers)
    {
        await using var client = await RawClient.RequestAsync(server.Process, Path, headers);
        Assert.Equal(401, client.Status);
        Assert.StartsWith("application/problem+json", client.Header("Content-Type"), StringComparison.Ordinal);
        Assert.DoesNotContain("secret", client.Head + client.Body, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(GoodCredentials))]
    public async Task GoodCredential_IsTakenAndNeverEchoed(string[] headers)
    {
        await using var client = await RawClient.RequestAsync(server.Process, Path, headers);
        Assert.Equal(101, client.Status);
        Assert.DoesNotContain("aether.auth", client.Head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task KeyInTheUrl_Is401()
    {
        await using var client = await RawClient.RequestAsync(server.Process, Path + "?X-Aether-API-Key=" + Key
            + "&key=" + Key);
        Assert.Equal(401, client.Status);
    }

    [Fact]
    public async Task NoUpgrade_Is401BeforeItIs426()
    {
        using var without = await server.Process.GetAsync(Path);
        Assert.Equal(HttpStatusCode.Unauthorized, without.StatusCode);
        using var with = await server.Process.GetAsync(Path, ("X-Aether-API-Key", Key));
        Assert.Equal(HttpStatusCode.UpgradeRequired, with.StatusCode);
    }

    [Theory]
    [InlineData("lab", 101)]
    [InlineData("other", 403)]
    [InlineData("LAB", 403)]
    public async Task LimitedKey_IsGoodForItsGroupsOnly(string group, int status)
    {
        await using var client = await RawClient.RequestAsync(
            server.Process, $"/v3/ws/group/{group}/client/a", "X-Aether-API-Key: " + LimitedKey);
        Assert.Equal(status, client.Status);
    }

    [Fact]
    public async Task Permissions_AreThoseOfTheKey()
    {
        await using var mighty = await ConnectAsync("g", "mighty", Key);
        await using var limited = await ConnectAsync("lab", "limited", LimitedKey);
        await mighty.SendAsync(Json.Message("mighty", group: "lab", msg: "across"));
        Assert.Equal("across", (await limited.ReceiveAsync()).Text("msg"));
        await limited.SendAsync(Json.Message("limited", "broadcast", id: "b"));
        await limited.SendAsync(Json.Message("limited", group: "g", id: "x"));
        foreach (string id in new[] { "b", "x" })
        {
            var error = await limited.ReceiveAsync();
            Assert.True(error.IsError("forbidden"), error.ToString());
            Assert.Equal(id, error.Text("reply_to"));
        }
        Assert.Empty(await mighty.ReceiveUntilNowAsync());
        await mighty.SendAsync(Json.Message("mighty", "broadcast", msg: "to all"));
        Assert.Equal("to all", (await limited.ReceiveAsync()).Text("msg"));
    }

    [Fact]
    public async Task Logs_HoldNoKeyAndNoForgedLine()
    {
        await using var talkative = await ServerProcess.StartAsync(
            Server.Options, new() { ["Logging:LogLevel:Default"] = "Trace", ["Logging:LogLevel:Microsoft"] = "Debug" });
        await using (var good = await ConnectAsync("g", "a", Key, talkative))
        {
            await good.SendAsync(Json.Message("a", msg: "a-payload-nobody-logs"));
            await good.ReceiveAsync();
        }
        foreach (string header in new[] { "X-Aether-API-Key: " + Key + "x", "Sec-WebSocket-Protocol: " + Entry(Key),
            "Sec-WebSocket-Protocol: x" })
            await (await RawClient.RequestAsync(talkative, Path, header)).DisposeAsync();
        await (await RawClient.RequestAsync(
            talkative, "/v3/ws/group/g%0d%0aFORGED%20line/client/a%0aFORGED", "X-Aether-API-Key: "
                + Key)).DisposeAsync();
        talkative.Terminate();
        await talkative.WaitForExitAsync(Eventually.Soon);
        Assert.Contains("/v3/ws/group/g", talkative.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("secret-key", talkative.Log, StringComparison.Ordinal);
        Assert.DoesNotContain(Entry(Key)["aether.auth.".Length..], talkative.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("a-payload-nobody-logs", talkative.Log, StringComparison.Ordinal);
        Assert.DoesNotContain(talkative.Log.Split('\n', '\r'), line =>
            line.StartsWith("FORGED", StringComparison.Ordinal));
    }

    private static string Entry(string key) =>
        "aether.auth." + System.Buffers.Text.Base64Url.EncodeToString(Encoding.UTF8.GetBytes(key));

    private Task<TestClient> ConnectAsync(string group, string id, string key, ServerProcess? process = null) =>
        TestClient.ConnectAsync(
            process ?? server.Process, group, id, configure: options =>
                options.SetRequestHeader("X-Aether-API-Key", key));

    /// <summary>A server with two keys: one for everything, one for a group.</summary>
    public sealed class Server : IAsyncLifetime
    {
        private ServerProcess? process;

        public static Dictionary<string, string> Options => new()
        {
            ["ApiKeys:0:Name"] = "mighty",
            ["ApiKeys:0:Key"] = Key,
            ["ApiKeys:0:Permissions:0"] = "broadcast",
            ["ApiKeys:0:Permissions:1"] = "cross_group",
            ["ApiKeys:0:Groups:0"] = "*",
            ["ApiKeys:1:Name"] = "limited",
            ["ApiKeys:1:Key"] = LimitedKey,
            ["ApiKeys:1:Groups:0"] = "lab",
        };

        public ServerProcess Process => process!;

        public async ValueTask InitializeAsync() => process = await ServerProcess.StartAsync(Options);

        public async ValueTask DisposeAsync()
        {
            if (process is not null)
                await process.DisposeAsync();
        }
    }
}

/// <summary>HTTP/2 upgrades by CONNECT, and obeys the same rules.</summary>
public sealed class Http2Tests
{
    private const string Key = "secret-key-number-one";

    [Fact]
    public async Task Connect_ObeysTheSameRules()
    {
        await using var server = await ServerProcess.StartAsync(
            new() { ["ApiKeys:0:Name"] = "k", ["ApiKeys:0:Key"] = Key },
            new() { ["Kestrel:EndpointDefaults:Protocols"] = "Http2" });
        await using var client = await ConnectAsync(server, "g", Key);
        await client.SendAsync(Json.Message("a", msg: "one", id: "1"));
        await client.SendAsync(Json.Message("a", msg: new string('x', 60_000)));
        // An answer and the messages of a group come in no order that anybody promises.
        var frames = new[] { await client.ReceiveAsync(), await client.ReceiveAsync(), await client.ReceiveAsync() };
        Assert.Single(frames, frame => frame.Text("cmd") == "ack");
        Assert.Equal([3, 60_000], frames.Select(frame => frame.Text("msg")?.Length).OfType<int>());
        await Assert.ThrowsAsync<WebSocketException>(() => ConnectAsync(server, "g", Key + "x"));
        await Assert.ThrowsAsync<WebSocketException>(() => ConnectAsync(server, "a:b", Key));
        await client.SendAsync("{}");
        Assert.Equal(4000, (await client.EndAsync()).Code);
        await using var another = await ConnectAsync(server, "g", Key);
        Assert.Equal(new Closed(1000, ""), await another.CloseAsync());
    }

    private static Task<TestClient> ConnectAsync(ServerProcess server, string group, string key) =>
        TestClient.ConnectAsync(server, group, "a", configure: options =>
        {
            options.HttpVersion = HttpVersion.Version20;
            options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
            options.SetRequestHeader("X-Aether-API-Key", key);
        });
}
