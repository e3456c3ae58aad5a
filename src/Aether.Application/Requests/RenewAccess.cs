using System.Text.Json;
using Aether.Application.Pipeline;
using Aether.Application.Tokens;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Domain.Tokens;

namespace Aether.Application.Requests;

/// <summary><c>auth.renew</c>: a client shows a new token, to stay connected by it.</summary>
/// <param name="Sender">On whose behalf.</param>
/// <param name="Message">The question; its payload holds the token.</param>
internal sealed record RenewAccess(Sender Sender, Message Message) : IMessageCommand
{
    /// <summary>What the client says.</summary>
    public const string Name = "auth.renew";
}

/// <summary>
/// Lets the connection go on by the new token, whatever that grants. One that is no good for it changes nothing: what was
/// in force stays until its own end.
/// </summary>
internal sealed class RenewAccessHandler(TokenChecks checks, ServerMessages messages)
    : ServerRequestHandler<RenewAccess>(messages)
{
    /// <inheritdoc/>
    protected override async Task<Outcome> AnswerAsync(
        RenewAccess request, JsonElement payload, CancellationToken cancellationToken)
    {
        if (!checks.AreOn)
            return Outcome.Rejected(Refusals.Unknown);
        if (payload.Text("token") is not { Length: > 0 and <= Token.MaxLength } shown)
            return Outcome.Rejected(Refusals.Of("payload.token", $"must be a token, at most {Token.MaxLength} characters"));
        if (request.Sender.Token is null)
            return Forbid("this connection was not opened with a token");
        var check = await checks.CheckAsync(shown, cancellationToken).ConfigureAwait(false);
        if (check.IsUnknown)
            return Outcome.Rejected(Unavailable);
        if (check.Token is not { } token)
            return Forbid("this token is not valid");
        if (token.Subject != request.Sender.ClientId)
            return Forbid("this token is another client's");
        if (!token.Access.Covers(request.Sender.GroupId))
            return Forbid("this token is not good for this group");
        if (token.Role is { } only && only != request.Sender.Role)
            return Forbid("this token does not grant the role of this connection");
        return Reply(request, writer => AccessWriter.Write(writer, token.Access.Permissions, token.ExpiresAt))
            .With(new RenewedToken(token));
    }

    private static readonly Rejection Unavailable = new(
        ErrorCode.BackplaneUnavailable, "whether this token is good cannot be found out now", "payload.token",
        TimeSpan.FromSeconds(5))
    {
        IsForgiven = true,
    };

    private static Outcome Forbid(string why) => Outcome.Rejected(
        new Rejection(ErrorCode.Forbidden, why, "payload.token") { IsForgiven = true });
}
