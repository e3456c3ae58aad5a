using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Application.Leases;

/// <summary>What a store's answer means for whoever asked.</summary>
internal static class LeaseResults
{
    private static readonly Rejection Unknown = new(
        ErrorCode.BackplaneUnavailable,
        "the backplane did not answer; it may have been done, ask again",
        RetryAfter: TimeSpan.FromSeconds(1));

    private static readonly Rejection TooMany = new(
        ErrorCode.TooManyLeases, "the group has leases of as many names as it may, and none is ever forgotten", "name");

    /// <summary>The lease as it is now, or why it was not done.</summary>
    public static Answer<LeaseInfo> ToAnswer(this LeaseResult result, TimeProvider time) => result.Status switch
    {
        LeaseStatus.Done => LeaseInfo.Of(result.Lease!, result.TimeLeft, time.GetUtcNow().UtcDateTime),
        LeaseStatus.Held => Held(result),
        LeaseStatus.Stale => Rejection.StaleTerm with { Field = "term" },
        LeaseStatus.TooMany => TooMany,
        LeaseStatus.Unknown => Unknown,
        LeaseStatus.Unavailable => result.Fault.ToRejection(),
    };

    private static Rejection Held(LeaseResult result) =>
        new(ErrorCode.LeaseHeld, "another client holds this lease", RetryAfter: result.TimeLeft)
        {
            Holder = result.Lease!.Holder,
        };
}
