using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using Xunit;

namespace Aether.Tests.E2E.Browser;

/// <summary>
/// A test with pages. It fails on whatever goes wrong in one of them and was not expected: errors in its console,
/// exceptions, requests that failed or were refused, and what a content security policy forbade.
/// </summary>
[Collection(nameof(Browsing))]
public abstract class BrowserTest(Chromium chromium) : IAsyncLifetime
{
    private const string TellsViolations =
        """
        addEventListener("securitypolicyviolation", e =>
            console.error(`policy: ${e.effectiveDirective} forbade ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`));
        """;

    private readonly ConcurrentQueue<string> problems = new();
    private readonly List<Regex> expected = [];
    private readonly List<IBrowserContext> contexts = [];
    private int groups;

    /// <summary>The browser that the tests share.</summary>
    protected Chromium Chromium => chromium;

    /// <summary>What went wrong so far, expected or not.</summary>
    protected IReadOnlyCollection<string> Problems => problems;

    /// <inheritdoc/>
    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var page in contexts.SelectMany(context => context.Pages).ToList())
            await HearAllAsync(page);
        // Before the contexts close, which cuts off what is under way.
        string[] unexpected = [.. problems.Where(problem => !expected.Exists(pattern => pattern.IsMatch(problem)))];
        foreach (var context in contexts)
            await context.CloseAsync();
        Assert.True(unexpected.Length == 0, "in the browser:\n" + string.Join('\n', unexpected));
        GC.SuppressFinalize(this);
    }

    /// <summary>Lets problems pass that match a pattern.</summary>
    protected void Expect(string pattern) => expected.Add(new Regex(pattern));

    /// <summary>A group that no other test of the class has.</summary>
    protected string NewGroup() => $"{GetType().Name}-{TestContext.Current.Test!.UniqueID[..8]}-{++groups}";

    /// <summary>Opens a page of a server that has nothing in it, not even an icon.</summary>
    /// <param name="server">The server.</param>
    /// <param name="host">The name that it is asked by: an origin of its own.</param>
    protected Task<IPage> OpenBlankAsync(ServerProcess server, string host = "127.0.0.1")
    {
        Expect(@"/favicon\.ico");
        return OpenAsync(new UriBuilder(server.Address) { Host = host, Path = "/health/live" }.Uri);
    }

    /// <summary>Opens the console for a group, and waits until it is connected.</summary>
    protected async Task<ConsolePage> OpenConsoleAsync(
        ServerProcess server, string group, BrowserNewContextOptions? options = null)
    {
        var console = new ConsolePage(await OpenAsync(ConsolePage.Address(server, group), options));
        await console.IsConnectedAsync();
        return console;
    }

    /// <summary>Opens a page for a user of its own: nothing is shared with other pages.</summary>
    /// <param name="address">The page.</param>
    /// <param name="options">Size, colour scheme and the like.</param>
    protected async Task<IPage> OpenAsync(Uri address, BrowserNewContextOptions? options = null)
    {
        var context = await chromium.Browser.NewContextAsync(options);
        contexts.Add(context);
        context.SetDefaultTimeout((float)Chromium.Patience.TotalMilliseconds);
        context.Console += (_, message) =>
        {
            if (message.Type == "error")
                problems.Enqueue($"console: {message.Text} ({message.Location})");
        };
        context.WebError += (_, fault) => problems.Enqueue($"exception: {fault.Error}");
        context.RequestFailed += (_, request) => problems.Enqueue($"request: {request.Url} {request.Failure}");
        context.Response += (_, answer) =>
        {
            if (answer.Status >= 400)
                problems.Enqueue($"answer: {answer.Url} {answer.Status}");
        };
        await context.AddInitScriptAsync(TellsViolations);
        var page = await context.NewPageAsync();
        await page.GotoAsync(address.AbsoluteUri);
        return page;
    }

    // What a page tells comes in order: after an answer, all that was told before it is here.
    private static async Task HearAllAsync(IPage page)
    {
        try
        {
            await page.EvaluateAsync("() => 0");
        }
        catch (PlaywrightException)
        {
            // It is gone, or never came; whoever wanted something of it was told.
        }
    }
}
