using System.Collections.Concurrent;
using System.Net;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using Aether.Api.Access;
using Aether.Application;
using Aether.Application.Messaging;
using Aether.Domain;
using Aether.Tests.Integration.Fixtures;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>A host that says itself what its users may do, beside API keys.</summary>
public sealed class EmbeddingUsersTests
{
    private const string User = "X-User";
    private const string Socket = "v3/ws/group/g1/client/c1";

    private readonly ConcurrentQueue<(string? User, string? Group, string? Client)> asked = new();

    private Func<string?, string?, string?, RealtimeAuthorization?> decide = (user, _, _) =>
        user is null ? RealtimeAuthorization.Refuse("log in first", 401) : RealtimeAuthorization.Grant();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Connection_HasWhatTheHostGrants_AndIsAskedAboutEachTime()
    {
        decide = (user, group, client) => user == client && group == "g1"
            ? RealtimeAuthorization.Grant(Permissions.CrossGroup, Role.Worker, ["g2"])
            : RealtimeAuthorization.Refuse("not yours");
        await using var host = await StartAsync();
        using var socket = await host.ConnectAsync(headers: (User, "c1"));

        await socket.SendAsync(Message("g2", "group"));
        await socket.SendAsync(Message("g3", "group"));
        await socket.SendAsync(Message("g1", "broadcast"));
        await socket.SendAsync(Message("g1", "group"));

        Assert.Equal("forbidden", (string?)(await socket.ReceiveAsync())["payload"]!["code"]);
        Assert.Equal("forbidden", (string?)(await socket.ReceiveAsync())["payload"]!["code"]);
        Assert.Equal("g1", (string?)(await socket.ReceiveAsync())["group_id"]);
        var member = await host.Services.GetRequiredService<IRealtime>().Client("g1", "c1", Cancellation);
        Assert.Equal(Role.Worker, member.Value.Role);
        await Assert.ThrowsAsync<WebSocketException>(() => host.ConnectAsync(client: "c2", headers: (User, "c1")));
        decide = (_, _, _) => RealtimeAuthorization.Refuse("no longer");
        await Assert.ThrowsAsync<WebSocketException>(() => host.ConnectAsync(headers: (User, "c1")));
        Assert.Equal([("c1", "g1", "c1"), ("c1", "g1", "c2"), ("c1", "g1", "c1")], asked);
    }

    [Theory]
    [InlineData(401)]
    [InlineData(402)]
    [InlineData(403)]
    [InlineData(503)]
    public async Task Refusal_IsTheHosts_WhateverIsAskedFor(int status)
    {
        decide = (_, _, _) => RealtimeAuthorization.Refuse("the host says no", status);
        await using var host = await StartAsync();
        using var client = host.CreateClient();
        using var message = new StringContent(Message("g1", "group"), Encoding.UTF8, "application/json");

        foreach (string path in (string[])
            [
                Socket, "v3/groups", "v3/instances", "v3/groups/g1/clients", "v3/groups/g1/clients/c1", "metrics",
                "v3/console", "v3/groups/g1/clients/c1/trace", "v3/groups/g1/messages",
            ])
            await AssertRefusedAsync(await client.GetAsync(path, Cancellation), status, "the host says no");
        await AssertRefusedAsync(
            await client.DeleteAsync("v3/groups/g1/clients/c1", Cancellation), status, "the host says no");
        await AssertRefusedAsync(
            await client.PostAsync("v3/messages", message, Cancellation), status, "the host says no");
        using var revocation = new StringContent("""{"jti":"t1"}""", Encoding.UTF8, "application/json");
        await AssertRefusedAsync(
            await client.PostAsync("v3/revocations", revocation, Cancellation), status, "the host says no");
        Assert.Equal(12, asked.Count);
    }

    [Theory]
    [InlineData(Permissions.Admin, true, 202)]
    [InlineData(Permissions.Admin, false, 403)]
    [InlineData(Permissions.CrossGroup, true, 403)]
    public async Task Revocation_NeedsAGrant_InEveryGroup(Permissions permissions, bool isEverywhere, int status)
    {
        decide = (_, _, _) => RealtimeAuthorization.Grant(permissions, groups: isEverywhere ? ["*"] : ["g1"]);
        await using var host = await StartAsync();
        using var client = host.CreateClient();
        using var revocation = new StringContent("""{"jti":"t1"}""", Encoding.UTF8, "application/json");

        using var answer = await client.PostAsync("v3/revocations", revocation, Cancellation);

        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal([(null, null, null)], asked);
    }

