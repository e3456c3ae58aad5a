using Xunit;

namespace Aether.Tests.E2E;

/// <summary>V1 and V2 clients, and what has to hold of what they send, whatever is between them.</summary>
internal static class LegacyClients
{
    public static Task<TestClient> ConnectAsync(ServerProcess server, string group, string id) =>
        TestClient.ConnectAsync(server.LegacyEndpoint(group, id), group, id);

    /// <summary>What came to a client, up to a message to itself that is sent now.</summary>
    public static async Task<List<string>> LegacyUntilNowAsync(TestClient client, string id)
    {
        string mark = Guid.NewGuid().ToString("N");
        await client.SendAsync($$"""{"target":"direct","to_id":"{{id}}","mark":"{{mark}}"}""");
        var texts = new List<string>();
        while (true)
        {
            string text = await client.ReceiveTextAsync();
            if (text.Contains(mark, StringComparison.Ordinal))
                return texts;
            // Another connection of this client has marked its time as well.
            if (!text.Contains("\"mark\"", StringComparison.Ordinal))
                texts.Add(text);
        }
    }

    public static async Task ReachesTheGroupUnchangedAsync(Uri from, Uri to, Uri elsewhere, string text)
    {
        await using var sender = await TestClient.ConnectAsync(from, "", "a");
        await using var receiver = await TestClient.ConnectAsync(to, "", "b");
        await using var stranger = await TestClient.ConnectAsync(elsewhere, "", "b");
        await sender.SendAsync(text);
        Assert.Equal(text, await receiver.ReceiveTextAsync());
        Assert.Equal(text, await sender.ReceiveTextAsync());
        Assert.Empty(await LegacyUntilNowAsync(stranger, "b"));
    }

    public static async Task TargetsAreKeptAsync(
        Func<string, string, Uri> here, Func<string, string, Uri> there, string group, string other)
    {
        string a = "a" + group, b = "b" + group, c = "c" + group, d = "d" + group;
        await using var sender = await TestClient.ConnectAsync(here(group, a), group, a);
        await using var near = await TestClient.ConnectAsync(here(group, c), group, c);
        await using var far = await TestClient.ConnectAsync(there(group, b), group, b);
        await using var farther = await TestClient.ConnectAsync(there(other, d), other, d);
        const string toGroup = """{"target":"group","msg":"to the group"}""";
        string toOther = $$"""{"target":"group","group_id":"{{other}}"}""";
        string direct = $$"""{"target":"direct","to_id":"{{b}}","msg":"to one"}""";
        const string toAll = """{"target":"broadcast","msg":"to all"}""";

        foreach (string text in new[] { toGroup, direct, toOther, "any text", toAll })
            await sender.SendAsync(text);

        await ReceivesAsync(sender, toGroup, "any text", toAll);
        await ReceivesAsync(near, toGroup, "any text", toAll);
        await ReceivesAsync(far, toGroup, "any text", toAll, direct);
        await ReceivesAsync(farther, toOther, toAll);
    }

    /// <summary>What came to a client is this and no more; of one target in this order.</summary>
    public static async Task ReceivesAsync(TestClient client, string first, params string[] others)
    {
        var texts = new List<string>();
        while (texts.Count <= others.Length)
            texts.Add(await client.ReceiveTextAsync());
        Assert.Equal(others.Append(first).Order(StringComparer.Ordinal), texts.Order(StringComparer.Ordinal));
        int later = texts.IndexOf("any text");
        Assert.True(later < 0 || texts.IndexOf(first) < later);
        Assert.Empty(await LegacyUntilNowAsync(client, client.Id));
    }
}
