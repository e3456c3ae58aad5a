namespace Aether.Tests.E2E;

/// <summary>Many clients that end together.</summary>
public sealed class Clients : IAsyncDisposable
{
    private readonly List<TestClient> all = [];

    /// <summary>All that were added.</summary>
    public IReadOnlyList<TestClient> All => all;

    /// <summary>Connects one more.</summary>
    public async Task<TestClient> AddAsync(
        ServerProcess server, string group, string id, string query = "", string[]? protocols = null) =>
        Add(await TestClient.ConnectAsync(server, group, id, query, protocols));

    /// <summary>Takes one more, which is connected.</summary>
    public TestClient Add(TestClient client)
    {
        all.Add(client);
        return client;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var client in all)
            await client.DisposeAsync();
    }
}
