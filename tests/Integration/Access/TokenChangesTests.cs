using System.Net.WebSockets;
using System.Text;
using Aether.Tests.Integration.Fixtures;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What becomes of connections by a token when the settings say something else of tokens.</summary>
public sealed class TokenChangesTests
{
    private const string Section = "Aether:Realtime:";

    [Theory]
    [InlineData("Tokens:Keys:0:Secret", TokenMaker.Secret + "x")]
    [InlineData("Tokens:Keys:0:Kid", "other")]
    [InlineData("Tokens:Issuer", TokenMaker.Issuer + "/")]
    [InlineData("Tokens:Audience", "others")]
    public async Task Connection_IsClosed_WhenItsTokenIsGoodNoLonger(string option, string value)
    {
        using var host = Open();
        using var socket = await ConnectAsync(host);
        Change(host, (option, value));
        Assert.Equal(4001, await socket.ReceiveCloseAsync());
        await Assert.ThrowsAsync<WebSocketException>(() => ConnectAsync(host));
    }

    [Theory]
    [InlineData("Tokens:ClockSkew", "60")]
    [InlineData("Tokens:MaxLifetime", "700")]
    [InlineData("Tokens:Jwks", "https://issuer.example/keys")]
    public async Task Connection_Stays_WhenItsTokenIsAsGoodAsBefore(string option, string value)
    {
        using var host = Open();
        using var socket = await ConnectAsync(host);
        Change(host, (option, value));
        await AssertStaysAsync(socket);
    }

    [Fact]
    public async Task Connection_IsClosed_WhenLessPatienceIsHadWithItsIssuersClock()
    {
        using var host = HttpHost.Open(settings: [.. Tokens, ("Tokens:ClockSkew", "300")]);
        var claims = TokenMaker.Claims();
        claims["exp"] = DateTimeOffset.UtcNow.ToUnixTimeSeconds() - 10;
        using var socket = await ConnectAsync(host, TokenMaker.Make(claims, "k"));
        await AssertStaysAsync(socket);
        Change(host, ("Tokens:ClockSkew", "5"));
        Assert.Equal(4001, await socket.ReceiveCloseAsync());
    }

    [Fact]
    public async Task Connection_Stays_WhileKeysAreRotated_UntilItsOwnIsGone()
    {
        using var host = Open();
        using var socket = await ConnectAsync(host);
        Change(
            host,
            ("Tokens:Keys:1:Kid", "next"), ("Tokens:Keys:1:Algorithm", "HS256"), ("Tokens:Keys:1:Secret", "n" + TokenMaker.Secret));
        await AssertStaysAsync(socket);
        using var next = await ConnectAsync(host, TokenMaker.Make(TokenMaker.Claims(), "next", secret: "n" + TokenMaker.Secret));
        Change(host, ("Tokens:Keys:0:Kid", "last"), ("Tokens:Keys:0:Secret", "l" + TokenMaker.Secret));
        Assert.Equal(4001, await socket.ReceiveCloseAsync());
        await AssertStaysAsync(next);
    }

    [Fact]
    public async Task ConnectionWithoutACredential_IsClosed_WhenTokensAreAskedFor()
    {
        using var host = HttpHost.Open(settings: [("AnonymousPermissions:0", "broadcast")]);
        using var socket = await host.ConnectAsync("g1", "c1");
        Change(host, [.. Tokens.Select(one => (one.Item1, one.Item2))]);
        Assert.Equal(4001, await socket.ReceiveCloseAsync());
        using var known = await ConnectAsync(host);
        await AssertStaysAsync(known);
    }

    private static (string, string)[] Tokens =>
    [
        ("Tokens:Issuer", TokenMaker.Issuer), ("Tokens:Audience", TokenMaker.Audience),
        ("Tokens:Keys:0:Kid", "k"), ("Tokens:Keys:0:Algorithm", "HS256"), ("Tokens:Keys:0:Secret", TokenMaker.Secret),
    ];

    private static HttpHost Open() => HttpHost.Open(settings: Tokens);

    private static Task<ClientWebSocket> ConnectAsync(HttpHost host, string? token = null) => host.ConnectAsync(
        "g1",
        "c1",
        subprotocol: "aether.auth." + System.Buffers.Text.Base64Url.EncodeToString(
            Encoding.UTF8.GetBytes(token ?? TokenMaker.Make(TokenMaker.Claims(), "k"))));

    private static async Task AssertStaysAsync(ClientWebSocket socket)
    {
        // It comes back, and is the first thing that does.
        await socket.SendAsync(EmbeddingApp.Message("still here"));
        Assert.Equal("still here", (string?)(await socket.ReceiveAsync())["msg"]);
    }

    private static void Change(HttpHost host, params (string Option, string Value)[] changes)
    {
        var configuration = (IConfigurationRoot)host.Services.GetRequiredService<IConfiguration>();
        foreach (var (option, value) in changes)
            configuration[Section + option] = value;
        configuration.Reload();
    }
}
