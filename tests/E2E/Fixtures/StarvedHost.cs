using System.Diagnostics.CodeAnalysis;

namespace Aether.Tests.E2E
{
    /// <summary>
    /// A server in a host that blocks the threads of the shared pool, as one does that waits for its database on them:
    /// while the file <see cref="Switch"/> exists, the pool has 64 items that sleep, and takes each up again when it is
    /// done.
    /// </summary>
    public sealed class StarvedHost : IAsyncDisposable
    {
        internal const string Variable = "STARVED_HOST_SWITCH";

        private ServerProcess? server;

        /// <summary>The server.</summary>
        public ServerProcess Server => server!;

        private string Switch { get; } = Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString("N"));

        /// <summary>Starts a server whose host does nothing wrong yet.</summary>
        public static async Task<StarvedHost> StartAsync(string redis, Dictionary<string, string>? realtime = null)
        {
            var host = new StarvedHost();
            host.server = await ServerProcess.StartAsync(realtime, new()
            {
                ["ConnectionStrings:Redis"] = redis,
                ["DOTNET_STARTUP_HOOKS"] = typeof(StarvedHost).Assembly.Location,
                [Variable] = host.Switch,
                // A host's pool is the runtime's own; Aether.Api's is held to fewer threads, and blocks none.
                ["DOTNET_ThreadPool_ForceMinWorkerThreads"] = "0",
            });
            await TwoInstances.WaitUntilReadyAsync(host.server);
            return host;
        }

        /// <summary>Blocks the pool's threads from now on.</summary>
        public void Block() => File.WriteAllText(Switch, "");

        /// <summary>Blocks no more of them.</summary>
        public void Relieve() => File.Delete(Switch);

        /// <inheritdoc/>
        public async ValueTask DisposeAsync()
        {
            Relieve();
            if (server is not null)
                await server.DisposeAsync();
        }
    }
}

/// <summary>What the runtime calls before the server's own Main; it has to have this name and no namespace.</summary>
[SuppressMessage("Design", "CA1050", Justification = "The runtime looks for it outside of any namespace.")]
internal static class StartupHook
{
    private const int Items = 64;

    /// <summary>Called by the runtime.</summary>
    public static void Initialize()
    {
        if (Environment.GetEnvironmentVariable("STARVED_HOST_SWITCH") is { } file)
            new Thread(() => Watch(file)) { IsBackground = true }.Start();
    }

    private static void Watch(string file)
    {
        while (true)
        {
            while (!File.Exists(file))
                Thread.Sleep(20);
            for (int i = 0; i < Items; i++)
                ThreadPool.UnsafeQueueUserWorkItem(Block, file);
            while (File.Exists(file))
                Thread.Sleep(20);
        }
    }

    private static void Block(object? file)
    {
        Thread.Sleep(1_000);
        if (File.Exists((string)file!))
            ThreadPool.UnsafeQueueUserWorkItem(Block, file);
    }
}
