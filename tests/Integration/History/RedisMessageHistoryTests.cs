using Aether.Application;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What only Redis does to kept messages: forgetting half of them, being full, and being written to by anybody.</summary>
public sealed class RedisMessageHistoryTests : IAsyncLifetime
{
    private const string Stream = "ws:history:{ws:group:g}";
    private const string Place = "ws:place:{ws:group:g}";
    private static readonly ChannelName Group = ChannelName.Group(Messages.Id("g"));

    private RedisServer redis = null!;
    private BusHost host = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private IMessageHistory History => host.History;

    public async ValueTask InitializeAsync()
    {
        redis = await RedisServer.StartAsync();
        host = await BusHost.StartReadyAsync(redis.ConnectionString, options => options.History.Messages = 100);
    }

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        await redis.DisposeAsync();
    }

    [Theory]
    [InlineData("DEL", Place)]
    [InlineData("HSET", Place, "s", "1")]
    public async Task Stream_BeginsANewEpochWithoutAnOldMessage_GivenItsPlaceIsGoneOrOld(params string[] accident)
    {
        var old = await AppendAsync("one");
        await AppendAsync("two");
        await AppendAsync("three");

        await redis.RunAsync(accident);
        var next = await AppendAsync("four");

        Assert.NotEqual(old.Position.Epoch, next.Position.Epoch);
        Assert.Equal(1, next.Position.Seq);
        Assert.Equal(["four"], Texts(await ReadAsync(default)));
        Assert.Equal(HistoryStatus.Epoch, (await ReadAsync(old.Position)).Status);
    }

    [Fact]
    public async Task Stream_GoesOnCountingAndSaysThatItIsLost_GivenOnlyItsMessagesAreGone()
    {
        var old = await AppendAsync("one");
        await AppendAsync("two");

        await redis.RunAsync("DEL", Stream);
        var next = await AppendAsync("three");

        Assert.Equal(old.Position.At(3), next.Position);
        Assert.Equal(HistoryStatus.Expired, (await ReadAsync(old.Position)).Status);
        Assert.Equal(["three"], Texts(await ReadAsync(old.Position.At(2))));
    }

    [Fact]
    public async Task Append_RefusesAndTellsNobody_GivenRedisIsFull()
    {
        var sink = new RecordingSink();
        Assert.True(await host.Bus.SubscribeAsync(Group, sink, Token));
        var before = await AppendAsync("before");
        await redis.RunAsync("CONFIG", "SET", "maxmemory", "1");

        var full = new KeepResult(KeepStatus.Unavailable, Fault: BackplaneFault.Full);
        Assert.Equal(full, await AppendAsync("full"));
        Assert.Equal(full, await AppendAsync("full", "another", "id"));

        await redis.RunAsync("CONFIG", "SET", "maxmemory", "0");
        var after = await AppendAsync("after");
        Assert.Equal(before.Position.At(2), after.Position);
        await Eventually.HoldsAsync(() => sink.Count == 2);
        Assert.Equal(["before", "after"], sink.Texts);
    }

    [Fact]
    public async Task Append_KeepsOrderWithWhatIsNotKept_GivenNobodyWaitsAndTheScriptIsForgottenMeanwhile()
    {
        const int count = 600;
        var sink = new RecordingSink();
        Assert.True(await host.Bus.SubscribeAsync(Group, sink, Token));
        var sent = new List<Task>();
        for (int i = 0; i < count; i++)
        {
            var message = Messages.ToGroup("g", $"{i}");
            sent.Add(i % 2 == 0
                ? History.AppendAsync(Group, message with { Type = MessageType.Cmd, Cmd = "go" }, Token).AsTask()
                : host.Bus.PublishAsync(Group, message, Token).AsTask());
        }
        await Task.WhenAll(sent);

        await Eventually.HoldsAsync(() => sink.Count == count, state: () => $"{sink.Count}");
        Assert.Equal(Enumerable.Range(0, count).Select(i => $"{i}"), sink.Texts);
        Assert.Equal(
            Enumerable.Range(1, count / 2).Select(i => (long)i),
            sink.Received.Select(one => one.Message.Position.Seq).Where(seq => seq > 0));
    }

    [Theory]
    [InlineData("no message")]
    [InlineData("""{"version":"3","msg_type":"cmd","target":"group","from_id":"a","to_id":null,"group_id":"other","cmd":"x","msg":null,"payload":{},"sent_at":"2026-01-02T03:04:05Z"}""")]
    public async Task Read_SaysLost_GivenSomebodyElseWroteIntoTheStream(string garbage)
    {
        var first = await AppendAsync("one");
        await redis.RunAsync("XADD", Stream, "2-0", "m", garbage, "t", "99999999999999");
        await redis.RunAsync("HSET", Place, "s", "2");

        Assert.Equal(HistoryStatus.Trimmed, (await ReadAsync(first.Position)).Status);

        var third = await AppendAsync("three");
        Assert.Equal(first.Position.At(3), third.Position);
        Assert.Equal(["three"], Texts(await ReadAsync(first.Position.At(2))));
    }

    [Fact]
    public async Task Read_IsAPage_GivenMoreBytesThanOneMayHold()
    {
        string text = new('x', 60_000);
        var start = (await History.GetPositionsAsync([Group], Token))![0];
        for (int i = 0; i < 10; i++)
            await AppendAsync(text);

        var seen = new List<long>();
        int pages = 0;
        var page = await ReadAsync(start);
        for (; ; page = await ReadAsync(page.To))
        {
            pages++;
            Assert.Equal(HistoryStatus.Found, page.Status);
            seen.AddRange(page.Messages.Select(one => one.Position.Seq));
            if (page.IsComplete)
                break;
        }

        Assert.InRange(pages, 3, 5);
        Assert.Equal(Enumerable.Range(1, 10).Select(i => (long)i), seen);
    }

    [Fact]
    public async Task Keys_AreOfOneSlotAndEndByThemselves_GivenAPrefixAndAnIdOfAnyCharacters()
    {
        await using var other = await BusHost.StartReadyAsync(redis.ConnectionString, options =>
        {
            options.Redis.Prefix = "prod:";
            options.History.Ttl = Duration.FromSeconds(100);
            options.History.Remember = Duration.FromSeconds(200);
        });

        var result = await other.History.AppendAsync(
            Group, Messages.ToGroup("g", "x") with { Type = MessageType.Cmd, Cmd = "x", Id = "} {*?:" }, Token);

        Assert.Equal(KeepStatus.Published, result.Status);
        const string tag = "{prod:ws:group:g}";
        string[] keys = (await redis.RunAsync("KEYS", "prod:ws:*group*")).Split('\n');
        Assert.Equal(
            [$"prod:ws:history:{tag}", $"prod:ws:place:{tag}", $"prod:ws:sent:{tag}:sender:}} {{*?:"], keys.Order());
        foreach (string key in keys)
        {
            int seconds = int.Parse(await redis.RunAsync("TTL", key), System.Globalization.CultureInfo.InvariantCulture);
            Assert.InRange(seconds, 30, key.Contains(":place:", StringComparison.Ordinal) ? 200 : 100);
        }
    }

    private static IEnumerable<string?> Texts(HistoryPage page) => page.Messages.Select(one => one.Msg);

    private ValueTask<HistoryPage> ReadAsync(Position after) =>
        History.ReadAsync(Group, new HistoryRange(after, 100), Token);

    private ValueTask<KeepResult> AppendAsync(string text, string from = "sender", string? id = null) =>
        History.AppendAsync(
            Group,
            Messages.ToGroup("g", text) with
            {
                Type = MessageType.Cmd,
                Cmd = "go",
                FromId = Messages.Id(from),
                Id = id,
            },
            Token);
}
