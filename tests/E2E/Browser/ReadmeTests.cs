using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
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
        string lines = Block(FirstLines()).Replace("localhost:5080", "localhost:" + port, StringComparison.Ordinal);
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

    [Fact]
    public async Task FirstPage_ShowsTheMessage()
    {
        string port = server.Process.Address.Port.ToString(CultureInfo.InvariantCulture);
        string text = Block(FirstPage()).Replace("localhost:5080", "localhost:" + port, StringComparison.Ordinal);
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        _ = ServeAsync(listener, text);
        var page = await OpenAsync(
            new Uri($"http://localhost:{((IPEndPoint)listener.LocalEndpoint).Port}/first.html"));
        await Assertions.Expect(page.GetByText("open: connected")).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Button).ClickAsync();
        await Assertions.Expect(page.GetByText("starts at speed 3")).ToBeVisibleAsync();
    }

    // As any server of files does.
    private static async Task ServeAsync(TcpListener listener, string page)
    {
        byte[] body = Encoding.UTF8.GetBytes(page);
        byte[] head = Encoding.ASCII.GetBytes(
            $"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n");
        try
        {
            while (true)
            {
                using var client = await listener.AcceptTcpClientAsync();
                var stream = client.GetStream();
                if (await stream.ReadAsync(new byte[8_192]) > 0)
                    await stream.WriteAsync((byte[])[.. head, .. body]);
            }
        }
        catch (Exception stopped) when (stopped is ObjectDisposedException or SocketException or IOException)
        {
            // The test is over.
        }
    }

    [GeneratedRegex(
        @"^## The first message$.*?^```js\n(?<lines>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex FirstLines();

    [GeneratedRegex(
        @"^## The first message$.*?^```html\n(?<lines>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex FirstPage();

    private static string Block(Regex pattern)
    {
        var block = pattern.Match(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "README.md")));
        Assert.True(block.Success, "README.md has no such block below 'The first message'");
        return block.Groups["lines"].Value;
    }
}
