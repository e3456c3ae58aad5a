using Xunit;

namespace Aether.Tests.E2E.Browser;

/// <summary>Two servers in development: one for everybody and any number of messages, one with a key.</summary>
public sealed class ConsoleServers : IAsyncLifetime
{
    /// <summary>The key of the locked one.</summary>
    public const string Key = "secret-key-number-one";

    private ServerProcess? open;
    private ServerProcess? locked;

    public ServerProcess Open => open!;

    public ServerProcess Locked => locked!;

    public static Dictionary<string, string> Development(Dictionary<string, string>? more = null) =>
        new(more ?? []) { ["ASPNETCORE_ENVIRONMENT"] = "Development" };

    public async ValueTask InitializeAsync()
    {
        open = await ServerProcess.StartAsync(new() { ["RateLimit:PerSecond"] = "0" }, Development());
        locked = await ServerProcess.StartAsync(
            new() { ["ApiKeys:0:Name"] = "k", ["ApiKeys:0:Key"] = Key }, Development());
    }

    public async ValueTask DisposeAsync()
    {
        if (open is not null)
            await open.DisposeAsync();
        if (locked is not null)
            await locked.DisposeAsync();
    }
}
