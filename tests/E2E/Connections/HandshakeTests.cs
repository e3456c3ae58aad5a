using System.Net;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>Who is let in, and what the others are told.</summary>
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

    [Theory]
    [InlineData("https://any.example", 403)]
    [InlineData("null", 403)]
    [InlineData("http://localhost:3000", 101)]
    [InlineData("http://127.0.0.1:3000", 101)]
    public async Task Origin_HasToBeOfThisMachine_GivenNeitherListNorKeys(string origin, int status)
    {
        foreach (string path in new[] { "/v3/ws/group/g/client/a", "/ws/group/g/client/a" })
        {
            await using var client = await RequestAsync(server.Process, path, "Origin: " + origin);
            Assert.Equal(status, client.Status);
        }
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
        // Nothing but the reset may free a place: neither a message that is not complete in time nor a ping.
        await using var small = await ServerProcess.StartAsync(new()
        {
            ["MaxConnections"] = "2",
            ["MessageTimeout"] = "600",
            ["KeepAlive:Interval"] = "0",
        });
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
            "there is room again");
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
