using System.Text.Json;
using Aether.Domain;
using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What groups are told of their leases, and when.</summary>
public abstract partial class LeaseStoreContract
{
    private const string Over = "over";

    private readonly RecordingSink told = new();

    [Fact]
    public async Task Group_IsToldEachChange_InTheOrderOfTheTerms_AndNothingElse()
    {
        await HearAsync();
        await AcquireAsync(A, Long);
        await AcquireAsync(A, Long);
        await AcquireAsync(B, Long);
        await Leases.RenewAsync(Group, new(Name, 1), A, Token);
        await Leases.RenewAsync(Group, new(Name, 9), A, Token);
        await Leases.ReleaseAsync(Group, new(Name, 1), A, Token);
        await Leases.ReleaseAsync(Group, new(Name, 1), A, Token);
        await AcquireAsync(B, Long);
        await Leases.TakeAwayAsync(Group, Name, Token);
        await Leases.TakeAwayAsync(Group, Name, Token);
        await Leases.GetAsync(Group, Name, Token);
        Assert.Equal(["a 1", "- 1", "b 2", "- 2"], await ToldAsync());
    }

    [Fact]
    public async Task Group_IsTold_WhoHoldsItUntilWhen_AsAether()
    {
        await HearAsync();
        var acquired = await AcquireAsync(A, Long);
        await ToldAsync();
        var message = told.Received[0].Message;
        Assert.Equal(
            (MessageType.Presence, Target.Group, VisionId.Server, Group, "lease"),
            (message.Type, message.Target, message.FromId, message.GroupId, message.Cmd));
        using var payload = JsonDocument.Parse(message.Payload);
        var end = payload.RootElement.GetProperty("expires_at").GetDateTime();
        Assert.InRange(
            (end - DateTimeOffset.FromUnixTimeMilliseconds(acquired.Lease!.ExpiresAt).UtcDateTime).TotalSeconds, -5, 5);
        Assert.Equal(
            ["name", "holder", "term", "expires_at"], payload.RootElement.EnumerateObject().Select(field => field.Name));
    }

    [Fact]
    public async Task End_IsToldOnce_GivenManyThatLook()
    {
        await HearAsync();
        await AcquireAsync(A, Short);
        int count = 0;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Eventually.HoldsAsync(async () =>
        {
            Interlocked.Add(ref count, (await Leases.EndAsync(100, Token)).Count);
            return Volatile.Read(ref count) > 0;
        })));
        // Nothing is left that may end.
        await Eventually.HoldsAsync(async () =>
        {
            var ends = await Leases.EndAsync(100, Token);
            Interlocked.Add(ref count, ends.Count);
            return ends.Next is null;
        });
        Assert.Equal(1, count);
        Assert.Equal(["a 1", "- 1"], await ToldAsync());
        Assert.Equal(Facts(await Leases.GetAsync(Group, Name, Token)), (Application.Ports.LeaseStatus.Done, default, 1L, false));
    }

    [Fact]
    public async Task End_IsNotTold_GivenThatItIsRenewed_AndThenIs()
    {
        await HearAsync();
        long first = (await AcquireAsync(A, Short)).Lease!.ExpiresAt;
        await Eventually.HoldsAsync(async () =>
        {
            long now = (await Leases.RenewAsync(Group, new(Name, 1), A, Token)).Lease!.ExpiresAt - (long)Short.TotalMilliseconds;
            Assert.Equal(0, (await Leases.EndAsync(100, Token)).Count);
            // Well over the end that it would have had.
            return now > first + 300;
        });
        Assert.Equal(["a 1"], await ToldAsync());
        await Eventually.HoldsAsync(async () => (await Leases.EndAsync(100, Token)).Count == 1);
        Assert.Equal(["a 1", "- 1"], await ToldAsync());
    }

    [Fact]
    public async Task End_IsNotTold_GivenThatSomebodyElseHasTakenIt()
    {
        await HearAsync();
        await AcquireAsync(A, Short);
        await Eventually.HoldsAsync(async () => (await AcquireAsync(B, Long)).Status == Application.Ports.LeaseStatus.Done);
        await Eventually.HoldsAsync(async () =>
        {
            var ends = await Leases.EndAsync(100, Token);
            Assert.Equal(0, ends.Count);
            return ends.Next > TimeSpan.FromSeconds(30);
        });
        Assert.Equal(["a 1", "b 2"], await ToldAsync());
    }

    [Fact]
    public async Task Ends_AreTakenAFewAtATime_UntilThereAreNone()
    {
        for (int i = 0; i < 7; i++)
            await Leases.AcquireAsync(Group, Messages.Id("n" + i), A, Short, Token);
        await Eventually.HoldsAsync(async () => (await Leases.GetAsync(Group, Messages.Id("n6"), Token)).TimeLeft == TimeSpan.Zero);
        var counts = new List<int>();
        while ((await Leases.EndAsync(3, Token)) is { Count: > 0 } ends)
            counts.Add(ends.Count);
        Assert.Equal([3, 3, 1], counts);
    }

    private async Task HearAsync() =>
        Assert.True(await Host.Bus.SubscribeAsync(ChannelName.Group(Group), told, Token));

    /// <summary>What was told up to now, as holder and term: what is published after it has come as well.</summary>
    private async Task<string[]> ToldAsync()
    {
        int before = told.Texts.Count(text => text == Over);
        await Host.Bus.PublishAsync(ChannelName.Group(Group), Messages.ToGroup("g", Over), Token);
        await Eventually.HoldsAsync(() => told.Texts.Count(text => text == Over) > before);
        return [.. told.Received.Where(one => one.Message.Msg != Over).Select(one =>
        {
            using var payload = JsonDocument.Parse(one.Message.Payload);
            Assert.Equal(Name.Value, payload.RootElement.GetProperty("name").GetString());
            bool isFree = payload.RootElement.GetProperty("holder").ValueKind == JsonValueKind.Null;
            Assert.Equal(isFree, payload.RootElement.GetProperty("expires_at").ValueKind == JsonValueKind.Null);
            return $"{payload.RootElement.GetProperty("holder").GetString() ?? "-"} {payload.RootElement.GetProperty("term")}";
        })];
    }
}
