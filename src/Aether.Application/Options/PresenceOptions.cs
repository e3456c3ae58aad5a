namespace Aether.Application;

/// <summary>How presence is kept true.</summary>
public sealed class PresenceOptions
{
    /// <summary>How long an instance that says nothing keeps its members, by Redis's clock.</summary>
    public Duration Lease { get; set; } = Duration.FromSeconds(10);
}
