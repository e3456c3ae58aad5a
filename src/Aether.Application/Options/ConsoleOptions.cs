namespace Aether.Application;

/// <summary>The console, a page for browsers.</summary>
public sealed class ConsoleOptions
{
    /// <summary>Whether it is served.</summary>
    public bool Enabled { get; set; } = true;
}
