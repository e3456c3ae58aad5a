using Aether.Application.Ports;
using Aether.Domain;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What every directory says of the groups and instances that share a store.</summary>
public abstract partial class PresenceStoreContract
{
    private protected abstract IPresenceDirectory FirstDirectory { get; }

    private protected abstract IPresenceDirectory SecondDirectory { get; }

    /// <summary>The names of the instances; one where both stores are the same.</summary>
    protected abstract IReadOnlyList<string> InstanceIds { get; }

    [Fact]
    public async Task GetGroupsAsync_CountsClientsNotConnections_OverAllInstances()
    {
        var another = NewGroup();
        await First.JoinAsync(group, Client, Role.Worker, Token);
        await Second.JoinAsync(group, Client, Role.Worker, Token);
        await Second.JoinAsync(group, Other, Role.None, Token);
        await Second.JoinAsync(another, Client, Role.None, Token);

        foreach (var directory in (IPresenceDirectory[])[FirstDirectory, SecondDirectory])
        {
            Assert.Equal(2, await SizeAsync(directory, group));
            Assert.Equal(1, await SizeAsync(directory, another));
        }

        await Second.LeaveAsync(group, Other, Token);
        await Second.LeaveAsync(another, Client, Token);
        Assert.Equal(1, await SizeAsync(FirstDirectory, group));
        Assert.Null(await SizeAsync(FirstDirectory, another));
    }

    [Fact]
    public async Task GetGroupsAsync_NamesEachGroupOnce_AndNoneThatIsEmpty()
    {
        var some = Enumerable.Range(0, 40).Select(_ => NewGroup()).ToArray();
        foreach (var one in some)
        {
            await First.JoinAsync(one, Client, Role.None, Token);
            await Second.JoinAsync(one, Client, Role.None, Token);
        }
        await First.LeaveAsync(some[0], Client, Token);
        await Second.LeaveAsync(some[0], Client, Token);

        var groups = (await FirstDirectory.GetGroupsAsync(null, Token))!.Select(one => one.GroupId).ToArray();

        Assert.Equal(groups.Distinct().Count(), groups.Length);
        Assert.Superset(some.Skip(1).ToHashSet(), groups.ToHashSet());
        Assert.DoesNotContain(some[0], groups);
    }

    [Fact]
    public async Task GetGroupsAsync_LooksAtTheGivenOnesAlone_GivenSome()
    {
        var another = NewGroup();
        await First.JoinAsync(group, Client, Role.None, Token);
        await First.JoinAsync(another, Client, Role.None, Token);

        Assert.Equal(
            [new GroupSize(group, 1)], await SecondDirectory.GetGroupsAsync([group, NewGroup()], Token));
        Assert.Empty((await SecondDirectory.GetGroupsAsync([], Token))!);
    }

    [Fact]
    public async Task GetInstancesAsync_TellsOfEachInstanceOnce_FromEachOfThem()
    {
        foreach (var directory in (IPresenceDirectory[])[FirstDirectory, SecondDirectory])
        {
            IReadOnlyList<InstanceFacts> instances = [];
            // An instance tells of itself beside taking its lease, and nobody waits for that.
            await Eventually.HoldsAsync(
                async () =>
                {
                    instances = (await directory.GetInstancesAsync(Token))!;
                    return InstanceIds.All(id => instances.Any(one => one.InstanceId == id));
                });
            Assert.Equal(InstanceIds.Order(), instances.Select(one => one.InstanceId).Order());
            Assert.All(instances, one =>
            {
                Assert.Equal(("9.8.7", 42, DateTimeKind.Utc), (one.Version, one.Connections, one.StartedAt.Kind));
                Assert.Equal(TimeSpan.FromMinutes(3), one.Uptime);
            });
        }
    }

    private static async Task<int?> SizeAsync(IPresenceDirectory directory, VisionId group) =>
        (await directory.GetGroupsAsync(null, Token))!
            .Where(one => one.GroupId == group).Select(one => (int?)one.Members).SingleOrDefault();
}
