using System.Text;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>
/// What every presence store does. A subclass gives two stores that share their members: one and the same for a single
/// process, those of two instances otherwise.
/// </summary>
public abstract partial class PresenceStoreContract
{
    private static readonly VisionId Client = VisionId.Parse("client-1");
    private static readonly VisionId Other = VisionId.Parse("client-2");

    // Its own for each test, so that all of them can run on one server.
    private readonly VisionId group = NewGroup();

    private protected abstract IPresenceStore First { get; }

    private protected abstract IPresenceStore Second { get; }

    protected static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task JoinAsync_Came_GivenAbsentClient()
    {
        var change = await First.JoinAsync(group, Client, Role.Worker, Token);

        Assert.Equal(PresenceTransition.Came, change.Transition);
        AssertMember(change.Member, Role.Worker, connections: 1);
        AssertMember(Assert.Single(await MembersAsync(Second)), Role.Worker, connections: 1);
    }

    [Fact]
    public async Task JoinAsync_NoneWithNewestRole_GivenPresentClient()
    {
        var came = await First.JoinAsync(group, Client, Role.Worker, Token);

        var change = await Second.JoinAsync(group, Client, Role.Controller, Token);

        Assert.Equal(PresenceTransition.None, change.Transition);
        AssertMember(change.Member, Role.Controller, connections: 2);
        Assert.Equal(came.Member!.JoinedAt, change.Member!.JoinedAt);
        AssertMember(Assert.Single(await MembersAsync(First)), Role.Controller, connections: 2);
    }

    [Fact]
    public async Task LeaveAsync_TheNewestThatStaysSaysTheRole_GivenConnectionsOfSeveralRoles()
    {
        await First.JoinAsync(group, Client, Role.Worker, Token);
        AssertRole(await First.JoinAsync(group, Client, Role.Worker, Token), Role.Worker, changed: false);
        AssertRole(await First.JoinAsync(group, Client, Role.Controller, Token), Role.Controller, changed: true);
        AssertRole(await First.JoinAsync(group, Client, Role.Observer, Token), Role.Observer, changed: true);
        // Not the newest: nothing changes.
        AssertRole(await First.LeaveAsync(group, Client, Role.Worker, Token), Role.Observer, changed: false);

        AssertRole(await First.LeaveAsync(group, Client, Role.Observer, Token), Role.Controller, changed: true);
        Assert.Equal(Role.Controller, Assert.Single(await MembersAsync(Second)).Role);
        AssertRole(await First.LeaveAsync(group, Client, Role.Controller, Token), Role.Worker, changed: true);
        Assert.Equal(Role.Worker, Assert.Single(await MembersAsync(Second)).Role);

        var last = await First.LeaveAsync(group, Client, Role.Worker, Token);
        Assert.Equal((PresenceTransition.Went, false), (last.Transition, last.RoleChanged));

        static void AssertRole(PresenceChange change, Role role, bool changed) => Assert.Equal(
            (PresenceTransition.None, role, changed), (change.Transition, change.Member!.Role, change.RoleChanged));
    }

    [Fact]
    public async Task JoinAsync_TheRoleThatStaysIsInTheEnd_GivenManyThatComeAndGoAtOnce()
    {
        await First.JoinAsync(group, Client, Role.Worker, Token);
        for (int i = 0; i < 50; i++)
        {
            // They meet in one write, or a leave meets the join that is on its way; it comes out the same.
            await Task.WhenAll(
                First.JoinAsync(group, Client, Role.Observer, Token),
                First.JoinAsync(group, Client, Role.Controller, Token),
                First.LeaveAsync(group, Client, Role.Observer, Token),
                First.LeaveAsync(group, Client, Role.Controller, Token));
            AssertMember(Assert.Single(await MembersAsync(Second)), Role.Worker, connections: 1);
        }
    }

    [Fact]
    public async Task LeaveAsync_WentOnlyOnLastConnection_GivenTwo()
    {
        await First.JoinAsync(group, Client, Role.Worker, Token);
        await Second.JoinAsync(group, Client, Role.Worker, Token);
        await Second.UpdateStateAsync(group, Client, Utf8("""{"a":1}"""), Token);

        var first = await First.LeaveAsync(group, Client, Token);
        Assert.Equal(PresenceTransition.None, first.Transition);
        Assert.Equal(1, first.Member!.Connections);

        var last = await Second.LeaveAsync(group, Client, Token);
        Assert.Equal(PresenceTransition.Went, last.Transition);
        AssertMember(last.Member, Role.Worker, connections: 1, """{"a":1}""");
        Assert.Empty(await MembersAsync(First));
    }

