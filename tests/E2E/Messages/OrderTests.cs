using System.Globalization;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>Nothing is lost, doubled or turned round between two instances.</summary>
[Collection(nameof(Alone))]
public sealed class OrderTests
{
    private const int Each = 50_000;

    /// <summary>
    /// How far a sender may be ahead of what it hears itself. No server keeps an endless queue; this is far beyond what
    /// is ever on its way.
    /// </summary>
    private const int Window = 1_000;

    [Fact]
    public async Task EveryReceiver_HearsTheSameSequence_GivenTwoSendersOnTwoInstances()
    {
        await using var instances = await TwoInstances.StartAsync(new()
        {
            ["RateLimit:PerSecond"] = "0",
            ["SendQueue:Messages"] = "100000",
            ["SendQueue:Bytes"] = "100000000",
        });
        await using var everyone = new Clients();
        var s0 = await everyone.AddAsync(instances.A, "busy", "s0");
        var s1 = await everyone.AddAsync(instances.B, "busy", "s1");
        var r0 = await everyone.AddAsync(instances.A, "busy", "r0");
        var r1 = await everyone.AddAsync(instances.B, "busy", "r1");
        using var room0 = new SemaphoreSlim(Window);
        using var room1 = new SemaphoreSlim(Window);

        var heard = await Task.WhenAll(
            ListenAsync(s0, "s0", room0),
            ListenAsync(s1, "s1", room1),
            ListenAsync(r0),
            ListenAsync(r1),
            TalkAsync(s0, "s0", room0),
            TalkAsync(s1, "s1", room1));

        foreach (string sender in new[] { "s0", "s1" })
        {
            int next = 0;
            foreach (var (from, number) in heard[0])
            {
                if (from == sender)
                    Assert.Equal(next++, number);
            }
            Assert.Equal(Each, next);
        }
        for (int i = 1; i < 4; i++)
            Assert.True(heard[0].AsSpan().SequenceEqual(heard[i]), $"receiver {i} heard another order");
        foreach (var client in everyone.All)
            Assert.Empty(await client.ReceiveUntilNowAsync());
    }

    private static async Task<(string From, int Number)[]> TalkAsync(TestClient client, string name, SemaphoreSlim room)
    {
        // Off the thread that starts the others.
        await Task.Yield();
        for (int i = 0; i < Each; i++)
        {
            Assert.True(await room.WaitAsync(TimeSpan.FromSeconds(60)), $"{name} heard nothing of itself for a minute");
            await client.SendAsync(Json.Message(name, msg: i.ToString(CultureInfo.InvariantCulture)));
        }
        return [];
    }

    private static async Task<(string From, int Number)[]> ListenAsync(
        TestClient client, string name = "", SemaphoreSlim? room = null)
    {
        var heard = new (string From, int Number)[2 * Each];
        for (int i = 0; i < heard.Length; i++)
        {
            string text = await client.ReceiveTextAsync(TimeSpan.FromSeconds(60));
            string from = Field(text, "\"from_id\":\"") is "s0" ? "s0" : "s1";
            heard[i] = (from, int.Parse(Field(text, "\"msg\":\""), CultureInfo.InvariantCulture));
            if (from == name)
                room?.Release();
        }
        return heard;
    }

    // Reading 400,000 documents would take longer than all the rest.
    private static ReadOnlySpan<char> Field(string text, string start)
    {
        var rest = text.AsSpan(text.IndexOf(start, StringComparison.Ordinal) + start.Length);
        return rest[..rest.IndexOf('"')];
    }
}
