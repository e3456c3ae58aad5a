using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using Xunit;

namespace Aether.Tests.E2E.Browser;

/// <summary>How commands that report back are given and followed in the console.</summary>
public sealed partial class ConsoleCommandTests(Chromium chromium, ConsoleServers servers)
    : BrowserTest(chromium), IClassFixture<ConsoleServers>
{
    private static readonly HttpClient Http = new();

    private string group = "";

    [Fact]
    public async Task Command_IsGivenFollowedAndItsFailuresNamed()
    {
        var (_, commands) = await OpenAsync();
        await using var first = await WorkerAsync("w-1");
        await using var second = await WorkerAsync("w-2");
        await commands.FillAsync("move");
        await commands.Field("Payload").FillAsync("""{"depth": 3}""");
        await commands.GiveAsync();
        await Assertions.Expect(commands.Said("Given to 2 members")).ToBeVisibleAsync();

        var (left, right) = (await first.TakeAsync(), await second.TakeAsync());
        Assert.Equal(3, left.Payload("depth").GetInt32());
        await Assertions.Expect(commands.Cell("w-1")).ToHaveTextAsync("→");
        await first.ReportAsync(left, "in_progress", """ "progress":{"percent":40} """);
        await Assertions.Expect(commands.Cell("w-1")).ToHaveAccessibleNameAsync(new Regex("in progress, 40 %"));
        await first.ReportAsync(left, "succeeded", """ "result":{"depth":3} """);
        await Assertions.Expect(commands.Cell("w-1")).ToHaveTextAsync("✓");
        await Assertions.Expect(commands.Region.GetByText("1 of 2 have ended")).ToBeVisibleAsync();
        await Assertions.Expect(commands.Button("Retry the others")).ToBeDisabledAsync();
        await second.ReportAsync(right, "failed", """ "error":{"code":"stuck","message":"at 2 m"} """);

        await Assertions.Expect(commands.Said("move: incomplete. 1 succeeded, 1 failed.")).ToBeVisibleAsync();
        await Assertions.Expect(commands.Failures.GetByRole(AriaRole.Row).Filter(new() { HasText = "w-2" }))
            .ToContainTextAsync("stuck: at 2 m");
        await Assertions.Expect(commands.List).ToContainTextAsync("incomplete");
        await Assertions.Expect(commands.Button("Cancel it")).ToBeDisabledAsync();

        // Only who did not succeed gets it again, and the page follows that.
        await commands.Button("Retry the others").ClickAsync();
        await second.ReportAsync(await second.TakeAsync(), "succeeded");
        await Assertions.Expect(commands.Said("move: succeeded. 1 succeeded.")).ToBeVisibleAsync();
        await Assertions.Expect(commands.Button("Retry the others")).ToBeDisabledAsync();
        await Assertions.Expect(commands.List.GetByRole(AriaRole.Row)).ToHaveCountAsync(3);
    }

    [Fact]
    public async Task Command_WaitsAfterItsFirstBatch_AndShowsWhoseTurnHasNotCome()
    {
        var (_, commands) = await OpenAsync();
        await using var first = await WorkerAsync("w-1");
        await using var second = await WorkerAsync("w-2");
        await commands.FillAsync("move");
        await commands.Field("Only for").FillAsync("w-1, w-2");
        await commands.Field("Batches").FillAsync("1, 100%");
        await commands.Field("Pause after each batch").CheckAsync();
        await commands.GiveAsync();

        await Assertions.Expect(commands.Cell("w-2")).ToHaveTextAsync("·");
        await Assertions.Expect(commands.Button("Next batch")).ToBeDisabledAsync();
        await first.ReportAsync(await first.TakeAsync(), "succeeded");
        await Assertions.Expect(commands.Said("move: paused, a batch has ended. 1 queued, 1 succeeded.")).ToBeVisibleAsync();
        await commands.Button("Next batch").ClickAsync();
        await second.ReportAsync(await second.TakeAsync(), "succeeded");
        await Assertions.Expect(commands.Said("move: succeeded. 2 succeeded.")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Command_IsCanceled()
    {
        var (_, commands) = await OpenAsync();
        await using var worker = await WorkerAsync("w-1");
        await commands.FillAsync("move");
        await commands.GiveAsync();
        var execution = await worker.TakeAsync();
        await worker.ReportAsync(execution, "in_progress");
        await Assertions.Expect(commands.Cell("w-1")).ToHaveTextAsync("…");

        await commands.Button("Cancel it").ClickAsync();
        await worker.IsAskedToStopAsync(execution);
        // Nothing more to ask for, and it has not ended.
        await Assertions.Expect(commands.Button("Cancel it")).ToBeDisabledAsync();
        await worker.ReportAsync(execution, "canceled");
        await Assertions.Expect(commands.Said("move: canceled, somebody asked for it. 1 canceled.")).ToBeVisibleAsync();
        await Assertions.Expect(commands.Cell("w-1")).ToHaveTextAsync("C");
    }

    [Fact]
    public async Task Form_ShowsWhatIsRefusedAtItsField()
    {
        var (_, commands) = await OpenAsync();
        await using var worker = await WorkerAsync("w-1");
        await commands.FillAsync("move");
        var attempts = commands.Field("Attempts");
        await attempts.FillAsync("11");
        // Folded up again: what is wrong unfolds it.
        await commands.Region.GetByText("Batches, attempts, when to stop").ClickAsync();
        await commands.GiveAsync();
        await Assertions.Expect(attempts).ToBeFocusedAsync();
        await Assertions.Expect(attempts).ToHaveAccessibleDescriptionAsync("Must be 1 to 10.");
        await Assertions.Expect(attempts).ToHaveAttributeAsync("aria-invalid", "true");
        await attempts.FillAsync("10");
        await Assertions.Expect(attempts).ToHaveAccessibleDescriptionAsync("");

        await commands.Field("For all of the role").SelectOptionAsync("controller");
        await commands.GiveAsync();
        await Assertions.Expect(commands.Said("Refused (no_recipients)")).ToBeVisibleAsync();
        Assert.Empty(await worker.ReceiveUntilNowAsync());
    }

    [Fact]
    public async Task Command_OfSomebodyElse_IsFollowedInAGridOf1000Members()
    {
        var (console, commands) = await OpenAsync();
        await using var worker = await WorkerAsync("drill-7");
        string all = string.Join(',', Enumerable.Range(1, 1000).Select(i => $"\"drill-{i}\""));
        await StartAsync($$"""{"cmd":"move","from_id":"ctl","to":[{{all}}],"batches":[900,1],"delivery_timeout_ms":60000}""");
        await commands.ChooseAsync("move");
        await Assertions.Expect(commands.Cells.GetByRole(AriaRole.Option)).ToHaveCountAsync(1000);
        await Assertions.Expect(commands.Cell("drill-1000")).ToHaveTextAsync("·");
        // All of them in sight at once.
        Assert.True(await commands.Cells.EvaluateAsync<bool>("node => node.scrollHeight <= node.clientHeight + 40"));

        await worker.ReportAsync(await worker.TakeAsync(), "rejected", """ "error":{"code":"doors_open"} """);
        await Assertions.Expect(commands.Cell("drill-7")).ToHaveTextAsync("R");

        // By keyboard: the seventh is the seventh by name.
        await commands.Cells.FocusAsync();
        await console.Page.Keyboard.PressAsync("Home");
        for (int i = 0; i < 6; i++)
            await console.Page.Keyboard.PressAsync("ArrowRight");
        await Assertions.Expect(commands.Cell("drill-7")).ToHaveAttributeAsync("aria-selected", "true");
        await Assertions.Expect(commands.Region.GetByText("drill-7: rejected, doors_open")).ToBeVisibleAsync();

        // By pointer.
        await commands.Cell("drill-950").HoverAsync();
        await Assertions.Expect(commands.Region.GetByText("drill-950: queued")).ToBeVisibleAsync();

        await commands.Region.GetByRole(AriaRole.Button, new() { Name = "rejected 1" }).ClickAsync();
        await Assertions.Expect(commands.Cells.GetByRole(AriaRole.Option)).ToHaveCountAsync(1);
        await Assertions.Expect(commands.Region.GetByText("1 member shown")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Command_GoesOnFromTheLastVersion_GivenAConnectionThatBroke()
    {
        group = NewGroup();
        var line = new CutLine();
        var page = await OpenAsync(new Uri("about:blank"));
        await line.PutIntoAsync(page);
        await page.GotoAsync(ConsolePage.Address(servers.Open, group).AbsoluteUri);
        var console = new ConsolePage(page);
        await console.IsConnectedAsync();
        var commands = new CommandsCard(console);
        await using var worker = await WorkerAsync("w-1");
        await commands.FillAsync("move");
        await commands.GiveAsync();
        var execution = await worker.TakeAsync();
        await worker.ReportAsync(execution, "in_progress", """ "progress":{"percent":40} """);
        await Assertions.Expect(commands.Cell("w-1")).ToHaveAccessibleNameAsync(new Regex("40 %"));
        Assert.DoesNotContain(line.Sent, text => text.Contains("\"after\":", StringComparison.Ordinal));

        await line.CutAsync();
        await worker.ReportAsync(execution, "succeeded");
        await Assertions.Expect(commands.Said("move: succeeded. 1 succeeded.")).ToBeVisibleAsync();
        Assert.Contains(line.Sent, text =>
            text.Contains("\"command.watch\"", StringComparison.Ordinal) && AfterAVersion().IsMatch(text));
    }

    [Fact]
    public async Task Command_GoesOn_GivenThatThePageConnectsAnew()
    {
        var (console, commands) = await OpenAsync();
        await using var worker = await WorkerAsync("w-1");
        await commands.FillAsync("move");
        await commands.GiveAsync();
        var execution = await worker.TakeAsync();
        await console.Button("Reconnect").ClickAsync();
        await worker.ReportAsync(execution, "succeeded");
        await Assertions.Expect(commands.Said("move: succeeded. 1 succeeded.")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Members_AreMarked_WhoHoldALease()
    {
        var (console, _) = await OpenAsync();
        await using var worker = await WorkerAsync("w-1");
        await Assertions.Expect(console.Member("w-1")).ToBeVisibleAsync();
        await AskAsync("lease.acquire", """{"name":"press","ttl_ms":60000}""");
        await Assertions.Expect(console.Member("w-1")).ToContainTextAsync("holds press");
        // What was told before is asked for again by a page that connects anew.
        await console.Button("Reconnect").ClickAsync();
        await console.IsConnectedAsync();
        await Assertions.Expect(console.Member("w-1")).ToContainTextAsync("holds press");
        await AskAsync("lease.release", """{"name":"press","term":1}""");
        await Assertions.Expect(console.Member("w-1")).Not.ToContainTextAsync("holds");

        Task AskAsync(string cmd, string payload) => worker.SendAsync(Json.Message(
            "w-1", "direct", "aether", type: "cmd", cmd: cmd, id: cmd, payload: payload));
    }

    [GeneratedRegex(@"""after"":[1-9]")]
    private static partial Regex AfterAVersion();

    private async Task<(ConsolePage Console, CommandsCard Commands)> OpenAsync()
    {
        group = NewGroup();
        var console = await OpenConsoleAsync(servers.Open, group);
        return (console, new CommandsCard(console));
    }

    private Task<TestClient> WorkerAsync(string id) => TestClient.ConnectAsync(servers.Open, group, id, "role=worker");

    private async Task StartAsync(string json)
    {
        using var content = new StringContent(json, System.Text.Encoding.UTF8, "application/json");
        using var answer = await Http.PostAsync(new Uri(servers.Open.Address, $"/v3/groups/{group}/commands"), content);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }

    /// <summary>What lies between a page and the server: it hears what the page says, and can break.</summary>
    private sealed class CutLine
    {
        private readonly ConcurrentQueue<string> sent = new();
        private IWebSocketRoute? open;

        public IReadOnlyCollection<string> Sent => sent;

        public Task PutIntoAsync(IPage page) => page.RouteWebSocketAsync(new Regex("/ws/"), route =>
        {
            var server = route.ConnectToServer();
            route.OnMessage(frame =>
            {
                sent.Enqueue(frame.Text ?? "");
                server.Send(frame.Text ?? "");
            });
            open = route;
        });

        public Task CutAsync() => open!.CloseAsync(new() { Code = 1011, Reason = "cut" });
    }
}
