using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using Xunit;

namespace Aether.Tests.E2E.Browser;

/// <summary>
/// The console as axe-core judges it: by all of its rules in a light wide window and in a dark narrow one, and in the other
/// two by the one that colours matter to.
/// </summary>
public sealed class AccessibilityTests(Chromium chromium, ConsoleServers servers)
    : BrowserTest(chromium), IClassFixture<ConsoleServers>
{
    // Colours that fade in are neither of the two that they come from and go to.
    private static readonly BrowserNewContextOptions Still = new() { ReducedMotion = ReducedMotion.Reduce };

    private static readonly (ColorScheme Scheme, int Width, bool AllRules)[] Looks =
    [
        (ColorScheme.Light, 1280, true),
        (ColorScheme.Dark, 1280, false),
        (ColorScheme.Light, 390, false),
        (ColorScheme.Dark, 390, true),
    ];

    [Fact]
    public async Task Console_IsClean_GivenNothingInIt()
    {
        var console = await OpenConsoleAsync(servers.Open, NewGroup(), Still);
        await AssertCleanAsync(console.Page);
    }

    [Fact]
    public async Task Console_IsClean_GivenMembersMessagesJobsAndMistakes()
    {
        string group = NewGroup();
        var console = await OpenConsoleAsync(servers.Open, group, Still);
        await console.Button("Add 3 demo workers").ClickAsync();
        await console.Button("Hand out work").ClickAsync();
        await using (var guest = await TestClient.ConnectAsync(servers.Open, group, "guest"))
        {
            await Assertions.Expect(console.Member("guest")).ToBeVisibleAsync();
            await guest.SendAsync(Json.Message("guest", msg: "paper is low"));
            await Assertions.Expect(console.Message("paper is low")).ToBeVisibleAsync();
        }
        await Assertions.Expect(console.Page.GetByTitle(group, new() { Exact = true })).ToBeVisibleAsync();
        await console.Composer.GetByLabel("Payload").FillAsync("{");
        await console.Button("Send").ClickAsync();
        await Assertions.Expect(console.Composer.GetByRole(AriaRole.Status)).ToContainTextAsync("Line 1, column 2");
        // Held, and whole: nothing moves while it is looked at.
        await console.Message("paper is low").ClickAsync();
        await Assertions.Expect(console.Inspected).ToContainTextAsync("paper is low");
        await AssertCleanAsync(console.Page);
    }

    [Fact]
    public async Task Console_IsClean_GivenATrace()
    {
        Expect("ERR_ABORTED");
        string group = NewGroup();
        var console = await OpenConsoleAsync(servers.Open, group, Still);
        await using var guest = await TestClient.ConnectAsync(servers.Open, group, "guest");
        await console.Member("guest").GetByRole(AriaRole.Button, new() { Name = "Trace" }).ClickAsync();
        var traced = console.Page.GetByRole(AriaRole.Region, new() { Name = "Trace, newest first" });
        await Assertions.Expect(traced).ToContainTextAsync("connected");
        await guest.SendAsync(Json.Message("guest", "direct", "nobody", msg: new string('x', 300), id: "q1"));
        await Assertions.Expect(traced).ToContainTextAsync("recipient_offline");
        await guest.SendAsync(Json.Message("guest", payload: "[]"));
        await Assertions.Expect(traced).ToContainTextAsync("with 4000");
        await traced.Locator("summary").Filter(new() { HasText = "with 4000" }).PressAsync("Enter");
        await AssertCleanAsync(console.Page);
    }

    [Fact]
    public async Task Console_IsClean_GivenACommandInAllItsStates()
    {
        string group = NewGroup();
        var console = await OpenConsoleAsync(servers.Open, group, Still);
        var commands = new CommandsCard(console);
        string[] ends = ["in_progress", "succeeded", "failed", "rejected"];
        var workers = await Task.WhenAll(ends.Select(
            end => TestClient.ConnectAsync(servers.Open, group, "w-" + end, "role=worker")));
        await commands.FillAsync("move");
        // One is away; the last one's turn does not come.
        await commands.Field("Only for").FillAsync(string.Join(", ", ends.Select(end => "w-" + end)) + ", w-away, w-queued");
        await commands.Field("Batches").FillAsync("5, 1");
        await commands.GiveAsync();
        for (int i = 0; i < ends.Length; i++)
        {
            string more = i is 0 ? """ "progress":{"percent":40} """ : i is 1 ? "" : """ "error":{"code":"stuck"} """;
            await workers[i].ReportAsync(await workers[i].TakeAsync(), ends[i], more);
        }
        await Assertions.Expect(commands.Cells.GetByText("R")).ToBeVisibleAsync();
        await Assertions.Expect(commands.Cell("w-queued")).ToHaveTextAsync("·");
        // And a mistake in the form.
        await commands.Field("Attempts").FillAsync("11");
        await commands.GiveAsync();
        await Assertions.Expect(commands.Said("see the field above")).ToBeVisibleAsync();
        await AssertCleanAsync(console.Page);

        await commands.Button("Cancel it").ClickAsync();
        await workers[0].CloseAsync();
        await Assertions.Expect(commands.Cell("w-queued")).ToHaveTextAsync("C");
        await commands.Cells.FocusAsync();
        await AssertCleanAsync(console.Page);
        foreach (var worker in workers)
            await worker.DisposeAsync();
    }

    [Fact]
    public async Task Console_IsClean_GivenNoConnection()
    {
        Expect("401|WebSocket connection");
        var console = new ConsolePage(await OpenAsync(ConsolePage.Address(servers.Locked, NewGroup()), Still));
        await Assertions.Expect(console.Status("Not connected")).ToBeVisibleAsync();
        await AssertCleanAsync(console.Page);
    }

    private static async Task AssertCleanAsync(IPage page)
    {
        foreach (var (scheme, width, allRules) in Looks)
        {
            await page.EmulateMediaAsync(new() { ColorScheme = scheme });
            await page.SetViewportSizeAsync(width, 800);
            // Nothing sticks out to the side, where nobody finds it.
            Assert.Equal(width, await page.EvaluateAsync<int>("() => document.documentElement.scrollWidth"));
            Assert.Empty(await page.EvaluateAsync<string[]>("""
                () => [...document.querySelectorAll(".scroll, .feed, pre")].filter(one => one.scrollWidth > one.clientWidth)
                  .map(one => `${one.id || one.ariaLabel}: ${one.scrollWidth} > ${one.clientWidth}`)
                """));
            var result = await page.RunAxe(allRules ? null : new() { RunOnly = RunOnlyOptions.Rules("color-contrast") });
            Assert.NotEmpty(result.Passes);
            Assert.True(
                result.Violations.Length == 0,
                $"{scheme}, {width}:\n" + string.Join("\n", result.Violations.Select(Describe)));
        }
    }

    private static string Describe(AxeResultItem violation) =>
        $"{violation.Id}: {violation.Help}\n"
            + string.Join("\n", violation.Nodes.Select(node => $"  {node.Target} {node.Html}"));
}
