namespace Aether.Application;

/// <summary>Who may give commands, how many there can be, and for how long they are kept.</summary>
public sealed class CommandOptions
{
    /// <summary>
    /// Which roles may give commands in their own group: <c>controller</c>, <c>worker</c>, <c>observer</c>. Not set:
    /// any member. Empty: none.
    /// </summary>
    public IList<string>? Givers { get; set; }

    /// <summary>How many commands of a group run at a time.</summary>
    public int Running { get; set; } = 1_000;

    /// <summary>For how long after its end a command can be read.</summary>
    public Duration Retention { get; set; } = Duration.FromSeconds(86_400);
}
