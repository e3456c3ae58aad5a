using Aether.Load.Net;

namespace Aether.Load.Protocols;

/// <summary>One thing that a client says before it is ready, and what it then waits for.</summary>
internal readonly record struct GreetingStep(string Say, string Expect);

/// <summary>What a system under test speaks inside WebSocket messages.</summary>
internal interface IProtocol
{
    /// <summary>Its name on the command line.</summary>
    string Name { get; }

    /// <summary>Whether who sends to a group is in it, and so hears itself.</summary>
    bool PublishersAreMembers { get; }

    /// <summary>What a client says now and then so that the server does not think it gone; null if nothing.</summary>
    string? KeepAlive { get; }

    /// <summary>Path and query of the handshake.</summary>
    string Path(Identity identity);

    /// <summary>What is said before a connection is ready.</summary>
    IReadOnlyList<GreetingStep> Greeting(Identity identity);

    /// <summary>A message to the sender's group.</summary>
    string GroupMessage(Identity sender, string payload);

    /// <summary>A message to one client.</summary>
    string DirectMessage(Identity sender, string to, string payload);

    /// <summary>What a message without a stamp complains about; null if it may come.</summary>
    string? Fault(ReadOnlySpan<byte> message);
}
