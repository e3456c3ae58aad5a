using System.Net;
using Aether.Application;
using Aether.Application.Ports;
using Aether.Infrastructure.Tokens;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>Keys that an issuer publishes: how often it is asked for them, and what of them is taken.</summary>
public sealed class PublishedKeysTests : IDisposable
{
    private static readonly Uri Address = new("https://issuer.example/keys");

    private readonly TokenMaker maker = new();
    private readonly FakeTimeProvider time = new(new(2026, 5, 6, 7, 8, 9, TimeSpan.Zero));
    private readonly FakeIssuer issuer = new();
    private readonly PublishedKeys published;
    private readonly TokenValidator validator;

    public PublishedKeysTests()
    {
        issuer.Answer = () => Task.FromResult(FakeIssuer.Of(maker.Jwks()));
        published = new PublishedKeys(Address, time, NullLogger<PublishedKeys>.Instance, issuer);
        var options = new TokenOptions
        {
            Issuer = TokenMaker.Issuer,
            Audience = TokenMaker.Audience,
            Jwks = Address.ToString(),
            Keys = { new() { Kid = "secret", Algorithm = "HS256", Secret = TokenMaker.Secret } },
        };
        validator = new TokenValidator(options, published, time);
    }

    [Fact]
    public async Task Token_IsGood_ByAKeyThatIsPublished()
    {
        Assert.NotNull((await CheckAsync(Rsa("rsa"))).Token);
        Assert.NotNull((await CheckAsync(maker.MakeEc(Claims(), "ec"))).Token);
        Assert.NotNull((await CheckAsync(Rsa(null))).Token);
        Assert.Equal(1, issuer.Asked);
        Assert.Equal([Address], issuer.Addresses.Distinct());
    }

    [Fact]
    public async Task Issuer_IsNotAsked_ForATokenOfAKeyThatIsWrittenDown()
    {
        Assert.NotNull((await CheckAsync(TokenMaker.Make(Claims(), "secret"))).Token);
        Assert.Equal(TokenCheck.Bad, await CheckAsync(TokenMaker.Make(Claims(), "secret", secret: TokenMaker.Secret + "x")));
        Assert.Equal(0, issuer.Asked);
    }

    [Fact]
    public async Task Issuer_IsAskedOnceIn30Seconds_WhateverManyStrangersName()
    {
        Assert.NotNull((await CheckAsync(Rsa("rsa"))).Token);
        for (int i = 0; i < 100; i++)
            Assert.Equal(TokenCheck.Bad, await CheckAsync(Rsa("nobody" + i)));
        Assert.Equal(1, issuer.Asked);
        time.Advance(PublishedKeys.AskInterval - TimeSpan.FromSeconds(1));
        await CheckAsync(Rsa("nobody"));
        Assert.Equal(1, issuer.Asked);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(TokenCheck.Bad, await CheckAsync(Rsa("nobody")));
        Assert.Equal(2, issuer.Asked);
    }

    [Fact]
    public async Task OneRequest_ServesAllWhoWait()
    {
        var held = new TaskCompletionSource<HttpResponseMessage>(TaskCreationOptions.RunContinuationsAsynchronously);
        issuer.Answer = () => held.Task;
        var waiting = Enumerable.Range(0, 50).Select(_ => CheckAsync(Rsa("rsa"))).ToArray();
        using var given = new CancellationTokenSource();
        var leaves = validator.ValidateAsync(Rsa("rsa"), given.Token).AsTask();
        await given.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaves);
        held.SetResult(FakeIssuer.Of(maker.Jwks()));

