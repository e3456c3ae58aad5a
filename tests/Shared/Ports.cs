using System.Net;
using System.Net.Sockets;

namespace Aether.Tests.Shared;

/// <summary>
/// Ports of 127.0.0.1 for servers that have to know theirs before they start, or that keep it while they are down. They
/// lie below those that the system gives to connections: other tests, which open many, never take one in between.
/// </summary>
internal static class Ports
{
    private const int First = 12_000;
    private const int Count = 20_000;

    // Another start for each process: who runs beside this one does not look at the same ports.
    private static int last = Random.Shared.Next(Count);

    /// <summary>One that nobody listens on, and that was not given to anybody in this process before.</summary>
    public static int Next()
    {
        for (int tries = 0; tries < Count; tries++)
        {
            int port = First + (Interlocked.Increment(ref last) % Count);
            if (IsFree(port))
                return port;
        }
        throw new InvalidOperationException("there is no free port");
    }

    private static bool IsFree(int port)
    {
        using var listener = new TcpListener(IPAddress.Loopback, port);
        try
        {
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
