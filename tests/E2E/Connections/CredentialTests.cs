using System.Net;
using System.Text;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>Credentials, where API keys are configured.</summary>
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
