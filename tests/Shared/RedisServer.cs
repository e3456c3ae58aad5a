using System.Diagnostics;
using Xunit;

namespace Aether.Tests.Shared;

/// <summary>
/// A Redis of its own for a test: on a free port of 127.0.0.1, with nothing on disk that outlives it. It can be
/// stopped, killed, paused and started again on the same port.
/// </summary>
internal sealed class RedisServer : IAsyncDisposable
{
    private const int Tries = 3;
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(30);
    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("aether-redis-");
    private readonly string[] arguments;
    private readonly bool isSentinel;
    private Process? process;

    private RedisServer(int port, string[] arguments, bool isSentinel = false)
    {
        Port = port;
        this.arguments = arguments;
        this.isSentinel = isSentinel;
    }

    public int Port { get; }

    /// <summary>What goes into <c>ConnectionStrings:Redis</c>.</summary>
    public string ConnectionString => $"127.0.0.1:{Port}";

    /// <summary>Whether the process runs (it may be paused).</summary>
    public bool IsRunning => process is { HasExited: false };

    /// <summary>Starts a server and waits until it answers.</summary>
    /// <param name="arguments">More options, as <c>--name value</c>.</param>
    public static Task<RedisServer> StartAsync(params string[] arguments) => StartNewAsync(() => Create(arguments));

    /// <summary>A server that has a port and is down: for tests that start it later.</summary>
    public static RedisServer Create(params string[] arguments) => new(Ports.Next(), arguments);

