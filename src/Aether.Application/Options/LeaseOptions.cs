namespace Aether.Application;

/// <summary>How many leases there can be.</summary>
public sealed class LeaseOptions
{
    /// <summary>
    /// How many names a group can have leases of, held or not: none is ever forgotten, since its terms must not come again.
    /// </summary>
    public int MaxPerGroup { get; set; } = 1_000;
}
