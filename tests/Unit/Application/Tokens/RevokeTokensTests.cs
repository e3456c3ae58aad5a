using Aether.Application;
using Aether.Application.Messaging;
using Aether.Application.Ports;
using Aether.Application.Tokens;
using Aether.Domain;
using Aether.Domain.Tokens;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>What may be revoked, by operators and by the host's own code.</summary>
public sealed class RevokeTokensTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly DateTime Before = Now.UtcDateTime.AddHours(-1);

    private readonly FakeRevocationStore store = new();
    private readonly ServiceProvider provider;

    public RevokeTokensTests() => provider = new ServiceCollection()
        .AddSingleton<TimeProvider>(new FakeTimeProvider(Now))
        .AddSingleton<Func<TokenOptions>>(static () => new TokenOptions
        {
            MaxLifetime = Duration.FromSeconds(600),
            ClockSkew = Duration.FromSeconds(30),
        })
        .AddSingleton(Substitute.For<IMessageBus>())
        .AddSingleton(Substitute.For<ICommandStore>())
        .AddSingleton<IRevocationStore>(store).AddAetherApplication().BuildServiceProvider();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private Revocations Known => provider.GetRequiredService<Revocations>();

    private IRealtime Realtime => provider.GetRequiredService<IRealtime>();

    public void Dispose() => provider.Dispose();

    [Fact]
    public async Task Revoke_IsKnown_AndSaysUntilWhenItIsRemembered()
    {
        var until = Now.UtcDateTime.AddSeconds(600 + 30 + 30) + Revocation.MaxAhead;
        Assert.Equal(until, (await SendAsync(new RevokeTokens("t1"))).Value);
        Assert.Equal(until, (await SendAsync(new RevokeTokens(null, Some.Client, Before))).Value);
        Assert.True(Known.IsKnown(Tokens.Of(Some.OtherClient, "t1")));
        Assert.True(Known.IsKnown(Tokens.Of(Some.Client, issuedAt: Before.AddTicks(-1))));
        Assert.False(Known.IsKnown(Tokens.Of(Some.Client, issuedAt: Before)));
    }

    [Fact]
    public async Task Revoke_IsRefused_GivenNeitherOrBoth_OrWhatIsNone()
    {
        foreach (var (asked, field) in ((RevokeTokens, string)[])
        [
            (new(null), "jti"),
            (new(""), "jti"),
            (new("a\nb"), "jti"),
            (new("t1", Some.Client), "jti"),
            (new("t1", Some.Client, Before), "jti"),
            (new("t1", default, Before), "jti"),
            (new(null, default, Before), "jti"),
            (new(null, Some.Client), "issued_before"),
            (new(null, Some.Client, Now.UtcDateTime.AddDays(1).AddSeconds(1)), "issued_before"),
        ])
        {
            var rejection = (await SendAsync(asked)).Rejection;
            Assert.Equal((asked, ErrorCode.InvalidMessage, field), (asked, rejection?.Code, rejection?.Field));
        }
        Assert.Empty(store.All);
        // A ban until tomorrow.
        Assert.Null((await SendAsync(new RevokeTokens(null, Some.Client, Now.UtcDateTime.AddSeconds(30)))).Rejection);
    }

    [Fact]
    public async Task Revoke_IsRefused_GivenABackplaneThatIsAway()
    {
        store.IsAway = true;
        Assert.Equal(ErrorCode.BackplaneUnavailable, (await SendAsync(new RevokeTokens("t1"))).Rejection?.Code);
        Assert.Equal(ErrorCode.BackplaneUnavailable, (await Realtime.RevokeToken("t1", Cancellation)).Rejection?.Code);
    }

    [Fact]
    public async Task Realtime_Revokes_AsAnOperatorDoes()
    {
        Assert.Null((await Realtime.RevokeToken("t1", Cancellation)).Rejection);
        var local = new DateTimeOffset(Before, TimeSpan.Zero).ToOffset(TimeSpan.FromHours(5));
        Assert.Null((await Realtime.RevokeTokens("c1", local, Cancellation)).Rejection);
        Assert.Equal(["t1", null], store.All.Select(one => one.TokenId));
        Assert.Equal((Some.Client, Before), (store.All[1].Subject, store.All[1].IssuedBefore));
        Assert.Equal(
            "issued_before", (await Realtime.RevokeTokens("c1", Now.AddDays(2), Cancellation)).Rejection?.Field);
    }

    [Fact]
    public async Task Realtime_Throws_GivenWhatIsNoId()
    {
        foreach (string? id in (string?[])["", null, "a\nb", new string('x', 257)])
            await Assert.ThrowsAsync<ArgumentException>("tokenId", () => Realtime.RevokeToken(id!, Cancellation));
        foreach (string? id in (string?[])["", null, "a b", "aether"])
            await Assert.ThrowsAsync<ArgumentException>("clientId", () => Realtime.RevokeTokens(id!, Now, Cancellation));
    }

    private Task<Answer<DateTime>> SendAsync(RevokeTokens asked) =>
        provider.GetRequiredService<IMediator>().Send(asked, Cancellation);
}
