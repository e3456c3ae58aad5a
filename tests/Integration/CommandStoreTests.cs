using Aether.Application;
using Aether.Application.Ports;
using Aether.Infrastructure.InMemory;

namespace Aether.Tests.Integration;

/// <summary>The contract, in memory, where both instances are one.</summary>
public sealed class InMemoryCommandStoreContractTests : CommandStoreContract
{
    public override ValueTask DisposeAsync() => default;

    private protected override Task<(ICommandStore One, ICommandStore Two, ILeaseStore Leases)> StartAsync()
    {
        var options = new CommandOptions();
        Configure(options);
        var leases = new InMemoryLeaseStore(TimeProvider.System);
        var store = new InMemoryCommandStore(leases, options, TimeProvider.System);
        return Task.FromResult<(ICommandStore, ICommandStore, ILeaseStore)>((store, store, leases));
    }
}
