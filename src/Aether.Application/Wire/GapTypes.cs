namespace Aether.Application.Wire;

/// <summary>Types of messages that may be missing.</summary>
[Flags]
internal enum GapTypes
{
    /// <summary>None are.</summary>
    None = 0,

    /// <summary>Something to be done.</summary>
    Cmd = 1,

    /// <summary>Something said.</summary>
    Msg = 2,

    /// <summary>Who came and went.</summary>
    Presence = 4,

    /// <summary>Everything that goes through a channel.</summary>
    All = Cmd | Msg | Presence,
}
