namespace Aether.Application;

/// <summary>What happens when a client connects that is connected already.</summary>
public enum DuplicateClients
{
    /// <summary>Each connection gets every message.</summary>
    Allow,

    /// <summary>The newest one stays, older ones are closed.</summary>
    Replace,
}
