namespace Aether.Application.Wire;

/// <summary>Where a message that is read comes from: what it may hold hangs on that.</summary>
internal enum MessageOrigin
{
    /// <summary>From whoever sends without a connection: over HTTP, or from the host's own code.</summary>
    Host,

    /// <summary>From a client, over its connection. It may ask the server itself: <c>to_id</c> is then <c>aether</c>.</summary>
    Client,

    /// <summary>
    /// From an instance, over the backplane or out of a stream. It may have a position, which elsewhere is an unknown
    /// field.
    /// </summary>
    Backplane,
}
