using System.Diagnostics;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>The contract over Redis, and what only more than one instance shows.</summary>
public sealed class RedisMessageBusTests : MessageBusContract
{
    private RedisServer? redis;
    private BusHost? one;
    private BusHost? two;

    public override async ValueTask DisposeAsync()
    {
        foreach (var resource in (IAsyncDisposable?[])[one, two, redis])
        {
            if (resource is not null)
                await resource.DisposeAsync();
        }
    }

    [Fact]
    public async Task Publish_CountsInstances_GivenTwoThatHearTheGroup()
    {
        two = await BusHost.StartReadyAsync(redis!.ConnectionString);
        var (here, there) = (new RecordingSink(), new RecordingSink());
        var channel = ChannelName.Group(Messages.Id("g"));
        Assert.True(await Bus.SubscribeAsync(channel, here, Token));
        Assert.True(await two.Bus.SubscribeAsync(channel, there, Token));

        Assert.Equal(PublishResult.To(2), await Bus.PublishAsync(channel, Messages.ToGroup("g", "both"), Token));

        await Eventually.HoldsAsync(() => here.Count == 1 && there.Count == 1);
        await two.Bus.UnsubscribeAsync(channel, Token);
        Assert.Equal(PublishResult.To(1), await Bus.PublishAsync(channel, Messages.ToGroup("g", "one"), Token));
    }

    [Fact]
    public async Task Publish_KeepsTheSameOrderEverywhere_GivenTwoPublishers()
    {
        const int each = 2_000;
        two = await BusHost.StartReadyAsync(redis!.ConnectionString);
        var (here, there) = (new RecordingSink(), new RecordingSink());
        var channel = ChannelName.Group(Messages.Id("g"));
        Assert.True(await Bus.SubscribeAsync(channel, here, Token));
        Assert.True(await two.Bus.SubscribeAsync(channel, there, Token));

        await Task.WhenAll(PublishAsync(Bus, "a"), PublishAsync(two.Bus, "b"));

        await Eventually.HoldsAsync(() => here.Count == 2 * each && there.Count == 2 * each);
        Assert.Equal(here.Texts, there.Texts);
        foreach (string name in (string[])["a", "b"])
        {
            Assert.Equal(
                Enumerable.Range(0, each).Select(i => $"{name}{i}"),
                here.Texts.Where(text => text!.StartsWith(name, StringComparison.Ordinal)));
        }

        Task PublishAsync(IMessageBus bus, string name) => Task.WhenAll(Enumerable.Range(0, each).Select(i =>
            bus.PublishAsync(channel, Messages.ToGroup("g", $"{name}{i}"), Token).AsTask()));
    }

    [Fact]
    public async Task Subscribe_UsesTheChannelsOfTheProtocol_GivenEachKind()
    {
        var sink = new RecordingSink();
        Assert.True(await Bus.SubscribeAsync(ChannelName.Group(Messages.Id("g")), sink, Token));
        Assert.True(await Bus.SubscribeAsync(ChannelName.Client(Messages.Id("c")), sink, Token));
        Assert.True(await Bus.SubscribeAsync(ChannelName.Broadcast, sink, Token));

        string[] channels = (await redis!.RunAsync("PUBSUB", "CHANNELS")).Split('\n');

        Assert.Equal(
            ["ws:broadcast", "ws:client:c", "ws:group:g"],
            channels.Where(name => !name.StartsWith("ws:probe:", StringComparison.Ordinal)).Order());
        Assert.Equal("0", await redis.RunAsync("PUBSUB", "NUMPAT"));
    }

    [Fact]
    public async Task Publish_StaysApart_GivenAnotherPrefix()
    {
        two = await BusHost.StartReadyAsync(redis!.ConnectionString, options => options.Redis.Prefix = "other:");
        var sink = new RecordingSink();
        Assert.True(await two.Bus.SubscribeAsync(ChannelName.Broadcast, sink, Token));

        Assert.Equal(PublishResult.To(0), await Bus.PublishAsync(ChannelName.Broadcast, Messages.ToAll(), Token));
        Assert.Equal(PublishResult.To(1), await two.Bus.PublishAsync(ChannelName.Broadcast, Messages.ToAll(), Token));
    }