    [Fact]
    public async Task FindAsync_CountsTheInstancesThatHoldTheClientInTheGroup()
    {
        var elsewhere = NewGroup();
        Assert.Equal(ClientPlaces.On(0), await First.FindAsync(group, Client, Token));
        await First.JoinAsync(elsewhere, Client, Role.None, Token);
        Assert.Equal(ClientPlaces.On(0), await First.FindAsync(group, Client, Token));
        Assert.Equal(ClientPlaces.On(1), await Second.FindAsync(elsewhere, Client, Token));

        await First.JoinAsync(group, Client, Role.None, Token);
        await First.JoinAsync(group, Client, Role.None, Token);
        foreach (var store in (IPresenceStore[])[First, Second])
            Assert.Equal(ClientPlaces.On(1), await store.FindAsync(group, Client, Token));
        await Second.JoinAsync(group, Client, Role.None, Token);
        int both = ReferenceEquals(First, Second) ? 1 : 2;
        foreach (var store in (IPresenceStore[])[First, Second])
            Assert.Equal(ClientPlaces.On(both), await store.FindAsync(group, Client, Token));
        Assert.Equal(ClientPlaces.On(0), await First.FindAsync(group, Other, Token));

        await First.LeaveAsync(group, Client, Token);
        Assert.Equal(ClientPlaces.On(both), await Second.FindAsync(group, Client, Token));
        await First.LeaveAsync(group, Client, Token);
        Assert.Equal(ClientPlaces.On(1), await First.FindAsync(group, Client, Token));
        await Second.LeaveAsync(group, Client, Token);
        Assert.Equal(ClientPlaces.On(0), await First.FindAsync(group, Client, Token));
        await First.LeaveAsync(elsewhere, Client, Token);
    }

    [Fact]
    public async Task LeaveAsync_None_GivenAbsentClient()
    {
        Assert.Equal(default(Member), (await First.LeaveAsync(group, Client, Token)).Member);
        Assert.Equal(PresenceTransition.None, (await First.LeaveAsync(group, Client, Token)).Transition);

        // One leave too many takes nothing from a later presence.
        await First.JoinAsync(group, Client, Role.None, Token);
        await First.LeaveAsync(group, Client, Token);
        await First.LeaveAsync(group, Client, Token);
        Assert.Equal(PresenceTransition.Came, (await First.JoinAsync(group, Client, Role.None, Token)).Transition);
        Assert.Equal(1, Assert.Single(await MembersAsync(First)).Connections);
    }

    [Fact]
    public async Task JoinAsync_StartsAnew_GivenClientThatWent()
    {
        // Many times, as a store may still be busy with the last leave when the next join comes.
        for (int i = 0; i < 300; i++)
        {
            var change = await First.JoinAsync(group, Client, Role.Observer, Token);
            Assert.Equal(PresenceTransition.Came, change.Transition);
            AssertMember(change.Member, Role.Observer, connections: 1, "{}");
            await First.UpdateStateAsync(group, Client, Utf8("""{"old":true}"""), Token);
            Assert.Equal(PresenceTransition.Went, (await First.LeaveAsync(group, Client, Token)).Transition);
        }
        Assert.Empty(await MembersAsync(Second));
    }

    [Fact]
    public async Task UpdateStateAsync_ReplacesState_GivenPresentClient()
    {
        await First.JoinAsync(group, Client, Role.Worker, Token);
        byte[] buffer = Utf8("""{"x":"ü"}""");

        var change = await Second.UpdateStateAsync(group, Client, buffer, Token);

        Assert.Equal(PresenceTransition.None, change.Transition);
        AssertMember(change.Member, Role.Worker, connections: 1, """{"x":"ü"}""");
        // The buffer is the caller's: what it becomes later is not the state.
        buffer.AsSpan().Fill((byte)'!');
        AssertMember(Assert.Single(await MembersAsync(First)), Role.Worker, connections: 1, """{"x":"ü"}""");
        // A connection more does not undo it.
        AssertMember(
            (await First.JoinAsync(group, Client, Role.Worker, Token)).Member, Role.Worker, 2, """{"x":"ü"}""");
    }

