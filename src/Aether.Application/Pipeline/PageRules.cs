using System.Linq.Expressions;
using Aether.Domain;
using FluentValidation;

namespace Aether.Application.Pipeline;

/// <summary>What a page has to be that is asked for.</summary>
internal static class PageRules
{
    /// <summary>The most of anything on one page.</summary>
    public const int MaxLimit = 500;

    /// <summary>What <c>offset</c> has to be.</summary>
    public const string OffsetRule = "must be a whole number from 0";

    /// <summary>What <c>limit</c> has to be.</summary>
    public const string LimitRule = "must be a whole number from 1 to 500";

    /// <summary>Adds the rule for how many are left out.</summary>
    public static void HasOffset<T>(this AbstractValidator<T> validator, Expression<Func<T, int>> offset) =>
        validator.RuleFor(offset).GreaterThanOrEqualTo(0)
            .WithErrorCode(ErrorCode.InvalidMessage.Name).OverridePropertyName("offset").WithMessage(OffsetRule);

    /// <summary>Adds the rule for how many there are at most.</summary>
    public static void HasLimit<T>(this AbstractValidator<T> validator, Expression<Func<T, int>> limit) =>
        validator.RuleFor(limit).InclusiveBetween(1, MaxLimit)
            .WithErrorCode(ErrorCode.InvalidMessage.Name).OverridePropertyName("limit").WithMessage(LimitRule);
}