    [Theory]
    [InlineData('a', 100_000)]
    [InlineData('\b', 60_000)]
    [InlineData('\u0001', 300_000)]
    [InlineData('語', 5_000_000)]
    public async Task Receive_TakesWhatAnyInstanceMayAccept_WhateverItsOwnLimit(char letter, int count)
    {
        two = await BusHost.StartReadyAsync(redis!.ConnectionString, options => options.MaxMessageBytes = 256);
        var (here, there) = (new RecordingSink(), new RecordingSink());
        var channel = ChannelName.Group(Messages.Id("g"));
        Assert.True(await Bus.SubscribeAsync(channel, here, Token));
        Assert.True(await two.Bus.SubscribeAsync(channel, there, Token));
        var message = Messages.ToGroup("g", new string(letter, count));

        // On a machine that is busy for seconds so long a message may come too late to be trusted. Then that is told.
        do
        {
            int gaps = here.Gaps.Count + there.Gaps.Count;
            Assert.Equal(PublishResult.To(2), await Bus.PublishAsync(channel, message, Token));
            await Eventually.HoldsAsync(
                () => (here.Count > 0 && there.Count > 0) || here.Gaps.Count + there.Gaps.Count > gaps);
        }
        while (here.Count == 0 || there.Count == 0);
        Assert.Equal(message.Msg, here.Texts[0]);
        Assert.Equal(message.Msg, there.Texts[0]);
    }

