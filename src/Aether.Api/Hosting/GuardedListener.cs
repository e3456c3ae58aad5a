using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace Aether.Api.Hosting;

/// <summary>
/// Accepts no connection that would leave the process without files to open: it dies when the last one is gone,
/// whoever took it. Clients then wait in the system's queue until a connection ends. What is accepted is handed on as it
/// is, so a connection costs nothing more while it lives.
/// </summary>
internal sealed class GuardedListener(IConnectionListener inner, TimeProvider time, ListenerPauses pauses)
    : IConnectionListener
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly CancellationTokenSource unbound = new();
    private bool full;

    public EndPoint EndPoint => inner.EndPoint;

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        if (full)
            await WaitForRoomAsync(cancellationToken).ConfigureAwait(false);
        var connection = await inner.AcceptAsync(cancellationToken).ConfigureAwait(false);
        full = connection?.Features.Get<IConnectionSocketFeature>()?.Socket is { } socket
            && IsLast(NumberOf(socket), OpenFiles.Limit);
        return connection;
    }

    public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        // The inner listener tells the end to who accepts, so nobody may wait out here.
        await unbound.CancelAsync().ConfigureAwait(false);
        await inner.UnbindAsync(cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        await unbound.CancelAsync().ConfigureAwait(false);
        await inner.DisposeAsync().ConfigureAwait(false);
        unbound.Dispose();
    }

    private static bool IsLast(long number, long limit) => number >= limit - OpenFiles.Reserve(limit);

    private static long NumberOf(System.Net.Sockets.Socket socket)
    {
        try
        {
            return socket.Handle;
        }
        catch (ObjectDisposedException)
        {
            // It was cut off already.
            return 0;
        }
    }

    private async Task WaitForRoomAsync(CancellationToken cancellationToken)
    {
        long limit;
        bool told = false;
        while (IsLast(OpenFiles.Next(limit = OpenFiles.Limit), limit) && !unbound.IsCancellationRequested)
        {
            if (!told)
                pauses.Begin(limit);
            told = true;
            using var either = CancellationTokenSource.CreateLinkedTokenSource(unbound.Token, cancellationToken);
            await Task.Delay(Pause, time, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }
}
