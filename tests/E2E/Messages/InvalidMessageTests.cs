using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>
/// The corpus of valid and invalid messages over live sockets: it is written for client <c>c1</c> in group <c>g1</c>.
/// </summary>
public sealed class InvalidMessageTests
{
    private const string Client = "c1";
    private const string Group = "g1";

    [Fact]
    public async Task Valid_ArrivesInCanonicalForm()
    {
        // Nothing is kept here, since some messages of the list have the same id.
        await using var server = await ServerProcess.StartAsync(new() { ["History:Types"] = "" });
        await using var client = await TestClient.ConnectAsync(server, Group, Client);
        int sent = 0;
        foreach (var valid in Load<ValidCase>("valid.json"))
        {
            var canonical = Json.Read(valid.Canonical);
            // Heartbeats get another time, presence is no message: their own tests have them.
            if (canonical.Text("msg_type") is not ("msg" or "cmd"))
                continue;
            sent++;
            if (canonical.Text("target") == "role")
            {
                await using var ofTheRole = await TestClient.ConnectAsync(
                    server, Group, Client, "role=" + canonical.Text("to_role"));
                await AssertComesBackAsync(ofTheRole, valid);
            }
            else
            {
                await AssertComesBackAsync(client, valid);
            }
        }
        Assert.True(sent > 100);
    }

    private static async Task AssertComesBackAsync(TestClient client, ValidCase valid)
    {
        await client.SendAsync(valid.Json);
        Assert.True(valid.Canonical == await client.ReceiveTextAsync(), valid.Name);
        if (Json.Read(valid.Canonical).Text("id") is { } id)
            Assert.Equal(id, (await client.ReceiveAsync()).Text("reply_to"));
    }

    [Fact]
    public async Task Invalid_Closes4000NamingTheField_AndNothingIsRouted()
    {
        await using var server = await ServerProcess.StartAsync();
        await using var witness = await TestClient.ConnectAsync(server, Group, "witness");
        await using var full = await TestClient.ConnectAsync(server, "elsewhere", "witness");
        var wrong = new ConcurrentBag<string>();
        await Parallel.ForEachAsync(
            Load<InvalidCase>("invalid.json"),
            new ParallelOptions { MaxDegreeOfParallelism = 4 },
            async (invalid, _) =>
            {
                await using var client = await TestClient.ConnectAsync(server, Group, Client);
                await client.SendAsync(invalid.Bytes, WebSocketMessageType.Text, endOfMessage: true);
                var end = await client.EndAsync();
                bool good = !Utf8.IsValid(invalid.Bytes)
                    // Whether the close frame arrives is up to TCP: the library resets a connection over unread bytes.
                    ? end.Code is 1007 or TestClient.Abnormal
                    : end.Code == 4000
                        && end.Reason.StartsWith(invalid.Field + ": ", StringComparison.Ordinal)
                        && end.Reason.Contains(invalid.Rule, StringComparison.Ordinal)
                        && Encoding.UTF8.GetByteCount(end.Reason) <= 123;
                // Whatever it got back beside the close is a message that was routed.
                if (!good || client.Waiting > 0)
                    wrong.Add($"{invalid.Name}: {end}, {client.Waiting} received");
            });
        Assert.Empty(wrong);
        Assert.Empty(await witness.ReceiveUntilNowAsync());
        Assert.Empty(await full.ReceiveUntilNowAsync());
    }

    [Fact]
    public async Task Invalid_IsReportedAndTheSocketStays_GivenReport()
    {
        await using var server = await ServerProcess.StartAsync(new() { ["InvalidMessages"] = "Report" });
        await using var witness = await TestClient.ConnectAsync(server, Group, "witness");
        await using var client = await TestClient.ConnectAsync(server, Group, Client);
        foreach (var invalid in Load<InvalidCase>("invalid.json").Where(invalid => invalid.Json is not null))
        {
            await client.SendAsync(invalid.Json!);
            var error = await client.ReceiveAsync();
            Assert.True(error.IsError("invalid_message"), invalid.Name);
            Assert.Equal(invalid.Field, error.Payload("field").GetString());
            Assert.False(error.Payload("retryable").GetBoolean());
        }
        Assert.Empty(await witness.ReceiveUntilNowAsync());
        Assert.False(client.HasEnded);
    }

    [Theory]
    [InlineData("Close")]
    [InlineData("Report")]
    public async Task SpoofedSender_ReachesNobody(string policy)
    {
        await using var server = await ServerProcess.StartAsync(new() { ["InvalidMessages"] = policy });
        await using var witness = await TestClient.ConnectAsync(server, Group, "witness");
        await using var client = await TestClient.ConnectAsync(server, Group, Client);
        foreach (string from in new[] { "witness", "aether", "C1" })
        {
            await using var spoofer = await TestClient.ConnectAsync(server, Group, Client);
            await spoofer.SendAsync(Json.Message(from, id: "x"));
            if (policy == "Close")
            {
                Assert.Equal(new Closed(4000, "from_id: must be the connection's own client id"),
                    await spoofer.EndAsync());
                continue;
            }
            var error = await spoofer.ReceiveAsync();
            Assert.True(error.IsError("invalid_message"), error.ToString());
            Assert.Equal(("x", "from_id"), (error.Text("reply_to"), error.Payload("field").GetString()));
        }
        Assert.Empty(await witness.ReceiveUntilNowAsync());
    }

    [Fact]
    public async Task MessagesBeforeTheInvalidOne_AreStillAnswered_AndNoneAfterIt()
    {
        await using var server = await ServerProcess.StartAsync();
        await using var witness = await TestClient.ConnectAsync(server, Group, "witness");
        await using var client = await RawClient.ConnectAsync(server, Group, Client, "echo=off");
        await client.SendBytesAsync((byte[])
        [
            .. RawClient.Frame(RawFrame.Text, Encoding.UTF8.GetBytes(Json.Message(Client, msg: "before", id: "1"))),
            .. RawClient.Frame(RawFrame.Text, "{}"u8.ToArray()),
            .. RawClient.Frame(RawFrame.Text, Encoding.UTF8.GetBytes(Json.Message(Client, msg: "after", id: "2"))),
        ]);
        var ack = Json.Read((await client.ReceiveAsync())!.AsText);
        Assert.Equal(("ack", "1"), (ack.Text("cmd"), ack.Text("reply_to")));
        var close = await client.ReceiveAsync();
        Assert.Equal((RawFrame.Close, 4000), (close!.Opcode, close.CloseCode));
        Assert.Equal("before", Json.Read(Assert.Single(await witness.ReceiveUntilNowAsync())).Text("msg"));
    }

    private static T[] Load<T>(string file) => JsonSerializer.Deserialize<T[]>(
        File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Corpus", file)), JsonSerializerOptions.Web)!;

    private sealed record InvalidCase(string Name, string Field, string Rule, string? Json = null,
        string? Base64 = null)
    {
        public byte[] Bytes => Json is null ? Convert.FromBase64String(Base64!) : Encoding.UTF8.GetBytes(Json);
    }

    private sealed record ValidCase(string Name, string Json, string Canonical);
}