    [Theory]
    [InlineData("X-Aether-API-Key", "wrong-key-0123456789")]
    [InlineData("X-Aether-API-Key", "")]
    [InlineData("Sec-WebSocket-Protocol", "aether.v3, aether.auth.d3JvbmcK")]
    public async Task WrongKey_IsNotTakenForNone_GivenAUserWhoMay(string header, string value)
    {
        decide = (_, _, _) => RealtimeAuthorization.Grant(Permissions.Admin, groups: ["*"]);
        await using var host = await StartAsync(withKey: true);
        using var client = host.CreateClient();
        client.DefaultRequestHeaders.Add(User, "ann");
        client.DefaultRequestHeaders.TryAddWithoutValidation(header, value);

        foreach (string path in (string[])[Socket, "v3/groups", "v3/groups/g1/clients", "metrics", "v3/console"])
            Assert.Equal((path, 401), (path, (int)(await client.GetAsync(path, Cancellation)).StatusCode));
        Assert.Empty(asked);
    }

    [Fact]
    public async Task Key_GrantsWhatItGrants_WithoutTheHost()
    {
        decide = (_, _, _) => RealtimeAuthorization.Refuse("no");
        await using var host = await StartAsync(withKey: true);

        using var socket = await host.ConnectAsync(key: EmbeddingApp.Key);
        Assert.Equal(
            HttpStatusCode.OK, (await host.CreateClient(EmbeddingApp.Key).GetAsync("v3/groups", Cancellation)).StatusCode);
        Assert.Empty(asked);
        await Assert.ThrowsAsync<WebSocketException>(() => host.ConnectAsync());
        Assert.Single(asked);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task NobodyIsLetIn_GivenAHostThatFails(bool throws)
    {
        decide = (_, _, _) => throws ? throw new InvalidOperationException("what-a-user-wrote") : null;
        await using var host = await StartAsync();

        await Assert.ThrowsAsync<WebSocketException>(() => host.ConnectAsync());
        foreach (string path in (string[])[Socket, "v3/groups", "metrics"])
        {
            using var answer = await host.CreateClient().GetAsync(path, Cancellation);
            await AssertRefusedAsync(answer, 500, "the request was not carried out");
        }
    }

    [Fact]
    public async Task OtherRole_IsRefused_GivenTheOnlyOneThatIsGranted()
    {
        decide = (_, _, _) => RealtimeAuthorization.Grant(role: Role.Observer);
        await using var host = await StartAsync();

        using var other = await host.CreateClient().GetAsync(Socket + "?role=controller", Cancellation);
        using var same = await host.CreateClient().GetAsync(Socket + "?role=observer", Cancellation);

        await AssertRefusedAsync(other, 403, "this role is not granted");
        Assert.Equal(HttpStatusCode.UpgradeRequired, same.StatusCode);
    }

    [Fact]
    public async Task PageOfAnotherOrigin_IsRefused_GivenAUserWhoMay()
    {
        decide = (_, _, _) => RealtimeAuthorization.Grant(Permissions.Admin, groups: ["*"]);
        await using var host = await StartAsync(withKey: true);
        using var client = host.CreateClient();
        client.DefaultRequestHeaders.Add(User, "ann");
        client.DefaultRequestHeaders.Add("Origin", "https://other.example");

        foreach (string path in (string[])[Socket, "v3/groups", "v3/groups/g1/clients", "metrics"])
            Assert.Equal((path, 403), (path, (int)(await client.GetAsync(path, Cancellation)).StatusCode));
    }

    [Fact]
    public async Task HttpApi_ReachesTheGroupsThatAreGranted_AndNoOther()
    {
        decide = (_, group, client) => client is "aether"
            ? RealtimeAuthorization.Refuse("nobody speaks for the server")
            : RealtimeAuthorization.Grant(Permissions.Admin, groups: group is null ? ["g2"] : null);
        await using var host = await StartAsync();
        using var one = await host.ConnectAsync();
        using var client = host.CreateClient();

        var groups = JsonNode.Parse(await client.GetStringAsync("v3/groups", Cancellation))!;
        var roster = JsonNode.Parse(await client.GetStringAsync("v3/groups/g1/clients", Cancellation))!;
        using var posted = new StringContent(Message("g1", "group"), Encoding.UTF8, "application/json");
        using var accepted = await client.PostAsync("v3/messages", posted, Cancellation);
        using var impostor = new StringContent(
            Message("g1", "group").Replace("\"c1\"", "\"aether\"", StringComparison.Ordinal), Encoding.UTF8, "application/json");
        using var refused = await client.PostAsync("v3/messages", impostor, Cancellation);
        using var badId = await client.GetAsync("v3/groups/g1/clients/b!d", Cancellation);

        Assert.Equal(0, (int)groups["total"]!);
        Assert.Equal(1, (int)roster["total"]!);
        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, badId.StatusCode);
        Assert.Equal(
            [
                (null, "g1", "c1"), (null, null, null), (null, "g1", null), (null, "g1", "c1"), (null, "g1", "aether"),
            ],
            asked);
    }

