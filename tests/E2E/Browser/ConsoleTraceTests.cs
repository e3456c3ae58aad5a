using Microsoft.Playwright;
using Xunit;

namespace Aether.Tests.E2E.Browser;

/// <summary>The console's trace of one client, for who may operate the platform.</summary>
public sealed class ConsoleTraceTests(Chromium chromium, ConsoleServers servers)
    : BrowserTest(chromium), IClassFixture<ConsoleServers>
{
    [Fact]
    public async Task Trace_ShowsDirectMessagesOfOthersRefusalsAndCloses_UntilItIsStopped()
    {
        string group = NewGroup();
        var console = await OpenConsoleAsync(servers.Open, group);
        await using var drill = await TestClient.ConnectAsync(servers.Open, group, "drill");
        await using var control = await TestClient.ConnectAsync(servers.Open, group, "control");
        await Operation(console, "drill", "Trace").ClickAsync();
        await Assertions.Expect(console.Status("Looking at drill")).ToBeVisibleAsync();
        var traced = console.Page.GetByRole(AriaRole.Region, new() { Name = "Trace, newest first" });
        await Assertions.Expect(traced).ToContainTextAsync("connected");

        await control.SendAsync(Json.Message("control", "direct", "drill", msg: "between us"));
        await Assertions.Expect(Line(traced, "received", "between us · from control")).ToBeVisibleAsync();
        // What the group gets is among the messages; here it is shown to who asks for it.
        await control.SendAsync(Json.Message("control", msg: "for all"));
        await Assertions.Expect(console.Message("for all")).ToBeVisibleAsync();
        await drill.SendAsync(Json.Message("drill", "direct", "nobody", msg: "anybody?", id: "q1"));
        await Assertions.Expect(Line(traced, "refused", "recipient_offline, to_id")).ToBeVisibleAsync();
        await Assertions.Expect(traced.GetByText("for all")).ToHaveCountAsync(0);
        await console.Page.GetByRole(AriaRole.Checkbox, new() { Name = "also what the whole group gets" }).CheckAsync();
        await Assertions.Expect(Line(traced, "received", "for all")).ToBeVisibleAsync();

        await drill.SendAsync(Json.Message("drill", payload: "[]"));
        await Assertions.Expect(Line(traced, "refused", "invalid_message, payload")).ToBeVisibleAsync();
        await Assertions.Expect(Line(traced, "closed", "with 4000: payload")).ToBeVisibleAsync();
        await Line(traced, "received", "between us").PressAsync("Enter");
        await Assertions.Expect(traced.Locator("pre:visible")).ToContainTextAsync("\"from_id\": \"control\"");

        // Nothing more comes once it is stopped: the operation ends with the request.
        await console.Button("Stop").ClickAsync();
        await Assertions.Expect(console.Status("Stopped.")).ToBeVisibleAsync();
        Expect("ERR_ABORTED");
        await console.Button("Close").Last.ClickAsync();
        await Assertions.Expect(traced).ToBeHiddenAsync();
    }

    [Fact]
    public async Task Trace_GoesOn_WhenThePageConnectsAnew_AndEndsWithItsGroup()
    {
        Expect("ERR_ABORTED");
        string group = NewGroup();
        var console = await OpenConsoleAsync(servers.Open, group);
        await using var drill = await TestClient.ConnectAsync(servers.Open, group, "drill");
        await Operation(console, "drill", "Trace").ClickAsync();
        await Assertions.Expect(console.Status("Looking at drill")).ToBeVisibleAsync();

        await console.Button("Reconnect").ClickAsync();
        await console.IsConnectedAsync();
        await drill.SendAsync(Json.Message("drill", "direct", "drill", msg: "note to myself"));
        var traced = console.Page.GetByRole(AriaRole.Region, new() { Name = "Trace, newest first" });
        await Assertions.Expect(Line(traced, "sent", "note to myself")).ToBeVisibleAsync();

        await console.Page.GetByLabel("Group", new() { Exact = true }).FillAsync(NewGroup());
        await console.Button("Reconnect").ClickAsync();
        await Assertions.Expect(traced).ToBeHiddenAsync();
    }

    [Fact]
    public async Task Trace_IsNotOffered_GivenAKeyWithoutThePermission()
    {
        Expect("401|WebSocket connection");
        string group = NewGroup();
        var console = new ConsolePage(await OpenAsync(ConsolePage.Address(servers.Locked, group)));
        await console.Page.GetByLabel("API key").FillAsync("secret-key-number-one");
        await console.Button("Connect").ClickAsync();
        await console.IsConnectedAsync();
        await Assertions.Expect(console.Members.GetByRole(AriaRole.Button, new() { Name = "Trace" })).ToHaveCountAsync(0);
    }

    private static ILocator Operation(ConsolePage console, string member, string name) =>
        console.Member(member).GetByRole(AriaRole.Button, new() { Name = name, Exact = true });

    private static ILocator Line(ILocator traced, string kind, string text) =>
        traced.Locator("summary").Filter(new() { HasText = kind }).Filter(new() { HasText = text });
}
