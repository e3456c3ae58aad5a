using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace Aether.Tests.E2E.Browser;

/// <summary>What README tells readers to type into the console of a browser.</summary>
public sealed partial class ReadmeTests(Chromium chromium, DefaultServer server)
    : BrowserTest(chromium), IClassFixture<DefaultServer>
{
    [Fact]
    public async Task FirstMessage_ComesBackWithItsAck()
    {
        string port = server.Process.Address.Port.ToString(CultureInfo.InvariantCulture);
        // As readers do: the page that README names, and its lines in one paste.
        var page = await OpenBlankAsync(server.Process, "localhost");
        var told = new ConcurrentQueue<string>();
        page.Console += async (_, message) =>
        {
            var values = new List<string>();
            foreach (var value in message.Args)
                values.Add((await value.EvaluateAsync<JsonElement>("value => value")).ToString());
            told.Enqueue(string.Join(' ', values));
        };
        string lines = Lines().Replace("localhost:5080", "localhost:" + port, StringComparison.Ordinal);
        var devtools = await page.Context.NewCDPSessionAsync(page);
        var answer = await devtools.SendAsync("Runtime.evaluate", new Dictionary<string, object>
        {
            ["expression"] = lines,
            ["replMode"] = true,
            ["awaitPromise"] = true,
            ["returnByValue"] = true,
        });
        Assert.False(answer!.Value.TryGetProperty("exceptionDetails", out var fault), fault.ToString());
        // A console shows what the last line gave, too.
        told.Enqueue(answer.Value.GetProperty("result").ToString());

        await Eventually.HoldsAsync(
            () => told.Any(text => text.Contains("start", StringComparison.Ordinal)
                && text.Contains("\"speed\":3", StringComparison.Ordinal)),
            "the message comes back");
        await Eventually.HoldsAsync(
            () => told.Any(text => text.Contains("\"instances\":1", StringComparison.Ordinal)), "its ack comes");
    }

    [GeneratedRegex(
        @"^## The first message$.*?^```js\n(?<lines>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex FirstBlock();

    private static string Lines()
    {
        var block = FirstBlock().Match(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "README.md")));
        Assert.True(block.Success, "README.md has no JavaScript below 'The first message'");
        return block.Groups["lines"].Value;
    }
}
