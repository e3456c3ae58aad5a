using System.Text;
using StackExchange.Redis;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>
/// Anybody may publish on the channels of a shared Redis. Only what is a message for that channel is delivered.
/// </summary>
public sealed class GarbageTests(TwoInstances instances) : IClassFixture<TwoInstances>
{
    public static TheoryData<string, string> Channels => new()
    {
        { "ws:group:dump", Outside("group", group: "dump") },
        { "ws:client:bin", Outside("direct", to: "bin") },
        { "ws:broadcast", Outside("broadcast", group: "dump") },
    };

    [Theory]
    [MemberData(nameof(Channels))]
    public async Task Garbage_IsDeliveredToNobody_AndTheNextGoodMessageIs(string channel, string good)
    {
        await ReadyAsync();
        await using var redis = await ConnectionMultiplexer.ConnectAsync(instances.Redis.ConnectionString);
        await using var near = await TestClient.ConnectAsync(instances.A, "dump", "bin");
        await using var far = await TestClient.ConnectAsync(instances.B, "dump", "bin");
        var name = RedisChannel.Literal(channel);

        foreach (byte[] garbage in Garbage(good))
            Assert.Equal(2, await redis.GetSubscriber().PublishAsync(name, garbage));
        await redis.GetSubscriber().PublishAsync(name, good);

        foreach (var receiver in new[] { near, far })
        {
            var got = await receiver.ReceiveAsync();
            Assert.Equal(("outside", "good"), (got.Text("from_id"), got.Text("msg")));
            Assert.Empty(await receiver.ReceiveUntilNowAsync());
        }
    }

    [Fact]
    public async Task MessageThatIsTooLong_IsDeliveredToNobody_AndLaterOnesAre()
    {
        await ReadyAsync();
        await using var redis = await ConnectionMultiplexer.ConnectAsync(instances.Redis.ConnectionString);
        // Of its own: what is said here again and again may come after this is over.
        await using var receiver = await TestClient.ConnectAsync(instances.A, "heap", "reader");
        var name = RedisChannel.Literal("ws:group:heap");

        await redis.GetSubscriber().PublishAsync(
            name, Outside("group", group: "heap").Replace("\"good\"", "\"" + new string('x', 17 * 1024 * 1024) + "\"", StringComparison.Ordinal));

        // So long a message may hold the instance up until it doubts what came meanwhile, and connects anew.
        string? text = null;
        await Eventually.HoldsAsync(
            async () =>
            {
                await redis.GetSubscriber().PublishAsync(name, Outside("group", group: "heap"));
                var texts = await receiver.ReceiveUntilNowAsync();
                text ??= texts is [var first, ..] ? first : null;
                return text is not null;
            },
            "messages come again");
        Assert.Equal("good", Json.Read(text!).Text("msg"));
    }

    private async Task ReadyAsync()
    {
        await TwoInstances.WaitUntilReadyAsync(instances.A);
        await TwoInstances.WaitUntilReadyAsync(instances.B);
    }

    private static string Outside(string target, string? to = null, string? group = null) =>
        Json.Message("outside", target, to: to, group: group, msg: "good");

    private static IEnumerable<byte[]> Garbage(string good)
    {
        string[] texts =
        [
            "", "hello", "{}", "[]", "null", "{", good + "x", good[..^1], "[" + good + "]",
            good.Replace("\"outside\"", "\"*\"", StringComparison.Ordinal),
            good.Replace("\"version\":\"3\"", "\"version\":\"2\"", StringComparison.Ordinal),
            good.Replace("\"payload\":{}", "\"payload\":[]", StringComparison.Ordinal),
            good.Replace("\"payload\":{}", "\"payload\":{\"a\":\"\\ud800\"}", StringComparison.Ordinal),
            good.Replace(Json.SentAt, "yesterday", StringComparison.Ordinal),
            good.Replace("\"msg_type\":\"msg\"", "\"msg_type\":\"heartbeat\"", StringComparison.Ordinal),
            // Messages, but for other channels.
            Json.Message("outside", "echo", msg: "good"),
            Outside("group", group: "elsewhere"),
            Outside("direct", to: "somebody"),
        ];
        foreach (string text in texts)
            yield return Encoding.UTF8.GetBytes(text);
        yield return [0xff, 0xfe, 0x00];
        byte[] broken = Encoding.UTF8.GetBytes(good);
        broken[Array.LastIndexOf(broken, (byte)'g') + 1] = 0xc0;
        yield return broken;
    }
}
