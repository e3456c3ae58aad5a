using System.Net;
using Aether.Tests.Integration.Fixtures;
using Xunit;
using static Aether.Tests.Integration.Fixtures.HttpApi;

namespace Aether.Tests.Integration;

/// <summary>Messages over the HTTP API: whom they reach, and which are refused.</summary>
public sealed class HttpMessagesTests
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

    [Fact]
    public async Task Send_AnswersZero_GivenAClientThatIsOnlyInAnotherGroup()
    {
        using var host = HttpHost.Open();
        using var elsewhere = await host.ConnectAsync("g2", "c1");
        var client = host.CreateClient();

        var there = await SendAsync(client, Message("direct", group: "g2", to: "c1"));
        var here = await SendAsync(client, Message("direct", group: "g1", to: "c1"));

        Assert.Equal("""{"instances":1}""", await there.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal("""{"instances":0}""", await here.Content.ReadAsStringAsync(Cancellation));
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
        { "group_id", Message("role", group: null, more: "\"to_role\":\"worker\"") },
        { "to_id", Message("direct") },
        { "to_role", Message("role") },
        { "to_role", Message("role", more: "\"to_role\":\"boss\"") },
        { "msg_type", Message("group", type: "presence") },
        { "msg_type", Message("group", type: "heartbeat") },
        { "cmd", Message("direct", type: "cmd", from: "aether", to: "c1", more: "\"cmd\":\"aether.disconnect\"") },
        { "cmd", Message("group", type: "cmd", from: "aether", more: "\"cmd\":\"welcome\"") },
        { "cmd", Message("broadcast", from: "aether", more: "\"cmd\":\"error\"") },
        { "cmd", Message("direct", type: "cmd", from: "\\u0061ether", to: "c1", more: "\"cmd\":\"\\u0061ck\"") },
        { "cmd", Message("direct", from: "aether", to: "c1", more: "\"cmd\":\"execution.done\"") },
        { "msg_type", Message("group", type: "presence", from: "aether", more: "\"cmd\":\"changes\"") },
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
}
