using Aether.Application.Ports;
using Aether.Domain;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>
/// What names a lease goes to its group only while its sender holds that: asking and publishing are one step, whether it is
/// kept or not, whatever carries it.
/// </summary>
public abstract class LeaseFencingContract : IAsyncLifetime
{
    private static readonly VisionId Group = Messages.Id("g");
    private static readonly VisionId Name = Messages.Id("lead");
    private static readonly VisionId A = Messages.Id("a");
    private static readonly VisionId B = Messages.Id("b");
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(60);
    private static readonly ChannelName Channel = ChannelName.Group(Group);

    private readonly RecordingSink sink = new();

    private protected BusHost Host { get; private set; } = null!;

    private ILeaseStore Leases => Host.Get<ILeaseStore>();

    private IEnumerable<Message> Heard =>
        sink.Received.Select(one => one.Message).Where(message => message.Type != MessageType.Presence);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        Host = await StartAsync();
        Assert.True(await Host.Bus.SubscribeAsync(Channel, sink, Token));
    }

    public virtual ValueTask DisposeAsync() => Host.DisposeAsync();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Message_IsHeardWithItsLease_GivenThatItsSenderHoldsThat(bool isKept)
    {
        await AcquireAsync(A);
        Assert.Equal(Said.Published, await SayAsync(A, 1, isKept));
        await Eventually.HoldsAsync(() => Heard.Any());
        Assert.Equal(new LeaseClaim(Name, 1), Assert.Single(Heard).Lease);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Message_IsStale_AndHeardByNobody_GivenThatItsSenderDoesNotHoldTheLease(bool isKept)
    {
        Assert.Equal(Said.Stale, await SayAsync(A, 1, isKept));
        await AcquireAsync(A);
        await Leases.AcquireAsync(Messages.Id("elsewhere"), Messages.Id("of-another-group"), A, Long, Token);
        Assert.Equal(Said.Stale, await SayAsync(B, 1, isKept));
        Assert.Equal(Said.Stale, await SayAsync(A, 2, isKept));
        Assert.Equal(Said.Stale, await SayAsync(A, 1, isKept, "LEAD"));
        Assert.Equal(Said.Stale, await SayAsync(A, 1, isKept, "of-another-group"));
        await Leases.ReleaseAsync(Group, new(Name, 1), A, Token);
        Assert.Equal(Said.Stale, await SayAsync(A, 1, isKept));
        await AcquireAsync(A);
        Assert.Equal(Said.Stale, await SayAsync(A, 1, isKept));
        await Leases.TakeAwayAsync(Group, Name, Token);
        Assert.Equal(Said.Stale, await SayAsync(A, 2, isKept));
        await Leases.AcquireAsync(Group, Name, A, TimeSpan.FromMilliseconds(200), Token);
        await Eventually.HoldsAsync(async () => await SayAsync(A, 3, isKept) == Said.Stale);
        int count = Heard.Count();
        await AcquireAsync(B);
        Assert.Equal(Said.Stale, await SayAsync(A, 3, isKept));
        Assert.Equal(Said.Published, await SayAsync(B, 4, isKept));

        await Eventually.HoldsAsync(() => Heard.Any(message => message.FromId == B));
        Assert.All(Heard.Take(count), message => Assert.Equal((A, 3), (message.FromId, message.Lease!.Value.Term)));
        Assert.Equal(count + 1, Heard.Count());
    }

    [Fact]
    public async Task Refused_IsNotKept_AndTakesNoNumber()
    {
        await AcquireAsync(A);
        var first = await Host.History.AppendAsync(Channel, Say(A, 1), Token);
        Assert.Equal(KeepStatus.StaleTerm, (await Host.History.AppendAsync(Channel, Say(B, 1), Token)).Status);
        var second = await Host.History.AppendAsync(Channel, Say(A, 1), Token);
        Assert.Equal(first.Position.Seq + 1, second.Position.Seq);
        var page = await Host.History.ReadAsync(Channel, new HistoryRange(default, 100), Token);
        Assert.Equal([A, A], page.Messages.Select(message => message.FromId));
        Assert.All(page.Messages, message => Assert.Equal(new LeaseClaim(Name, 1), message.Lease));
    }

    [Fact]
    public async Task Repeated_IsADuplicate_GivenThatItWasKeptWhileItsSenderHeldTheLease()
    {
        await AcquireAsync(A);
        var message = Say(A, 1) with { Id = "m1" };
        var first = await Host.History.AppendAsync(Channel, message, Token);
        await Leases.TakeAwayAsync(Group, Name, Token);
        var again = await Host.History.AppendAsync(Channel, message, Token);
        Assert.Equal((KeepStatus.Duplicate, first.Position), (again.Status, again.Position));
        var other = await Host.History.AppendAsync(Channel, message with { Id = "m2" }, Token);
        Assert.Equal(KeepStatus.StaleTerm, other.Status);
    }

    [Fact]
    public async Task Order_Holds_BetweenWhatNamesALeaseAndWhatDoesNot_KeptOrNot()
    {
        const int count = 400;
        await AcquireAsync(A);
        var sending = new List<Task>();
        for (int i = 0; i < count; i++)
        {
            var message = Say(A, 1, text: $"{i}");
            if (i % 2 == 0)
                message = message with { Lease = null };
            sending.Add(i % 4 < 2
                ? Host.History.AppendAsync(Channel, message, Token).AsTask()
                : Host.Bus.PublishAsync(Channel, message, Token).AsTask());
        }
        await Task.WhenAll(sending);
        await Eventually.HoldsAsync(() => Heard.Count() == count);
        Assert.Equal(Enumerable.Range(0, count).Select(i => $"{i}"), Heard.Select(message => message.Msg));
    }

    [Fact]
    public async Task NothingOfAnOldTerm_IsHeardBehindItsEnd_GivenThatTheLeaseGoesBackAndForth()
    {
        const int turns = 30;
        const int wordsInATurn = 100;
        await AcquireAsync(A);
        long term = 1;
        bool isOver = false;
        // To each its own, so that whoever holds the lease is heard in every turn.
        (VisionId Client, bool IsKept, SemaphoreSlim Words)[] speakers =
            [(A, true, new(0)), (A, false, new(0)), (B, true, new(0)), (B, false, new(0))];
        var talking = speakers.Select(speaker => Task.Run(
            async () =>
            {
                // Each says what it believes, and both always believe that they hold it.
                while (true)
                {
                    await speaker.Words.WaitAsync(Token);
                    if (Volatile.Read(ref isOver))
                        return;
                    await SayAsync(speaker.Client, Volatile.Read(ref term), speaker.IsKept);
                }
            },
            Token)).ToArray();
        for (int turn = 1; turn <= turns; turn++)
        {
            int before = sink.Count;
            foreach (var speaker in speakers)
                speaker.Words.Release(wordsInATurn);
            await Eventually.HoldsAsync(() => sink.Count > before);
            await Leases.TakeAwayAsync(Group, Name, Token);
            var taken = await AcquireAsync(turn % 2 == 0 ? A : B);
            Volatile.Write(ref term, taken.Lease!.Term);
        }
        Volatile.Write(ref isOver, true);
        foreach (var speaker in speakers)
            speaker.Words.Release();
        await Task.WhenAll(talking);
        foreach (var speaker in speakers)
            speaker.Words.Dispose();
        await Host.Bus.PublishAsync(Channel, Messages.ToGroup("g", "over"), Token);
        await Eventually.HoldsAsync(() => sink.Texts.Contains("over"));

        // The group is told each end and each beginning on the same channel, so it can be seen who held it when.
        (VisionId Holder, long Term) held = (A, 1);
        int said = 0, changes = 0;
        foreach (var message in sink.Received.Select(one => one.Message))
        {
            if (message.Cmd == "lease")
            {
                using var payload = System.Text.Json.JsonDocument.Parse(message.Payload);
                string? holder = payload.RootElement.GetProperty("holder").GetString();
                held = (holder is null ? default : Messages.Id(holder), payload.RootElement.GetProperty("term").GetInt64());
                changes++;
            }
            else if (message.Lease is { } claim)
            {
                Assert.Equal(held, (message.FromId, claim.Term));
                said++;
            }
        }
        Assert.Equal(1 + (2 * turns), changes);
        Assert.True(said >= turns, $"{said}");
    }

    private protected abstract Task<BusHost> StartAsync();

    private async Task<LeaseResult> AcquireAsync(VisionId client)
    {
        var result = await Leases.AcquireAsync(Group, Name, client, Long, Token);
        Assert.Equal(LeaseStatus.Done, result.Status);
        return result;
    }

    private static Message Say(VisionId client, long term, string name = "lead", string? text = null) =>
        Messages.ToGroup("g", text) with { FromId = client, Lease = new LeaseClaim(Messages.Id(name), term) };

    private async Task<Said> SayAsync(VisionId client, long term, bool isKept, string name = "lead")
    {
        var message = Say(client, term, name);
        if (isKept)
        {
            var kept = await Host.History.AppendAsync(Channel, message, Token);
            return kept.Status == KeepStatus.Published ? Said.Published
                : kept.Status == KeepStatus.StaleTerm ? Said.Stale : Said.Otherwise;
        }
        var result = await Host.Bus.PublishAsync(Channel, message, Token);
        return result.Accepted ? Said.Published : result.IsStaleTerm ? Said.Stale : Said.Otherwise;
    }

    private enum Said
    {
        Published,
        Stale,
        Otherwise,
    }
}

/// <summary>The contract, in memory.</summary>
public sealed class InMemoryLeaseFencingTests : LeaseFencingContract
{
    private protected override Task<BusHost> StartAsync() => BusHost.StartReadyAsync(null);
}

/// <summary>The contract, over Redis.</summary>
public sealed class RedisLeaseFencingTests : LeaseFencingContract
{
    private RedisServer? redis;

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (redis is not null)
            await redis.DisposeAsync();
    }

    private protected override async Task<BusHost> StartAsync()
    {
        redis = await RedisServer.StartAsync();
        return await BusHost.StartReadyAsync(redis.ConnectionString);
    }
}

/// <summary>The contract, over a Redis Cluster, where the leases of a group share the slot of its channel.</summary>
public sealed class RedisClusterLeaseFencingTests(RedisCluster cluster)
    : LeaseFencingContract, IClassFixture<RedisCluster>
{
    // Apart from what the tests before it left.
    private protected override Task<BusHost> StartAsync() => BusHost.StartReadyAsync(
        cluster.ConnectionString, options => options.Redis.Prefix = Guid.NewGuid().ToString("N") + ":");
}
