namespace Aether.Application;

/// <summary>How many commands there can be, and for how long they are kept.</summary>
internal sealed class CommandOptions
{
    /// <summary>How many commands of a group run at a time.</summary>
    public int Running { get; set; } = 1_000;

    /// <summary>For how long after its end a command can be read.</summary>
    public Duration Retention { get; set; } = Duration.FromSeconds(86_400);
}
