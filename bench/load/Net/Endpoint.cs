using System.Buffers.Binary;
using System.Net;

namespace Aether.Load.Net;

/// <summary>An instance under test.</summary>
/// <param name="Host">As in the Host header.</param>
/// <param name="Address">IPv4, as a number.</param>
/// <param name="Port">Its port.</param>
internal sealed record Endpoint(string Host, uint Address, int Port)
{
    /// <summary>Reads <c>http://127.0.0.1:5080</c>, or the same with <c>ws:</c>.</summary>
    /// <exception cref="UsageException">It is none.</exception>
    public static Endpoint Parse(string url)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "ws"))
            throw new UsageException($"--urls: '{url}' is no http:// or ws:// address");
        string host = uri.Host == "localhost" ? "127.0.0.1" : uri.Host;
        if (!IPAddress.TryParse(host, out var address) || address.GetAddressBytes() is not { Length: 4 } bytes)
            throw new UsageException($"--urls: '{url}' needs an IPv4 address");
        return new Endpoint(uri.Host, BinaryPrimitives.ReadUInt32BigEndian(bytes), uri.Port);
    }
}
