namespace Aether.Load.Protocols;

/// <summary>The systems that the driver knows.</summary>
internal static class Protocol
{
    /// <summary>Finds one by its name.</summary>
    /// <exception cref="UsageException">There is none.</exception>
    public static IProtocol Named(string name, bool joinPublishers) => name switch
    {
        "aether" => new AetherProtocol(),
        "legacy" => new LegacyProtocol(),
        "signalr" => new SignalRProtocol(joinPublishers),
        _ => throw new UsageException($"--system: '{name}' is none of aether, legacy, signalr"),
    };
}