    [Fact]
    public async Task UpdateStateAsync_NoMember_GivenAbsentClient()
    {
        var change = await First.UpdateStateAsync(group, Client, Utf8("{}"), Token);

        Assert.Equal(PresenceTransition.None, change.Transition);
        Assert.Null(change.Member);
        Assert.Empty(await MembersAsync(First));
        Assert.True(First.IsReady);
    }

    [Fact]
    public async Task GetMembersAsync_OnlyOwnGroup_GivenTwoGroups()
    {
        var another = NewGroup();
        await First.JoinAsync(group, Client, Role.Worker, Token);
        await First.JoinAsync(group, Other, Role.Observer, Token);
        Assert.Equal(
            PresenceTransition.Came, (await Second.JoinAsync(another, Client, Role.Controller, Token)).Transition);

        Assert.Equal([Client, Other], (await MembersAsync(Second)).Select(member => member.ClientId).Order());
        var there = Assert.Single((await First.GetMembersAsync(another, Token))!);
        AssertMember(there, Role.Controller, connections: 1);
        Assert.Equal(PresenceTransition.Went, (await Second.LeaveAsync(another, Client, Token)).Transition);
        Assert.Equal(2, (await MembersAsync(First)).Count);
    }

    [Fact]
    public async Task LeaveAsync_Harmless_GivenConnectionsOfAnotherInstanceOnly()
    {
        await First.JoinAsync(group, Client, Role.Worker, Token);
        if (!ReferenceEquals(First, Second))
            Assert.Equal(PresenceTransition.None, (await Second.LeaveAsync(group, Client, Token)).Transition);

        Assert.Equal(1, Assert.Single(await MembersAsync(First)).Connections);
    }

    [Fact]
    public async Task JoinAsync_EndsAtTruth_GivenThousandRacingJoinsAndLeaves()
    {
        const int Pairs = 1_000, Stay = 7;
        int came = 0, went = 0;
        await Parallel.ForEachAsync(
            Enumerable.Range(0, Pairs),
            new ParallelOptions { MaxDegreeOfParallelism = 64, CancellationToken = Token },
            async (i, token) =>
            {
                var store = i % 2 == 0 ? First : Second;
                Count(await store.JoinAsync(group, Client, Role.Worker, token));
                Count(await store.LeaveAsync(group, Client, token));
            });

        Assert.True(came >= 1);
        Assert.Equal(came, went);
        Assert.Empty(await MembersAsync(First));

        // And again, while some stay: from the first of them on, nobody comes or goes.
        await Task.WhenAll(Enumerable.Range(0, Stay).Select(
            async i => Count(await (i % 2 == 0 ? First : Second).JoinAsync(group, Client, Role.Worker, Token))));
        Assert.Equal(went + 1, came);
        await Task.WhenAll(Enumerable.Range(0, Pairs).Select(async i =>
        {
            var store = i % 3 == 0 ? First : Second;
            Count(await store.JoinAsync(group, Client, Role.Worker, Token));
            Count(await store.LeaveAsync(group, Client, Token));
        }));
        Assert.Equal(went + 1, came);
        Assert.Equal(Stay, Assert.Single(await MembersAsync(Second)).Connections);

        await Task.WhenAll(Enumerable.Range(0, Stay).Select(
            async i => Count(await (i % 2 == 0 ? First : Second).LeaveAsync(group, Client, Token))));
        Assert.Equal(came, went);
        Assert.Empty(await MembersAsync(Second));

        void Count(PresenceChange change)
        {
            Assert.NotEqual(PresenceTransition.Unavailable, change.Transition);
            if (change.Transition == PresenceTransition.Came)
                Interlocked.Increment(ref came);
            else if (change.Transition == PresenceTransition.Went)
                Interlocked.Increment(ref went);
        }
    }

    [Fact]
    public async Task JoinAsync_EachCameOnce_GivenManyClientsAtOnce()
    {
        var clients = Enumerable.Range(0, 500).Select(i => VisionId.Parse($"c{i}")).ToArray();

        var changes = await Task.WhenAll(clients.SelectMany(client => new[]
        {
            First.JoinAsync(group, client, Role.Worker, Token), Second.JoinAsync(group, client, Role.Worker, Token),
        }));

        Assert.Equal(clients.Length, changes.Count(change => change.Transition == PresenceTransition.Came));
        var members = await MembersAsync(First);
        Assert.Equal(clients.Order(), members.Select(member => member.ClientId).Order());
        Assert.All(members, member => Assert.Equal(2, member.Connections));
    }

