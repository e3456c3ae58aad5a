using Microsoft.Playwright;
using Xunit;

namespace Aether.Tests.E2E.Browser;

/// <summary>
/// Tests with pages. They share one browser, and run one after another and after all others: the browser alone keeps
/// this machine busy.
/// </summary>
[CollectionDefinition(nameof(Browsing), DisableParallelization = true)]
public sealed class Browsing : ICollectionFixture<Chromium>;

/// <summary>The Chromium of this machine, without a window.</summary>
public sealed class Chromium : IAsyncLifetime
{
    /// <summary>How long anything in a page may take, on a machine that is busy.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static readonly string[] Flags =
    [
        // As root, and in containers, its sandbox does not start.
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        // Pages of several contexts are all in front; none may be slowed down as if it were not.
        "--disable-background-timer-throttling",
        "--disable-renderer-backgrounding",
        "--disable-backgrounding-occluded-windows",
    ];

    private IPlaywright? playwright;
    private IBrowser? browser;

    /// <summary>The browser; a context of it is a user of his own.</summary>
    public IBrowser Browser => browser!;

    private static string Executable =>
        Environment.GetEnvironmentVariable("CHROMIUM") is { Length: > 0 } path ? path : "/usr/bin/chromium";

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        if (!File.Exists(Executable))
        {
            throw new InvalidOperationException(
                $"there is no browser at {Executable}: install the package chromium, or name another in CHROMIUM");
        }
        Assertions.SetDefaultExpectTimeout((float)Patience.TotalMilliseconds);
        playwright = await Playwright.CreateAsync();
        browser = await LaunchAsync();
    }

    /// <summary>Starts another one, for a test that needs it in another way.</summary>
    /// <param name="without">Flags that it is started without, of those that Playwright gives by itself.</param>
    public Task<IBrowser> LaunchAsync(params string[] without) => playwright!.Chromium.LaunchAsync(new()
    {
        ExecutablePath = Executable,
        Args = Flags,
        IgnoreDefaultArgs = without,
        Timeout = 60_000,
    });

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (browser is not null)
            await browser.DisposeAsync();
        playwright?.Dispose();
    }
}
