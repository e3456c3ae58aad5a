namespace Aether.Api.Hosting;

/// <summary>Runs the host of a server that is a process of its own.</summary>
internal static class ServerRun
{
    /// <summary>Starts it, waits until it has been told to stop, and ends it.</summary>
    /// <remarks>
    /// As the framework's own, but for a start that fails: it ends what has begun beside it, and that is told to stop, or the host
    /// would log each that ends so as a fault, behind the one line that says why there is no server.
    /// </remarks>
    /// <exception cref="Exception">It could not start.</exception>
    public static async Task RunAsync(IHost host)
    {
        try
        {
            try
            {
                await host.StartAsync().ConfigureAwait(false);
            }
            catch
            {
                host.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();
                throw;
            }
            await host.WaitForShutdownAsync().ConfigureAwait(false);
        }
        finally
        {
            if (host is IAsyncDisposable disposable)
                await disposable.DisposeAsync().ConfigureAwait(false);
            else
                host.Dispose();
        }
    }
}