    [Fact]
    public async Task GroupSize_IsWhatTheGroupHasThen_GivenThoseThatComeAndGo()
    {
        var clients = Enumerable.Range(0, 7).Select(i => VisionId.Parse($"c{i}")).ToArray();
        await First.JoinAsync(NewGroup(), Client, Role.None, Token);
        for (int i = 0; i < clients.Length; i++)
        {
            var came = await (i % 2 == 0 ? First : Second).JoinAsync(group, clients[i], Role.None, Token);
            Assert.Equal((PresenceTransition.Came, i + 1, null), (came.Transition, came.GroupSize, came.Reason));
        }
        // A second connection of one that is there makes the group no larger, and its end no smaller.
        await Second.JoinAsync(group, clients[0], Role.None, Token);
        await Second.LeaveAsync(group, clients[0], Token);
        for (int i = clients.Length - 1; i >= 0; i--)
        {
            var went = await (i % 2 == 0 ? First : Second).LeaveAsync(group, clients[i], Token);
            Assert.Equal((PresenceTransition.Went, i, null), (went.Transition, went.GroupSize, went.Reason));
        }
    }

    [Fact]
    public async Task Version_Grows_GivenOneClientThatMovesAboutInAGroupThatBecomesEmpty()
    {
        var versions = new List<long>();
        for (int i = 0; i < 50; i++)
        {
            var (here, there) = i % 2 == 0 ? (First, Second) : (Second, First);
            Note(await here.JoinAsync(group, Client, Role.Worker, Token));
            Note(await there.UpdateStateAsync(group, Client, Utf8("{}"), Token));
            Note(await there.JoinAsync(group, Client, Role.Worker, Token));
            Note(await here.LeaveAsync(group, Client, Token));
            Assert.Equal(versions[^1], Assert.Single(await MembersAsync(here)).Version);
            Note(await there.LeaveAsync(group, Client, Token));
        }

        Assert.Equal(versions.Distinct().Order(), versions);
        Assert.All(versions, version => Assert.InRange(version, 1, (1L << 53) - 1));

        void Note(PresenceChange change) => versions.Add(change.Member!.Version);
    }

    [Fact]
    public async Task GetMembersAsync_EveryMemberOnce_GivenThousandsAndSomeThatComeAndGo()
    {
        var stay = Enumerable.Range(0, 1_200).Select(i => VisionId.Parse($"stays{i}")).ToArray();
        await Task.WhenAll(stay.Select(client => First.JoinAsync(group, client, Role.Worker, Token)));
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var coming = Task.Run(
            async () =>
            {
                for (int i = 0; !enough.IsCancellationRequested; i++)
                {
                    var client = VisionId.Parse($"passes{i % 300}");
                    await Second.JoinAsync(group, client, Role.Worker, CancellationToken.None);
                    if (i % 2 == 0)
                        await Second.LeaveAsync(group, client, CancellationToken.None);
                }
            },
            Token);

        for (int i = 0; i < 20; i++)
        {
            var members = await MembersAsync(i % 2 == 0 ? First : Second);
            Assert.Equal(members.Count, members.Select(member => member.ClientId).Distinct().Count());
            Assert.Superset(stay.ToHashSet(), members.Select(member => member.ClientId).ToHashSet());
            Assert.All(members, member => Assert.True(member.Version > 0));
        }
        await enough.CancelAsync();
        await coming;
    }

    protected static VisionId NewGroup() => VisionId.Parse("g-" + Guid.NewGuid().ToString("N"));

    protected static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    private static void AssertMember(Member? member, Role role, int connections, string state = "{}")
    {
        Assert.NotNull(member);
        Assert.Equal(Client, member.ClientId);
        Assert.Equal(role, member.Role);
        Assert.Equal(connections, member.Connections);
        Assert.Equal(state, Encoding.UTF8.GetString(member.State.Span));
        Assert.Equal(DateTimeKind.Utc, member.JoinedAt.Kind);
        Assert.Equal(DateTimeKind.Utc, member.LastSeen.Kind);
        Assert.InRange(DateTime.UtcNow - member.JoinedAt, TimeSpan.FromMinutes(-1), TimeSpan.FromMinutes(1));
        Assert.True(member.LastSeen >= member.JoinedAt);
    }

    private async Task<IReadOnlyList<Member>> MembersAsync(IPresenceStore store)
    {
        var members = await store.GetMembersAsync(group, Token);
        Assert.NotNull(members);
        return members;
    }
}