        Assert.All(await Task.WhenAll(waiting), one => Assert.NotNull(one.Token));
        Assert.Equal(1, issuer.Asked);
    }

    [Fact]
    public async Task NewKey_IsFound_OnceTheIssuerMayBeAskedAgain()
    {
        await CheckAsync(Rsa("rsa"));
        issuer.Answer = () => Task.FromResult(FakeIssuer.Of(maker.Jwks(rsaKid: "next")));
        Assert.Equal(TokenCheck.Bad, await CheckAsync(Rsa("next")));
        time.Advance(PublishedKeys.AskInterval);
        Assert.NotNull((await CheckAsync(Rsa("next"))).Token);
        // Withdrawn with the read that found the new one.
        Assert.Equal(TokenCheck.Bad, await CheckAsync(Rsa("rsa")));
    }

    [Fact]
    public async Task WithdrawnKey_IsGoodNoLonger_OnceWhatWasReadIsOld()
    {
        await CheckAsync(Rsa("rsa"));
        issuer.Answer = () => Task.FromResult(FakeIssuer.Of(maker.Jwks(rsaKid: "next")));
        time.Advance(PublishedKeys.MaxAge + TimeSpan.FromSeconds(1));
        Assert.Equal(TokenCheck.Bad, await CheckAsync(Rsa("rsa")));
        Assert.NotNull((await CheckAsync(Rsa("next"))).Token);
    }

    [Theory]
    [InlineData(500, "")]
    [InlineData(302, "")]
    [InlineData(200, "<html>")]
    [InlineData(200, "{}")]
    [InlineData(200, "{\"keys\":[]}")]
    [InlineData(200, "{\"keys\":5}")]
    public async Task Nothing_IsSaidOfAToken_WhileTheIssuerCannotBeAsked(int status, string body)
    {
        issuer.Answer = () => Task.FromResult(FakeIssuer.Of(body, (HttpStatusCode)status));
        Assert.Equal(TokenCheck.Unknown, await CheckAsync(Rsa("rsa")));
        issuer.Answer = () => throw new HttpRequestException("no route");
        time.Advance(PublishedKeys.AskInterval);
        Assert.Equal(TokenCheck.Unknown, await CheckAsync(Rsa("rsa")));
        issuer.Answer = () => Task.FromResult(FakeIssuer.Of(maker.Jwks()));
        time.Advance(PublishedKeys.AskInterval);
        Assert.NotNull((await CheckAsync(Rsa("rsa"))).Token);
        // And what is known stays, whatever comes.
        issuer.Answer = () => Task.FromResult(FakeIssuer.Of(body, (HttpStatusCode)status));
        time.Advance(PublishedKeys.AskInterval);
        Assert.Equal(TokenCheck.Unknown, await CheckAsync(Rsa("other")));
        Assert.NotNull((await CheckAsync(Rsa("rsa"))).Token);
    }

    [Fact]
    public async Task Keys_AreGoodForADay_WhileTheIssuerSaysNothing()
    {
        await CheckAsync(Rsa("rsa"));
        issuer.Answer = () => throw new HttpRequestException("no route");
        time.Advance(PublishedKeys.MaxSilence);
        Assert.NotNull((await CheckAsync(Rsa("rsa"))).Token);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(TokenCheck.Unknown, await CheckAsync(Rsa("rsa")));
        issuer.Answer = () => Task.FromResult(FakeIssuer.Of(maker.Jwks()));
        time.Advance(PublishedKeys.AskInterval);
        Assert.NotNull((await CheckAsync(Rsa("rsa"))).Token);
    }

    [Theory]
    [InlineData("\"n\":\"", "\"n\":\"!")]
    [InlineData("\"n\":\"", "\"m\":\"")]
    [InlineData("\"use\":\"sig\"", "\"use\":\"enc\"")]
    [InlineData("\"alg\":\"RS256\"", "\"alg\":\"RSA-OAEP\"")]
    [InlineData("\"alg\":\"RS256\"", "\"alg\":\"RS256\",\"key_ops\":[\"sign\"]")]
    [InlineData("\"kty\":\"RSA\"", "\"kty\":\"oct\"")]
    public async Task Key_ThatIsForSomethingElse_IsNone(string written, string instead)
    {
        string jwks = maker.Jwks();
        int at = jwks.IndexOf(written, StringComparison.Ordinal);
        string changed = jwks[..at] + instead + jwks[(at + written.Length)..];
        issuer.Answer = () => Task.FromResult(FakeIssuer.Of(changed));
        Assert.Null((await CheckAsync(Rsa("rsa"))).Token);
        Assert.NotNull((await CheckAsync(maker.MakeEc(Claims(), "ec"))).Token);
    }

    [Fact]
    public async Task Token_IsTrusted_ForAsLongAsItsIssuerPublishesThere()
    {
        var token = (await CheckAsync(Rsa("rsa"))).Token!;
        Assert.True(validator.StillTrusts(token));
        var elsewhere = new TokenOptions
        {
            Issuer = TokenMaker.Issuer,
            Audience = TokenMaker.Audience,
            Jwks = "https://issuer.example/others",
        };
        Assert.False(new TokenValidator(elsewhere, published, time).StillTrusts(token));
    }

    public void Dispose()
    {
        published.Dispose();
        issuer.Dispose();
        maker.Dispose();
    }

    private System.Text.Json.Nodes.JsonObject Claims() => TokenMaker.Claims(now: time.GetUtcNow());

    private string Rsa(string? kid) => maker.MakeRsa(Claims(), kid);

    private Task<TokenCheck> CheckAsync(string token) =>
        validator.ValidateAsync(token, TestContext.Current.CancellationToken).AsTask();

    private sealed class FakeIssuer : HttpMessageHandler
    {
        private int asked;

        public Func<Task<HttpResponseMessage>> Answer { get; set; } = null!;

        public int Asked => Volatile.Read(ref asked);

        public List<Uri?> Addresses { get; } = [];

        public static HttpResponseMessage Of(string body, HttpStatusCode status = HttpStatusCode.OK) =>
            new(status) { Content = new StringContent(body) };

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref asked);
            Addresses.Add(request.RequestUri);
            return Answer();
        }
    }
}
