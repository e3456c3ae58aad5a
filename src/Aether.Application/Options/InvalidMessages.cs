namespace Aether.Application;

/// <summary>What happens to a connection that sends an invalid message.</summary>
public enum InvalidMessages
{
    /// <summary>It is closed with 4000.</summary>
    Close,

    /// <summary>It gets an error frame and stays.</summary>
    Report,
}
