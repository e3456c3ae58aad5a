using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Aether.Tests.Shared;

/// <summary>
/// Stands between an instance and its Redis and can go deaf: its connections stay open and never bring anything again,
/// as behind a firewall that has forgotten them. It counts what it brings.
/// </summary>
internal sealed class DeafProxy : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stop = new();
    private readonly ConcurrentBag<Task> tasks = [];
    private readonly int target;
    private long brought;

    private DeafProxy(int target) => this.target = target;

    public string ConnectionString => $"127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";

    /// <summary>
    /// Whether connections bring nothing. Those of before stay deaf when it ends: TCP loses no bytes in between.
    /// </summary>
    public bool IsDeaf { get; set; }

    /// <summary>How many bytes came from Redis.</summary>
    public long Brought => Interlocked.Read(ref brought);

    public static DeafProxy Start(RedisServer server)
    {
        var proxy = new DeafProxy(server.Port);
        proxy.listener.Start();
        proxy.tasks.Add(proxy.AcceptAsync());
        return proxy;
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Stop();
        foreach (var task in tasks)
            await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (true)
            tasks.Add(ServeAsync(await listener.AcceptTcpClientAsync(stop.Token)));
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var server = new TcpClient();
        using (client)
        {
            await server.ConnectAsync(IPAddress.Loopback, target, stop.Token);
            using var end = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
            await Task.WhenAny(
                CopyAsync(client, server, static _ => false, end.Token),
                CopyAsync(server, client, Bring, end.Token));
            await end.CancelAsync();
        }
    }

    private bool Bring(int bytes)
    {
        Interlocked.Add(ref brought, bytes);
        return IsDeaf;
    }

    private static async Task CopyAsync(
        TcpClient from, TcpClient to, Func<int, bool> swallow, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[16_384];
        int read;
        bool deaf = false;
        while ((read = await from.GetStream().ReadAsync(buffer, cancellationToken)) > 0)
        {
            deaf |= swallow(read);
            if (!deaf)
                await to.GetStream().WriteAsync(buffer.AsMemory(0, read), cancellationToken);
        }
    }
}
