using Aether.Domain;
using Aether.Domain.Tokens;
using FluentValidation;
using MediatR;

namespace Aether.Application.Tokens;

/// <summary>
/// The host or an operator takes back a token, or all those of a client that were issued before a time. The answer is until
/// when that is remembered (UTC, by this server's clock): no token of now is good any longer.
/// </summary>
/// <param name="TokenId">The id of the token; <see langword="null"/>: it is about a client's.</param>
/// <param name="ClientId">The client; empty: it is about one token.</param>
/// <param name="IssuedBefore">The client's tokens from before this (UTC).</param>
internal sealed record RevokeTokens(string? TokenId, VisionId ClientId = default, DateTime? IssuedBefore = null)
    : IRequest<Answer<DateTime>>;

/// <summary>It names either a token, or a client and a time.</summary>
internal sealed class RevokeTokensValidator : AbstractValidator<RevokeTokens>
{
    /// <summary>What has to be given.</summary>
    public const string EitherRule = "must be given, or else sub with issued_before, and not both";

    /// <summary>What goes with a client.</summary>
    public const string TimeRule = "is required beside sub";

    /// <summary>What the time has to be: one that is far ahead would have to be remembered for longer than a token lasts.</summary>
    public const string NearRule = "must be at most a day ahead";

    /// <summary>Adds the rules.</summary>
    public RevokeTokensValidator(TimeProvider time)
    {
        RuleFor(request => request.TokenId)
            .Must(static (request, id) => id is null != request.ClientId.IsEmpty && (id is null || request.IssuedBefore is null))
            .WithErrorCode(ErrorCode.InvalidMessage.Name).OverridePropertyName("jti").WithMessage(EitherRule);
        RuleFor(request => request.TokenId)
            .Must(Revocation.IsTokenId).When(static request => request.TokenId is not null)
            .WithErrorCode(ErrorCode.InvalidMessage.Name).OverridePropertyName("jti").WithMessage(Revocation.IdRule);
        RuleFor(request => request.IssuedBefore)
            .NotNull().When(static request => !request.ClientId.IsEmpty)
            .WithErrorCode(ErrorCode.InvalidMessage.Name).OverridePropertyName("issued_before").WithMessage(TimeRule);
        RuleFor(request => request.IssuedBefore)
            .Must(before => before is null || before <= time.GetUtcNow().UtcDateTime + Revocation.MaxAhead)
            .WithErrorCode(ErrorCode.InvalidMessage.Name).OverridePropertyName("issued_before").WithMessage(NearRule);
    }
}

/// <summary>Adds it to what all instances read, and to what this one knows.</summary>
internal sealed class RevokeTokensHandler(Revocations revocations, TimeProvider time)
    : IRequestHandler<RevokeTokens, Answer<DateTime>>
{
    /// <inheritdoc/>
    public async Task<Answer<DateTime>> Handle(RevokeTokens request, CancellationToken cancellationToken)
    {
        var revocation = request.TokenId is { } id
            ? Revocation.Of(id)
            : Revocation.Of(request.ClientId, request.IssuedBefore!.Value);
        // Not before it is done: a store that is slow keeps it no shorter.
        return await revocations.RevokeAsync(revocation, cancellationToken).ConfigureAwait(false) is { } rejection
            ? rejection
            : time.GetUtcNow().UtcDateTime + revocations.Kept;
    }
}
