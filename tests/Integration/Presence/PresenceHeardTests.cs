using System.Collections.Concurrent;
using System.Text.Json;
using Aether.Application;
using Aether.Application.Ports;
using Aether.Application.Presence;
using Aether.Domain;
using Aether.Tests.Integration.Fixtures;
using MediatR;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What other instances hear of the members of one: of a role that ended, and of all when it stops.</summary>
public sealed class PresenceHeardTests
{
    private static readonly VisionId Group = VisionId.Parse("g");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task StopAsync_EveryLeavingIsHeard_GivenALargeGroupAndAGracefulStop(bool closed)
    {
        await using var server = await RedisServer.StartAsync();
        await using var stays = await StartAsync(server);
        await using var ends = await StartAsync(server);
        var sink = new RecordingSink();
        Assert.True(await stays.Bus.SubscribeAsync(ChannelName.Group(Group), sink, Token));
        // So many stay that the group is a large one to the end.
        await JoinAsync(stays, "stays", PresenceAnnouncer.LargeGroup + 1);
        string[] clients = await JoinAsync(ends, "ends", 20);
        await Eventually.HoldsAsync(() => Names(sink, "joined").IsSupersetOf(clients));

        // Their connections are closed first, as a server does that drains; or they are still there.
        foreach (string client in closed ? clients : [])
            await ends.Get<IMediator>().Send(new Leave(Group, VisionId.Parse(client), Role.Worker), Token);
        await ends.DisposeAsync();

        Assert.Equal(
            PresenceAnnouncer.LargeGroup + 1, (await stays.Get<IPresenceStore>().GetMembersAsync(Group, Token))!.Count);
        await Eventually.HoldsAsync(
            () => Names(sink, "left").SetEquals(clients), TimeSpan.FromSeconds(10),
            state: () => string.Join(",", Names(sink, "left")));
    }

    [Theory]
    [InlineData(Role.Observer, "observer,worker")]
    [InlineData(Role.Worker, "")]
    public async Task Leave_TheRoleIsThatOfTheConnectionElsewhere_GivenTheNewestThatCloses(Role newest, string told)
    {
        await using var server = await RedisServer.StartAsync();
        await using var one = await StartAsync(server);
        await using var two = await StartAsync(server);
        var (heard, x) = (new HearingSink(one), VisionId.Parse("x"));
        Assert.True(await one.Bus.SubscribeAsync(ChannelName.Group(Group), heard, Token));
        Assert.True(await one.Bus.SubscribeAsync(ChannelName.Client(x), heard, Token));
        await one.Get<IMediator>().Send(new Join(Group, x, Role.Worker), Token);
        await two.Get<IMediator>().Send(new Join(Group, x, newest), Token);

        await two.Get<IMediator>().Send(new Leave(Group, x, newest), Token);

        await Eventually.HoldsAsync(async () =>
            (await two.Get<IPresenceStore>().GetMembersAsync(Group, Token))!.Single().Role == Role.Worker);
        await Eventually.HoldsAsync(() => heard.Questions == 1);
        // What is published behind all that: where nothing has changed, nobody is told anything.
        await one.Get<IMediator>().Send(new Join(Group, VisionId.Parse("last"), Role.Worker), Token);
        await Eventually.HoldsAsync(() => heard.HasJoined("last"));
        await Eventually.HoldsAsync(() => string.Join(',', heard.Updates.Select(static one => one.Role)) == told);
        Assert.Equal(heard.Updates.OrderBy(static one => one.Version), heard.Updates);
    }

    private static async Task<BusHost> StartAsync(RedisServer server)
    {
        var host = await BusHost.StartReadyAsync(
            server.ConnectionString, services: static services => services.AddAetherApplication());
        await Eventually.HoldsAsync(() => host.Get<IPresenceStore>().IsReady);
        return host;
    }

    private static async Task<string[]> JoinAsync(BusHost host, string name, int count)
    {
        string[] clients = [.. Enumerable.Range(0, count).Select(i => $"{name}{i}")];
        foreach (string[] some in clients.Chunk(100))
        {
            await Task.WhenAll(some.Select(client => host.Get<IMediator>().Send(
                new Join(Group, VisionId.Parse(client), Role.Worker), Token)));
        }
        return clients;
    }

    /// <summary>What an instance does with what it hears of a group.</summary>
    private sealed class HearingSink(BusHost host) : IMessageSink
    {
        private readonly ConcurrentQueue<Update> updates = [];
        private readonly ConcurrentQueue<string> joined = [];
        private int questions;

        public IReadOnlyList<Update> Updates => [.. updates];

        public int Questions => Volatile.Read(ref questions);

        public bool HasJoined(string client) => joined.Contains(client);

        public bool TryReceive(ChannelName channel, Message message)
        {
            if (host.Get<PresenceListener>().TakeQuestion(channel, message))
            {
                Interlocked.Increment(ref questions);
                return true;
            }
            host.Get<PresenceListener>().Hear(Group, message);
            if (message.Cmd == "join")
                joined.Enqueue(message.FromId.Value);
            if (message.Cmd == "update")
            {
                using var payload = JsonDocument.Parse(message.Payload);
                var root = payload.RootElement;
                updates.Enqueue(new Update(root.GetProperty("role").GetString(), root.GetProperty("version").GetInt64()));
            }
            return true;
        }

        public ValueTask ReceiveAsync(ChannelName channel, Message message, CancellationToken cancellationToken)
        {
            TryReceive(channel, message);
            return ValueTask.CompletedTask;
        }

        public Task RepairAsync(DateTime since, bool othersMayBeMissing, CancellationToken cancellationToken) =>
            Task.CompletedTask;
    }

    private sealed record Update(string? Role, long Version);

    private static HashSet<string> Names(RecordingSink sink, string list)
    {
        var names = new HashSet<string>();
        foreach (var (_, message) in sink.Received.Where(one => one.Message.Cmd == "changes"))
        {
            using var payload = JsonDocument.Parse(message.Payload);
            foreach (var one in payload.RootElement.GetProperty(list).EnumerateArray())
                names.Add(one.GetProperty("client_id").GetString()!);
        }
        return names;
    }
}