    [Fact]
    public async Task Receive_ReportsAGap_GivenASinkThatIsFull()
    {
        var sink = new RecordingSink { IsFull = true };
        Assert.True(await Bus.SubscribeAsync(ChannelName.Broadcast, sink, Token));
        var before = DateTime.UtcNow;

        await Bus.PublishAsync(ChannelName.Broadcast, Messages.ToAll("lost"), Token);

        await Eventually.HoldsAsync(() => sink.Gaps.Count == 1);
        Assert.InRange(sink.Gaps[0], before - TimeSpan.FromSeconds(5), DateTime.UtcNow);
        Assert.True(Bus.IsReady);
        sink.IsFull = false;
        await Bus.PublishAsync(ChannelName.Broadcast, Messages.ToAll("heard"), Token);
        await Eventually.HoldsAsync(() => sink.Count == 1);
        Assert.Equal(["heard"], sink.Texts);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("42")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("no json")]
    [InlineData("{}")]
    [InlineData("wrong target")]
    [InlineData("wrong group")]
    [InlineData("wrong group for a role")]
    [InlineData("no role")]
    [InlineData("unknown role")]
    [InlineData("presence of a role")]
    [InlineData("presence that tells nothing")]
    [InlineData("heartbeat")]
    [InlineData("echo")]
    [InlineData("twice")]
    [InlineData("bad utf8")]
    [InlineData("bad id")]
    [InlineData("huge")]
    [InlineData("deep")]
    [InlineData("surrogate")]
    public async Task Receive_DropsGarbageAndGoesOn_GivenAnybodyPublishes(string garbage)
    {
        var sink = new RecordingSink();
        Assert.True(await Bus.SubscribeAsync(ChannelName.Group(Messages.Id("g")), sink, Token));
        byte[] bytes = garbage switch
        {
            "wrong target" => From("'target':'direct','to_id':'g'"),
            "wrong group" => From("'target':'group','group_id':'other'"),
            "wrong group for a role" => From("'target':'role','to_role':'worker','group_id':'other'"),
            "no role" => From("'target':'role'"),
            "unknown role" => From("'target':'role','to_role':'boss'"),
            "presence that tells nothing" => From("'target':'group','cmd':'zzz'", type: "presence"),
            "presence of a role" => From("'target':'role','to_role':'worker','cmd':'join'", type: "presence"),
            "heartbeat" => From("'target':'group'", type: "heartbeat"),
            "echo" => From("'target':'echo'"),
            "twice" => From("'target':'group','target':'group'"),
            "bad utf8" => [.. From("'target':'group','msg':'")[..^1], 0xc3, 0x28, .. "\"}"u8],
            "bad id" => From("'target':'group','to_id':'*'"),
            "huge" => From($"'target':'group','msg':'{new string('a', MessageSize.MaxPublished)}'"),
            "deep" => From($"'target':'group','x':{new string('[', 70)}{new string(']', 70)}"),
            "surrogate" => From("'target':'group','msg':'\\ud800'"),
            _ => Utf8(garbage),
        };

        Assert.Equal(1, await PublishRawAsync("ws:group:g", bytes));
        // Without a group it is the channel's; from the server itself it is welcome too.
        await PublishRawAsync("ws:group:g", From("'target':'group','msg':'good'", sender: "aether"));

        await Eventually.HoldsAsync(() => sink.Count > 0);
        Assert.Equal(["good"], sink.Texts);
        Assert.Equal(Messages.Id("g"), sink.Received[0].Message.GroupId);
        await Eventually.HoldsAsync(() => one!.Log.Any(line => line.StartsWith("RedisGarbage", StringComparison.Ordinal)));
        Assert.DoesNotContain(one!.Log, line => line.Contains("from_id\":", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Receive_TakesAMessageForARole_OnTheGroupsChannelAlone()
    {
        var sink = new RecordingSink();
        foreach (var channel in (ChannelName[])
            [ChannelName.Group(Messages.Id("g")), ChannelName.Client(Messages.Id("c")), ChannelName.Broadcast])
            Assert.True(await Bus.SubscribeAsync(channel, sink, Token));

        foreach (string channel in (string[])["ws:client:c", "ws:broadcast", "ws:group:g"])
            await PublishRawAsync(channel, From($"'target':'role','to_role':'worker','to_id':'c','msg':'{channel}'"));
        // Behind it on each of them, so that nothing is still on its way.
        await PublishRawAsync("ws:client:c", From("'target':'direct','to_id':'c','msg':'1'"));
        await PublishRawAsync("ws:broadcast", From("'target':'broadcast','msg':'2'"));
        await PublishRawAsync("ws:group:g", From("'target':'group','msg':'3'"));

        await Eventually.HoldsAsync(() => sink.Texts.Intersect(["1", "2", "3"]).Count() == 3);
        Assert.Equal(["1", "2", "3", "ws:group:g"], sink.Texts.Order(StringComparer.Ordinal));
        Assert.Equal(Role.Worker, sink.Received.Single(one => one.Message.Msg == "ws:group:g").Message.ToRole);
    }

    [Fact]
    public async Task Receive_ChecksTheReceiver_GivenAClientChannel()
    {
        var sink = new RecordingSink();
        Assert.True(await Bus.SubscribeAsync(ChannelName.Client(Messages.Id("c")), sink, Token));

        await PublishRawAsync("ws:client:c", From("'target':'direct','to_id':'other','msg':'other'"));
        await PublishRawAsync("ws:client:c", From("'target':'group','to_id':'c','msg':'group'"));
        await PublishRawAsync("ws:client:c", From("'target':'direct','to_id':'c','group_id':null,'msg':'all'"));

        await Eventually.HoldsAsync(() => sink.Count > 0);
        Assert.Equal(["all"], sink.Texts);
        Assert.True(sink.Received[0].Message.GroupId.IsEmpty);
    }

    [Fact]
    public async Task Receive_DropsWhatOnlyTheServerSays_GivenThatSomebodyElsePublishesIt()
    {
        var sink = new RecordingSink();
        Assert.True(await Bus.SubscribeAsync(ChannelName.Client(Messages.Id("c")), sink, Token));
        Assert.True(await Bus.SubscribeAsync(ChannelName.Group(Messages.Id("g")), sink, Token));
        Assert.True(await Bus.SubscribeAsync(ChannelName.Broadcast, sink, Token));
        string[] forged =
        [
            "ack", "error", "welcome", "gap", "recovered", "changes", "lease", "aether.", "aether.unknown",
            "auth.refreshed", "command.changed", "execution.done",
        ];
        foreach (string cmd in forged)
        {
            foreach (string type in (string[])["msg", "cmd"])
            {
                string name = $"'cmd':'{cmd}','msg':'forged'";
                await PublishRawAsync("ws:client:c", From("'target':'direct','to_id':'c'," + name, type, "aether"));
                await PublishRawAsync("ws:group:g", From("'target':'group'," + name, type, "aether"));
                await PublishRawAsync("ws:broadcast", From("'target':'broadcast'," + name, type, "aether"));
            }
        }
        foreach (string cmd in (string[])["join", "leave", "update", "roster"])
            await PublishRawAsync("ws:group:g", From($"'target':'group','cmd':'{cmd}'", "presence", "aether"));
        await PublishRawAsync(
            "ws:group:g", From("'target':'group','cmd':'aether.disconnect'", "cmd", "aether"));
        await PublishRawAsync(
            "ws:client:c", From("'target':'direct','to_id':'c','cmd':'changes'", "presence", "aether"));
        // Presence is the whole group's, whoever tells of it.
        await PublishRawAsync("ws:client:c", From("'target':'direct','to_id':'c','cmd':'join'", "presence", "guest"));
        await PublishRawAsync("ws:broadcast", From("'target':'broadcast','cmd':'join'", "presence", "guest"));

        // What instances do tell each other, what a host says as the server, and a client that uses such a name.
        await PublishRawAsync("ws:group:g", From("'target':'group','cmd':'changes','msg':'1'", "presence", "aether"));
        await PublishRawAsync(
            "ws:client:c", From("'target':'direct','to_id':'c','cmd':'aether.disconnect','msg':'2'", "cmd", "aether"));
        await PublishRawAsync("ws:group:g", From("'target':'group','cmd':'acknowledge','msg':'3'", "cmd", "aether"));
        await PublishRawAsync("ws:group:g", From("'target':'group','cmd':'welcome','msg':'4'", "cmd", "guest"));
        await PublishRawAsync("ws:broadcast", From("'target':'broadcast','cmd':'welcome','msg':'5'", "cmd", "guest"));

        string[] good = ["1", "2", "3", "4", "5"];
        await Eventually.HoldsAsync(() => sink.Texts.Intersect(good).Count() == good.Length);
        Assert.Equal(good, sink.Texts.Order());
    }

    [Fact]
    public async Task Receive_LogsOncePerSecond_GivenAFloodOfGarbage()
    {
        var sink = new RecordingSink();
        Assert.True(await Bus.SubscribeAsync(ChannelName.Broadcast, sink, Token));
        var since = Stopwatch.StartNew();

        for (int i = 0; i < 500; i++)
            await PublishRawAsync("ws:broadcast", "SECRET"u8.ToArray());
        await Bus.PublishAsync(ChannelName.Broadcast, Messages.ToAll("good"), Token);

        await Eventually.HoldsAsync(() => sink.Count == 1);
        Assert.InRange(
            one!.Log.Count(line => line.StartsWith("RedisGarbage", StringComparison.Ordinal)),
            1,
            2 + (int)since.Elapsed.TotalSeconds);
        Assert.DoesNotContain(one.Log, line => line.Contains("SECRET", StringComparison.Ordinal));
    }

    private protected override async Task<IMessageBus> StartAsync()
    {
        redis = await RedisServer.StartAsync();
        one = await BusHost.StartReadyAsync(redis.ConnectionString);
        return one.Bus;
    }

    /// <summary>A message as somebody outside may write it, with ' for ".</summary>
    private static byte[] From(string rest, string type = "msg", string sender = "x") => Utf8(
        $"{{'msg_type':'{type}','from_id':'{sender}','sent_at':'2026-01-01T00:00:00Z','payload':{{}},{rest}}}"
            .Replace('\'', '"'));

    private static byte[] Utf8(string text) => System.Text.Encoding.UTF8.GetBytes(text);

    private async Task<long> PublishRawAsync(string channel, byte[] bytes) =>
        (long)await one!.Connection.Commands.ExecuteAsync("PUBLISH", channel, bytes);
}
