using Aether.Application.Ports;
using Aether.Domain;
using FluentValidation;
using MediatR;

namespace Aether.Application.Leases;

/// <summary>A client takes a lease that is free, or wants more time for the one that it holds.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="Name">Which lease.</param>
/// <param name="ClientId">The client.</param>
/// <param name="TtlMs">For how long, in ms; each renewal is good for as long again.</param>
internal sealed record AcquireLease(VisionId GroupId, VisionId Name, VisionId ClientId, int TtlMs)
    : IRequest<Answer<LeaseInfo>>;

/// <summary>It is for long enough to be renewed, and no longer than others can wait for one that has died.</summary>
internal sealed class AcquireLeaseValidator : AbstractValidator<AcquireLease>
{
    /// <summary>What <c>ttl_ms</c> has to be.</summary>
    public const string TtlRule = "must be a whole number from 1000 to 60000";

    private const int ShortestMs = 1_000;
    private const int LongestMs = 60_000;

    /// <summary>Adds the rule.</summary>
    public AcquireLeaseValidator() =>
        RuleFor(request => request.TtlMs).InclusiveBetween(ShortestMs, LongestMs)
            .WithErrorCode(ErrorCode.InvalidMessage.Name).OverridePropertyName("ttl_ms").WithMessage(TtlRule);
}

/// <summary>Asks the store, which gives it to one.</summary>
internal sealed class AcquireLeaseHandler(ILeaseStore leases, TimeProvider time)
    : IRequestHandler<AcquireLease, Answer<LeaseInfo>>
{
    /// <inheritdoc/>
    public async Task<Answer<LeaseInfo>> Handle(AcquireLease request, CancellationToken cancellationToken)
    {
        var ttl = TimeSpan.FromMilliseconds(request.TtlMs);
        var result = await leases
            .AcquireAsync(request.GroupId, request.Name, request.ClientId, ttl, cancellationToken).ConfigureAwait(false);
        return result.ToAnswer(time);
    }
}
