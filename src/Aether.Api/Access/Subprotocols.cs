namespace Aether.Api.Access;

/// <summary>What a client offers as WebSocket subprotocols: its profile, and in browsers its credential.</summary>
internal static class Subprotocols
{
    /// <summary>The full profile.</summary>
    public const string Full = "aether.v3";

    /// <summary>What a page offers at the legacy endpoint beside its credential, so that one can be chosen.</summary>
    public const string Legacy = "aether.legacy";

    public static IEnumerable<string> Of(HttpRequest request) =>
        from header in request.Headers.SecWebSocketProtocol
        where header is not null
        from protocol in header.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
        select protocol;
}
