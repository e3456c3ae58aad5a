namespace Aether.Domain;

/// <summary>What somebody says of a lease that it holds.</summary>
/// <param name="Name">Which lease of the group.</param>
/// <param name="Term">In which term.</param>
public readonly record struct LeaseClaim(VisionId Name, long Term);
