using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using StackExchange.Redis;

namespace Aether.Benchmarks.Redis;

/// <summary>
/// A Redis of one's own, on a free port of 127.0.0.1 and with nothing on disk. It ends with this process at the latest.
/// </summary>
internal sealed class RedisServer : IAsyncDisposable
{
    private const string Program = "redis-server";
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(10);

    private static readonly Lock Gate = new();
    private static readonly HashSet<Process> Running = [];
    private static bool over;

    // The runtime itself no longer ends a process in good order when it gets a signal.
    private static readonly PosixSignalRegistration[] Signals =
    [
        .. ((PosixSignal[])[PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGHUP])
            .Select(signal => PosixSignalRegistration.Create(signal, static _ => EndAll())),
    ];

    private readonly Process process;

    static RedisServer() => AppDomain.CurrentDomain.ProcessExit += static (_, _) => EndAll();

    private RedisServer(Process process, ConnectionMultiplexer connection)
    {
        this.process = process;
        Connection = connection;
    }

    /// <summary>Whether one can be started here.</summary>
    public static bool IsInstalled { get; } = (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator)
        .Any(folder => File.Exists(Path.Combine(folder, Program)));

    /// <summary>A connection to it.</summary>
    public ConnectionMultiplexer Connection { get; }

    /// <summary>Starts a server, and connects as soon as it listens.</summary>
    public static async Task<RedisServer> StartAsync()
    {
        int port = FreePort();
        string[] arguments =
            ["--port", $"{port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--loglevel", "warning"];
        var process = Start(arguments);
        // Read, or the server blocks on a full pipe.
        process.OutputDataReceived += static (_, _) => { };
        process.BeginOutputReadLine();
        try
        {
            await ListensAsync(process, port).ConfigureAwait(false);
            return new RedisServer(
                process, await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{port}").ConfigureAwait(false));
        }
        catch
        {
            End(process);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Connection.DisposeAsync().ConfigureAwait(false);
        End(process);
    }

    private static async Task ListensAsync(Process process, int port)
    {
        using var limit = new CancellationTokenSource(StartTimeout);
        while (true)
        {
            using var probe = new TcpClient();
            try
            {
                await probe.ConnectAsync(IPAddress.Loopback, port, limit.Token).ConfigureAwait(false);
                return;
            }
            catch (SocketException) when (!process.HasExited)
            {
                await Task.Delay(10, limit.Token).ConfigureAwait(false);
            }
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static Process Start(string[] arguments)
    {
        lock (Gate)
        {
            ObjectDisposedException.ThrowIf(over, typeof(RedisServer));
            var process = Process.Start(new ProcessStartInfo(Program, arguments) { RedirectStandardOutput = true })
                ?? throw new InvalidOperationException(Program + " did not start");
            Running.Add(process);
            return process;
        }
    }

    private static void End(Process process)
    {
        lock (Gate)
        {
            if (!Running.Remove(process) || process.HasExited)
                return;
            process.Kill();
            process.WaitForExit();
        }
    }

    // Whatever still runs here fails without its server, and must not start another one.
    private static void EndAll()
    {
        lock (Gate)
        {
            over = true;
            foreach (var process in Running.ToList())
                End(process);
        }
    }
}
