using System.Text;
using Aether.Application;
using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Application.Requests;
using Aether.Application.Tokens;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Domain.Tokens;
using Aether.Infrastructure.InMemory;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>A client shows a new token on the connection that it has.</summary>
public sealed class RenewAccessTests
{
    private static readonly DateTime End = new(2030, 1, 2, 3, 4, 5, DateTimeKind.Utc);

    private static readonly Token Before =
        new(Some.Client, "before", null, End.AddMinutes(-5), new Access(Permissions.Broadcast), null, "k");

    private readonly FakeTimeProvider time = new(new(2029, 12, 31, 0, 0, 0, TimeSpan.Zero));
    private readonly FakeValidator validator = new();
    private readonly Revocations revocations;
    private readonly RenewAccessHandler handler;

    public RenewAccessTests()
    {
        revocations = new Revocations(new InMemoryRevocationStore(time), time);
        handler = new RenewAccessHandler(new TokenChecks(validator, revocations), new ServerMessages(time));
    }

    [Fact]
    public async Task NewToken_HoldsFromNowOn_AndTheAnswerSaysWhatItGrants()
    {
        var next = Before with { Id = "next", ExpiresAt = End, Access = new Access(Permissions.CrossGroup, [Some.Group]) };
        validator.Check = new TokenCheck(next);

        var outcome = await AskAsync("""{"token":"next"}""");

        Assert.Same(next, Assert.IsType<RenewedToken>(outcome.Tie).Token);
        Assert.Equal(
            """{"permissions":["cross_group"],"expires_at":"2030-01-02T03:04:05Z"}""",
            Encoding.UTF8.GetString(outcome.Reply!.Payload.Span));
        Assert.Equal("next", validator.Shown);
    }

    [Theory]
    [InlineData("other client")]
    [InlineData("other group")]
    [InlineData("other role")]
    [InlineData("no good")]
    [InlineData("revoked")]
    [InlineData("opened without")]
    public async Task Token_IsForbidden_AndChangesNothing(string why)
    {
        var next = Before with { Id = "next", ExpiresAt = End };
        validator.Check = new TokenCheck(why switch
        {
            "other client" => next with { Subject = Some.OtherClient },
            "other group" => next with { Access = new Access(Permissions.Admin, [Some.OtherGroup]) },
            "other role" => next with { Role = Role.Controller },
            "no good" => null,
            _ => next,
        });
        if (why == "revoked")
            Assert.Null(await revocations.RevokeAsync(Revocation.Of("next"), TestContext.Current.CancellationToken));

        var outcome = await AskAsync("""{"token":"next"}""", by: why == "opened without" ? null : Before);

        Assert.Equal(ErrorCode.Forbidden, outcome.Rejection!.Code);
        Assert.True(outcome.Rejection.IsForgiven);
        Assert.Null(outcome.Tie);
    }

    [Fact]
    public async Task Token_OfTheSameRole_IsGood()
    {
        validator.Check = new TokenCheck(Before with { Role = Role.Worker });
        Assert.Null((await AskAsync("""{"token":"next"}""", role: Role.Worker)).Rejection);
    }

    [Fact]
    public async Task Answer_SaysThatItCanBeTriedAgain_GivenThatNothingIsKnownOfTheToken()
    {
        validator.Check = TokenCheck.Unknown;
        var outcome = await AskAsync("""{"token":"next"}""");
        Assert.Equal(ErrorCode.BackplaneUnavailable, outcome.Rejection!.Code);
        Assert.True(outcome.Rejection.IsForgiven);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"token":5}""")]
    [InlineData("""{"token":""}""")]
    [InlineData("""{"token":null}""")]
    public async Task Token_ThatIsNone_NamesTheField(string payload)
    {
        var outcome = await AskAsync(payload);
        Assert.Equal("payload.token", outcome.Rejection!.Field);
        Assert.Equal(ErrorCode.InvalidMessage, outcome.Rejection.Code);
        Assert.Null(validator.Shown);
    }

    [Fact]
    public async Task Request_IsUnknown_WhereThereAreNoTokens()
    {
        validator.IsOn = false;
        Assert.Equal(ErrorCode.UnknownCommand, (await AskAsync("""{"token":"next"}""")).Rejection!.Code);
    }

    private Task<Outcome> AskAsync(string payload, Role role = Role.None) => AskAsync(payload, Before, role);

    private Task<Outcome> AskAsync(string payload, Token? by, Role role = Role.None)
    {
        var sender = new Sender(Some.Client, Some.Group, new Access(Permissions.None), role) { Token = by };
        var question = Some.Message with
        {
            Type = MessageType.Cmd,
            Target = Target.Direct,
            ToId = VisionId.Server,
            Cmd = RenewAccess.Name,
            Payload = Encoding.UTF8.GetBytes(payload),
            Id = "q1",
        };
        return handler.Handle(new RenewAccess(sender, question), TestContext.Current.CancellationToken);
    }

    private sealed class FakeValidator : ITokenValidator
    {
        public bool IsOn { get; set; } = true;

        public TokenCheck Check { get; set; }

        public string? Shown { get; private set; }

        public ValueTask<TokenCheck> ValidateAsync(string token, CancellationToken cancellationToken)
        {
            Shown = token;
            return new(Check);
        }
    }
}
