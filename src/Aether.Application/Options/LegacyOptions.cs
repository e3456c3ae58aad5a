namespace Aether.Application;

/// <summary>The endpoints of V1 and V2.</summary>
public sealed class LegacyOptions
{
    /// <summary>Whether they are served.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>
    /// How many connections they take, beside <see cref="RealtimeOptions.MaxConnections"/>. Not set: 10,000, or as many
    /// as <see cref="RealtimeOptions.MaxConnections"/> if that is less.
    /// </summary>
    public int? MaxConnections { get; set; }

    /// <summary>
    /// Whether they ask for the same credential as V3, where there are <see cref="RealtimeOptions.ApiKeys"/>.
    /// </summary>
    public bool RequireKey { get; set; }
}
