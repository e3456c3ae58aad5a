using Aether.Domain;

namespace Aether.Application.Leases;

/// <summary>A lease of a group: a name that one client holds at a time.</summary>
/// <param name="Name">Which lease of the group.</param>
/// <param name="Holder">Who holds it; <see langword="null"/>: nobody.</param>
/// <param name="Term">
/// The term of whoever holds it, or held it last: one more with every new holder. 0: nobody ever did.
/// </param>
/// <param name="ExpiresAt">When it ends unless it is renewed (UTC, by this server's clock); none if it is free.</param>
public sealed record LeaseInfo(VisionId Name, VisionId? Holder, long Term, DateTime? ExpiresAt)
{
    /// <summary>What a store says of a lease.</summary>
    /// <param name="lease">The lease; free if no time is left.</param>
    /// <param name="timeLeft">For how long it is held.</param>
    /// <param name="now">The time of this server.</param>
    internal static LeaseInfo Of(Lease lease, TimeSpan timeLeft, DateTime now) => timeLeft > TimeSpan.Zero
        ? new(lease.Name, lease.Holder, lease.Term, now + timeLeft)
        : Free(lease.Name, lease.Term);

    /// <summary>A lease that nobody holds.</summary>
    internal static LeaseInfo Free(VisionId name, long term) => new(name, null, term, null);
}