    [Fact]
    public async Task LegacyEndpoint_AsksTheHost_WhereItAsksForTheSameAsV3()
    {
        await using var host = await StartAsync(options => options.Legacy.RequireKey = true);
        using var client = host.CreateClient();

        using var stranger = await client.GetAsync("ws/group/g1/client/c1", Cancellation);
        client.DefaultRequestHeaders.Add(User, "ann");
        using var user = await client.GetAsync("ws/group/g1/client/c1", Cancellation);

        Assert.Equal((401, 426), ((int)stranger.StatusCode, (int)user.StatusCode));
    }

    [Fact]
    public void Add_RefusesASecondOne_AndTakesTheSameTwice()
    {
        RealtimeAuthorizer first = (_, _, _) => new(RealtimeAuthorization.Grant());
        var services = new ServiceCollection().AddRealtimeAuthorization(first).AddRealtimeAuthorization(first);

        Assert.Single(services);
        Assert.Throws<InvalidOperationException>(
            () => services.AddRealtimeAuthorization((_, _, _) => new(RealtimeAuthorization.Grant())));
    }

    [Theory]
    [InlineData(TokenMaker.Issuer, TokenMaker.Secret, 426, false)]
    // Ours and no good: whatever the host would say.
    [InlineData(TokenMaker.Issuer, "another-secret-0123456789-0123456789", 401, false)]
    // The host's own, as far as we know.
    [InlineData("https://host.example", TokenMaker.Secret, 426, true)]
    public async Task BearerToken_IsOurs_GivenThatItNamesOurIssuer(string issuer, string secret, int status, bool isAsked)
    {
        decide = (_, _, _) => RealtimeAuthorization.Grant();
        await using var host = await StartAsync(options =>
        {
            (options.Tokens.Issuer, options.Tokens.Audience) = (TokenMaker.Issuer, TokenMaker.Audience);
            options.Tokens.Keys.Add(new() { Algorithm = "HS256", Secret = TokenMaker.Secret });
        });
        var claims = TokenMaker.Claims();
        claims["iss"] = issuer;
        using var client = host.CreateClient();
        client.DefaultRequestHeaders.Authorization = new("Bearer", TokenMaker.Make(claims, secret: secret));

        using var answer = await client.GetAsync(Socket, Cancellation);

        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal(isAsked, !asked.IsEmpty);
    }

    [Fact]
    public void Grant_RefusesWhatThereIsNot()
    {
        Assert.Throws<ArgumentException>(() => RealtimeAuthorization.Grant((Permissions)8));
        Assert.Throws<ArgumentException>(() => RealtimeAuthorization.Grant(role: (Role)9));
        Assert.Throws<ArgumentException>(() => RealtimeAuthorization.Grant(groups: ["b!d"]));
        Assert.Throws<ArgumentException>(() => RealtimeAuthorization.Refuse(""));
        Assert.Throws<ArgumentException>(() => RealtimeAuthorization.Refuse("fine", StatusCodes.Status200OK));
    }

    private Task<EmbeddingApp> StartAsync(Action<RealtimeOptions>? options = null, bool withKey = false)
    {
        ValueTask<RealtimeAuthorization> AskAsync(HttpContext context, string? group, string? client)
        {
            string? user = context.Request.Headers[User];
            asked.Enqueue((user, group, client));
            return new(decide(user, group, client)!);
        }
        return withKey
            ? EmbeddingApp.WithKeyAsync(builder => builder.Services.AddRealtimeAuthorization(AskAsync), options: options)
            : EmbeddingApp.StartAsync(builder => builder.Services.AddRealtimeAuthorization(AskAsync), options: options);
    }

    private static string Message(string group, string target) => EmbeddingApp.Message("said")
        .Replace("\"g1\"", $"\"{group}\"", StringComparison.Ordinal)
        .Replace("\"group\"", $"\"{target}\"", StringComparison.Ordinal);

    private static async Task AssertRefusedAsync(HttpResponseMessage answer, int status, string text)
    {
        string path = answer.RequestMessage!.RequestUri!.AbsolutePath;
        Assert.Equal((path, status), (path, (int)answer.StatusCode));
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var problem = JsonNode.Parse(await answer.Content.ReadAsStringAsync(Cancellation))!;
        Assert.Equal((path, text), (path, (string?)problem["detail"]));
    }
}