    /// <summary>Starts a replica, and waits until it has what its primary has.</summary>
    public static async Task<RedisServer> StartReplicaAsync(RedisServer primary)
    {
        var replica = await StartAsync(
            "--replicaof", "127.0.0.1", $"{primary.Port}", "--repl-diskless-sync-delay", "0");
        try
        {
            await replica.WaitUntilInSyncAsync();
            return replica;
        }
        catch
        {
            await replica.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts a Sentinel that watches a primary.</summary>
    /// <param name="primary">The primary.</param>
    /// <param name="service">What it is called.</param>
    /// <param name="quorum">How many have to agree that it is dead; one decides alone.</param>
    public static Task<RedisServer> StartSentinelAsync(RedisServer primary, string service, int quorum = 1) =>
        StartNewAsync(() =>
        {
            var sentinel = new RedisServer(Ports.Next(), [], isSentinel: true);
            // Sentinel writes what it finds out into its own configuration, so there has to be a file.
            File.WriteAllText(
                Path.Combine(sentinel.directory.FullName, "sentinel.conf"),
                $"""
                port {sentinel.Port}
                bind 127.0.0.1
                dir {sentinel.directory.FullName}
                sentinel monitor {service} 127.0.0.1 {primary.Port} {quorum}
                sentinel down-after-milliseconds {service} 1000
                sentinel failover-timeout {service} 4000
                """);
            return sentinel;
        });

    /// <summary>Starts a cluster of one server that owns every slot.</summary>
    public static async Task<RedisServer> StartClusterAsync()
    {
        var server = await StartNewAsync(() => Create(
            "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port", $"{Ports.Next()}"));
        try
        {
            await server.RunAsync("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
            await Eventually.HoldsAsync(
                async () => (await server.RunAsync("CLUSTER", "INFO"))
                    .Contains("cluster_state:ok", StringComparison.Ordinal));
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts the server on its port, with nothing in it, and waits until it answers.</summary>
    public async Task StartAgainAsync()
    {
        if (IsRunning)
            throw new InvalidOperationException("the server runs");
        var start = new ProcessStartInfo("redis-server")
        {
            WorkingDirectory = directory.FullName,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        string[] own =
        [
            "--port", $"{Port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", directory.FullName,
        ];
        string[] ofSentinel = [Path.Combine(directory.FullName, "sentinel.conf"), "--sentinel"];
        foreach (string argument in isSentinel ? ofSentinel : own.Concat(arguments))
            start.ArgumentList.Add(argument);
        process?.Dispose();
        process = Process.Start(start) ?? throw new InvalidOperationException("redis-server did not start");
        // Read, or the server blocks on a full pipe.
        process.OutputDataReceived += static (_, _) => { };
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        await Eventually.HoldsAsync(AnswersAsync, StartTimeout);
    }

    /// <summary>Waits until a replica is connected to its primary and has what it has.</summary>
    public Task WaitUntilInSyncAsync() => Eventually.HoldsAsync(
        async () => (await RunAsync("INFO", "replication")).Contains("master_link_status:up", StringComparison.Ordinal),
        StartTimeout);

    /// <summary>Lets the server end as an operator would: its clients see their connections closed.</summary>
    public Task StopAsync() => EndAsync("TERM");

    /// <summary>Ends the server at once.</summary>
    public Task KillAsync() => EndAsync("KILL");

    /// <summary>Stops and starts it, on the same port and empty.</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        await StartAgainAsync();
    }

    /// <summary>Freezes the process: connections stay open and nothing answers.</summary>
    public void Pause() => Signal("STOP");

    /// <summary>Lets a frozen process go on.</summary>
    public void Resume() => Signal("CONT");

    /// <summary>Whether it says that it is a primary.</summary>
    public async Task<bool> IsPrimaryAsync() =>
        (await RunAsync("INFO", "replication")).Contains("role:master", StringComparison.Ordinal);

    /// <summary>Runs one command on a connection of its own, and gives its reply as redis-cli prints it.</summary>
    public async Task<string> RunAsync(params string[] command)
    {
        var start = new ProcessStartInfo("redis-cli") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])["-h", "127.0.0.1", "-p", $"{Port}", .. command])
            start.ArgumentList.Add(argument);
        using var cli = Process.Start(start) ?? throw new InvalidOperationException("redis-cli did not start");
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        try
        {
            var output = cli.StandardOutput.ReadToEndAsync(limit.Token);
            var error = cli.StandardError.ReadToEndAsync(limit.Token);
            await cli.WaitForExitAsync(limit.Token);
            return (await output + await error).Trim();
        }
        finally
        {
            if (!cli.HasExited)
                cli.Kill();
        }
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await KillAsync();
        }
        finally
        {
            process?.Dispose();
            process = null;
            directory.Delete(recursive: true);
        }
    }

    /// <summary>
    /// Starts a server that has not run before. One that ends at once may have found its port taken, and there are others.
    /// </summary>
    private static async Task<RedisServer> StartNewAsync(Func<RedisServer> create)
    {
        for (int tries = 1; ; tries++)
        {
            var server = create();
            try
            {
                await server.StartAgainAsync();
                return server;
            }
            catch (Exception) when (tries < Tries && !server.IsRunning)
            {
                await server.DisposeAsync();
            }
            catch
            {
                await server.DisposeAsync();
                throw;
            }
        }
    }

    private async Task<bool> AnswersAsync()
    {
        Assert.True(IsRunning, "redis-server ended while it started");
        // Whoever has taken its port may be a Redis as well.
        return await RunAsync("PING") == "PONG"
            && (await RunAsync("INFO", "server")).Contains($"process_id:{process!.Id}", StringComparison.Ordinal);
    }

    private async Task EndAsync(string signal)
    {
        if (process is not { HasExited: false } running)
            return;
        // A frozen process takes no TERM until it goes on.
        if (signal == "TERM")
            Resume();
        Signal(signal);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        try
        {
            await running.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            running.Kill();
            await running.WaitForExitAsync(CancellationToken.None);
        }
    }

    private void Signal(string signal)
    {
        if (process is not { HasExited: false } running)
            return;
        using var kill = Process.Start("kill", ["-" + signal, $"{running.Id}"]);
        kill.WaitForExit();
    }
}
