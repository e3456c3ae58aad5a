using Aether.Application.Ports;

namespace Aether.Tests.Integration.Fixtures;

/// <summary>An instance that always tells the same of itself, under a name of its own.</summary>
internal sealed class FixedStatus : IInstanceStatus
{
    private readonly InstanceFacts facts = new(
        Guid.NewGuid().ToString("N")[..12], "9.8.7", DateTime.UnixEpoch.AddDays(20_000), TimeSpan.FromMinutes(3), 42);

    public string Id => facts.InstanceId;

    public InstanceFacts Read() => facts;
}
