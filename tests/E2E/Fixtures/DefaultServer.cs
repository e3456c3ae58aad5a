using Xunit;

namespace Aether.Tests.E2E;

/// <summary>
/// One server as it is without any option, for the tests of a class. Each test takes a group of its own.
/// </summary>
public sealed class DefaultServer : IAsyncLifetime
{
    private ServerProcess? process;
    private int groups;

    /// <summary>The server.</summary>
    public ServerProcess Process => process!;

    /// <summary>A group that no other test has.</summary>
    public string NewGroup() => "g" + Interlocked.Increment(ref groups);

    /// <inheritdoc/>
    public async ValueTask InitializeAsync() => process = await ServerProcess.StartAsync();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (process is not null)
            await process.DisposeAsync();
    }
}
