using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using Xunit;

namespace Aether.Tests.E2E.Browser;

/// <summary>The console page of a server in development.</summary>
public sealed partial class ConsoleTests(Chromium chromium, ConsoleServers servers)
    : BrowserTest(chromium), IClassFixture<ConsoleServers>
{
    private const string Key = ConsoleServers.Key;

    private string group = "";

    [Fact]
    public async Task Page_OpensAndConnectsByItself()
    {
        var console = await OpenConsoleAsync();
        await Assertions.Expect(console.Page).ToHaveTitleAsync(new Regex("Aether"));
        await Assertions.Expect(console.Status($"Connected to {group}")).ToBeVisibleAsync();
        await Assertions.Expect(console.Members.GetByRole(AriaRole.Row)).ToHaveCountAsync(2);
        await Assertions.Expect(console.Page.GetByText("Nothing has passed yet.")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Members_ShowWhoComes_WithoutBeingAskedFor()
    {
        group = NewGroup();
        int questions = 0;
        var page = await OpenAsync(new Uri("about:blank"));
        page.WebSocket += (_, socket) => socket.FrameSent += (_, frame) =>
        {
            if (frame.Text?.Contains("\"roster\"", StringComparison.Ordinal) == true)
                Interlocked.Increment(ref questions);
        };
        await page.GotoAsync(ConsolePage.Address(servers.Open, group).AbsoluteUri);
        var console = new ConsolePage(page);
        await console.IsConnectedAsync();
        Assert.InRange(Volatile.Read(ref questions), 1, int.MaxValue);

        bool isTold = false;
        for (int i = 0; i < 3 && !isTold; i++)
        {
            // The page asks again every 15 s, and that may be just now.
            int before = Volatile.Read(ref questions);
            await using var guest = await TestClient.ConnectAsync(servers.Open, group, "guest-" + i);
            await Assertions.Expect(console.Member("guest-" + i)).ToBeVisibleAsync();
            isTold = Volatile.Read(ref questions) == before;
        }
        Assert.True(isTold, "who comes is shown only once the page asks for the roster");
    }

    [Fact]
    public async Task Members_ShowWhoIsThere_AndWhoGoes()
    {
        var console = await OpenConsoleAsync();
        // The mark of who has left is there for two seconds: a look from here may come too late.
        await console.Members.EvaluateAsync(
            """
            members => {
                globalThis.marks = new Set();
                new MutationObserver(() => members.querySelectorAll("tr.gone").forEach(row => marks.add(row.innerText)))
                    .observe(members, { attributes: true, childList: true, subtree: true, characterData: true });
            }
            """);
        await using (var guest = await TestClient.ConnectAsync(servers.Open, group, "guest", "role=worker"))
        {
            await Assertions.Expect(console.Member("guest")).ToBeVisibleAsync();
            await Assertions.Expect(console.Member("guest")).ToContainTextAsync("worker");
            await guest.SendAsync(Json.Message(
                "guest", type: "presence", cmd: "update", payload: """{"state":{"paper":"low"}}"""));
            await Assertions.Expect(console.Member("guest")).ToContainTextAsync("\"paper\":\"low\"");
        }
        await Assertions.Expect(console.Member("guest")).ToHaveCountAsync(0);
        string marks = await console.Page.EvaluateAsync<string>("() => [...marks].join('; ')");
        Assert.Contains("guest", marks, StringComparison.Ordinal);
        Assert.Contains("left", marks, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Messages_AreListedFilteredHeldAndInspected()
    {
        var console = await OpenConsoleAsync();
        await using var guest = await TestClient.ConnectAsync(servers.Open, group, "guest");
        await guest.SendAsync(Json.Message("guest", type: "cmd", cmd: "start", payload: """{"speed":3}"""));
        await guest.SendAsync(Json.Message("guest", msg: "paper is low"));
        await Assertions.Expect(console.Message("start")).ToContainTextAsync("{\"speed\":3}");
        await Assertions.Expect(console.Message("paper is low")).ToContainTextAsync("guest");

        // By what is in a message, then by its kind.
        var filter = console.Page.GetByRole(AriaRole.Searchbox, new() { Name = "Filter" });
        await filter.FillAsync("SPEED");
        await Assertions.Expect(console.Messages.GetByRole(AriaRole.Option)).ToHaveCountAsync(1);
        await Assertions.Expect(console.Message("start")).ToBeVisibleAsync();
        await filter.FillAsync("");
        await console.Page.GetByRole(AriaRole.Checkbox, new() { Name = "cmd", Exact = true }).UncheckAsync();
        await Assertions.Expect(console.Message("start")).ToHaveCountAsync(0);
        await Assertions.Expect(console.Message("paper is low")).ToBeVisibleAsync();
        await console.Page.GetByRole(AriaRole.Checkbox, new() { Name = "cmd", Exact = true }).CheckAsync();
        await Assertions.Expect(console.Message("start")).ToBeVisibleAsync();

        await console.Button("Pause").ClickAsync();
        await guest.SendAsync(Json.Message("guest", msg: "said meanwhile"));
        await Assertions.Expect(console.Page.GetByText("1 message passed meanwhile")).ToBeVisibleAsync();
        await Assertions.Expect(console.Message("said meanwhile")).ToHaveCountAsync(0);
        await console.Button("Resume").ClickAsync();
        await guest.SendAsync(Json.Message("guest", msg: "said later"));
        await Assertions.Expect(console.Message("said later")).ToBeVisibleAsync();

        await console.Message("start").ClickAsync();
        await AssertInspectedAsync("start", 3);
        await console.Button("Close").ClickAsync();
        await Assertions.Expect(console.Inspected).ToHaveCountAsync(0);

        async Task AssertInspectedAsync(string cmd, int speed)
        {
            await Assertions.Expect(console.Inspected).ToContainTextAsync(cmd);
            var message = Json.Read(await console.Inspected.InnerTextAsync());
            Assert.Equal(("3", "guest", cmd, group), (
                message.Text("version"), message.Text("from_id"), message.Text("cmd"), message.Text("group_id")));
            Assert.Equal(speed, message.Payload("speed").GetInt32());
        }
    }

    [Fact]
    public async Task Message_GetsItsClick_GivenOthersThatComeWhileItIsPressed()
    {
        var console = await OpenConsoleAsync();
        await using var guest = await TestClient.ConnectAsync(servers.Open, group, "guest");
        await guest.SendAsync(Json.Message("guest", msg: "first"));
        await Assertions.Expect(console.Message("first")).ToBeVisibleAsync();

        var rate = console.Page.GetByText(new Regex("^[0-9]+ messages/s$"));
        await Assertions.Expect(rate).ToHaveCountAsync(0);
        await console.Message("first").HoverAsync();
        await console.Page.Mouse.DownAsync();
        // Seen from within the page: it stands there for a second, and a look from here may come too late.
        var counted = console.Page.EvaluateAsync(
            """
            () => new Promise(resolve => new MutationObserver((_, observer) => {
                if (!/^[0-9]+ messages.s$/.test(document.getElementById("sampling").textContent)) return;
                observer.disconnect();
                resolve();
            }).observe(document.body, { childList: true, subtree: true, characterData: true }))
            """);
        await guest.SendAsync(Json.Message("guest", msg: "second"));
        // It has come, and a second has passed, in which it would have been drawn.
        await counted.WaitAsync(Chromium.Patience, TestContext.Current.CancellationToken);
        await Assertions.Expect(rate).ToHaveCountAsync(0);
        await console.Page.Mouse.UpAsync();

        await Assertions.Expect(console.Inspected).ToContainTextAsync("\"msg\": \"first\"");
        await console.Button("Close").ClickAsync();
        await Assertions.Expect(console.Message("second")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Messages_AreChosenByKeyboard()
    {
        var console = await OpenConsoleAsync();
        await using var guest = await TestClient.ConnectAsync(servers.Open, group, "guest");
        await guest.SendAsync(Json.Message("guest", msg: "first"));
        await Assertions.Expect(console.Message("first")).ToBeVisibleAsync();
        await guest.SendAsync(Json.Message("guest", msg: "second"));
        await Assertions.Expect(console.Message("second")).ToBeVisibleAsync();

        await console.Messages.FocusAsync();
        await console.Page.Keyboard.PressAsync("ArrowDown");
        await Assertions.Expect(console.Message("second")).ToHaveAttributeAsync("aria-selected", "true");
        await console.Page.Keyboard.PressAsync("ArrowDown");
        await Assertions.Expect(console.Message("first")).ToHaveAttributeAsync("aria-selected", "true");
        // Reading holds the list.
        await guest.SendAsync(Json.Message("guest", msg: "third"));
        await Assertions.Expect(console.Page.GetByText("1 message passed meanwhile")).ToBeVisibleAsync();
        await Assertions.Expect(console.Message("third")).ToHaveCountAsync(0);
        await console.Page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(console.Inspected).ToContainTextAsync("\"msg\": \"first\"");
        await console.Page.Keyboard.PressAsync("Escape");
        await Assertions.Expect(console.Inspected).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task Markup_IsShownAndNeverRun()
    {
        const string Markup = "<img src=x onerror=\"console.error('it ran')\">";
        var console = await OpenConsoleAsync();
        await using var guest = await TestClient.ConnectAsync(servers.Open, group, "guest");
        string payload = JsonSerializer.Serialize(new Dictionary<string, string> { ["<b>"] = Markup });
        await guest.SendAsync(Json.Message("guest", type: "cmd", cmd: Markup, msg: Markup, payload: payload));
        await guest.SendAsync(Json.Message(
            "guest", type: "presence", cmd: "update", payload: $$"""{"state":{{payload}}}"""));
        await Assertions.Expect(console.Message($"{Markup} · {Markup}")).ToBeVisibleAsync();
        await Assertions.Expect(console.Member("guest")).ToContainTextAsync("onerror");
        await console.Message($"{Markup} · {Markup}").ClickAsync();
        await Assertions.Expect(console.Inspected).ToContainTextAsync("onerror");
        await Assertions.Expect(console.Page.Locator("img")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task DemoWorkers_AppearAndAnswer()
    {
        var console = await OpenConsoleAsync();
        await console.Button("Add 3 demo workers").ClickAsync();
        var workers = console.Members.GetByRole(AriaRole.Row).Filter(
            new() { Has = console.Page.GetByRole(AriaRole.Cell, new() { Name = "worker", Exact = true }) });
        await Assertions.Expect(workers).ToHaveCountAsync(3);
        await console.Button("Hand out work").ClickAsync();
        var jobs = console.Page.GetByRole(AriaRole.Region, new() { Name = "Jobs and replies" });
        // Two for each of the three: one that they are given when they come, and this one.
        var answered = jobs.GetByRole(AriaRole.Row).Filter(new() { HasText = "\"done\":" });
        await Assertions.Expect(answered).ToHaveCountAsync(6);
        await console.Button("Remove them").ClickAsync();
        await Assertions.Expect(workers).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task Platform_ShowsGroupsAndInstances_AndAGroupsNameOpensIt()
    {
        var console = await OpenConsoleAsync();
        string other = NewGroup() + "-with-a-long-name";
        await using var guest = await TestClient.ConnectAsync(servers.Open, other, "guest");

        var groups = console.Page.GetByRole(AriaRole.Region, new() { Name = "Groups of the platform" });
        var link = groups.GetByTitle(other, new() { Exact = true });
        await Assertions.Expect(link).ToBeVisibleAsync();
        await Assertions.Expect(link).ToContainTextAsync("…");
        var instances = console.Page.GetByRole(AriaRole.Region, new() { Name = "Instances of the server" });
        await Assertions.Expect(instances.GetByRole(AriaRole.Row)).ToHaveCountAsync(2);
        await Assertions.Expect(instances).ToContainTextAsync("this page’s");

        await link.ClickAsync();
        await Assertions.Expect(console.Status($"Connected to {other}")).ToBeVisibleAsync();
        await Assertions.Expect(console.Member("guest")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Member_IsDisconnected_OnceThatIsConfirmed()
    {
        var console = await OpenConsoleAsync();
        await using var guest = await TestClient.ConnectAsync(servers.Open, group, "guest");
        console.Page.Dialog += (_, dialog) => dialog.AcceptAsync();

        await console.Member("guest").GetByRole(AriaRole.Button, new() { Name = "Disconnect…" }).ClickAsync();

        await Assertions.Expect(console.Status("guest is disconnected")).ToBeVisibleAsync();
        await Assertions.Expect(console.Member("guest")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task Closes_AreListedWithTheirCodes_AndReconnectKeepsTheDemoWorkers()
    {
        var console = await OpenConsoleAsync();
        await console.Button("Add 3 demo workers").ClickAsync();
        var workers = console.Members.GetByRole(AriaRole.Row).Filter(
            new() { Has = console.Page.GetByRole(AriaRole.Cell, new() { Name = "worker", Exact = true }) });
        await Assertions.Expect(workers).ToHaveCountAsync(3);

        await console.Button("Reconnect").ClickAsync();
        await console.IsConnectedAsync();
        await Assertions.Expect(workers).ToHaveCountAsync(3);

        console.Page.Dialog += (_, dialog) => dialog.AcceptAsync();
        await workers.First.GetByRole(AriaRole.Button, new() { Name = "Disconnect…" }).ClickAsync();
        await Assertions.Expect(console.Message("closed with 4005")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Page_StillAnswersAndSaysThatItSamples_Given5000MessagesASecond()
    {
        var console = await OpenConsoleAsync();
        await using var guest = await TestClient.ConnectAsync(servers.Open, group, "guest", "echo=off");
        using var enough = new CancellationTokenSource();
        var flood = FloodAsync(guest, enough.Token);

        var sampling = console.Page.GetByText(Sampling());
        await Assertions.Expect(sampling).ToBeVisibleAsync();
        await console.Button("Pause").ClickAsync();
        await Assertions.Expect(console.Page.GetByText("messages passed meanwhile")).ToBeVisibleAsync();
        await console.Button("Resume").ClickAsync();
        await Assertions.Expect(sampling).ToBeVisibleAsync();
        await console.Composer.GetByLabel("Type").SelectOptionAsync("msg");
        await console.Composer.GetByLabel("Target").SelectOptionAsync("direct");
        await console.Composer.GetByLabel("To (client id)").FillAsync("guest");
        await console.Composer.GetByLabel("Text").FillAsync("can you hear me?");
        await console.Button("Send").ClickAsync();
        Assert.Equal("can you hear me?", (await guest.ReceiveAsync(Chromium.Patience)).Text("msg"));
        await Assertions.Expect(console.Composer.GetByRole(AriaRole.Status)).ToContainTextAsync("1 instance");

        await enough.CancelAsync();
        await flood;
        await Assertions.Expect(sampling).ToHaveCountAsync(0);
        await guest.SendAsync(Json.Message("guest", msg: "after the flood"));
        await Assertions.Expect(console.Message("after the flood")).ToBeVisibleAsync();
        await Assertions.Expect(console.Status("Connected to")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Page_AsksForTheKey_GivenAServerThatNeedsOne()
    {
        Expect("401|WebSocket connection");
        group = NewGroup();
        var console = new ConsolePage(await OpenAsync(ConsolePage.Address(servers.Locked, group)));
        await Assertions.Expect(console.Status("a valid API key is needed")).ToBeVisibleAsync();
        await Assertions.Expect(console.Status("The server asks for an API key")).ToBeVisibleAsync();

        var key = console.Page.GetByLabel("API key");
        await key.FillAsync(Key + "x");
        await console.Button("Connect").ClickAsync();
        await Assertions.Expect(console.Status("The server does not take this key")).ToBeVisibleAsync();
        await key.FillAsync(Key);
        await key.PressAsync("Enter");
        await console.IsConnectedAsync();
        Assert.DoesNotContain(Key, console.Page.Url, StringComparison.Ordinal);
        string kept = await console.Page.EvaluateAsync<string>(
            "() => JSON.stringify([localStorage, sessionStorage, document.cookie])");
        Assert.DoesNotContain(Key, kept, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Page_ShowsATokenAsABearer_AndAsksForAnotherOne_GivenOneThatIsRefused()
    {
        Expect("401|WebSocket connection");
        group = NewGroup();
        var console = new ConsolePage(await OpenAsync(ConsolePage.Address(servers.Locked, group)));
        await Assertions.Expect(console.Status("The server asks for an API key or token")).ToBeVisibleAsync();
        string token = TokenOf("""{"sub":"ctl","role":"controller"}""");
        await console.Page.GetByLabel("API key or token").FillAsync(token);
        // The client asks over HTTP why it was refused.
        var asked = await console.Page.RunAndWaitForRequestAsync(
            () => console.Button("Connect").ClickAsync(),
            request => request.Url.Contains($"/v3/ws/group/{group}/client/ctl?role=controller", StringComparison.Ordinal));
        Assert.Equal("Bearer " + token, await asked.HeaderValueAsync("Authorization"));
        Assert.Null(await asked.HeaderValueAsync("X-Aether-API-Key"));
        await Assertions.Expect(console.Status("The server does not take this key or token")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Page_ConnectsAsTheUserOfAToken_AndAsItselfWithoutOne()
    {
        var console = await OpenConsoleAsync();
        await using var phone = await TestClient.ConnectAsync(servers.Open, group, "ctl", "role=controller");
        await Assertions.Expect(console.Member("ctl")).ToBeVisibleAsync();
        var key = console.Page.GetByLabel("API key or token");
        await key.FillAsync(TokenOf("""{"sub":"ctl","role":"controller"}"""));
        await console.Button("Reconnect").ClickAsync();
        await Assertions.Expect(console.Status($"Connected to {group} as ctl.")).ToBeVisibleAsync();
        await Assertions.Expect(console.Member("ctl")).ToContainTextAsync("this page");
        await console.Button("Add 3 demo workers").ClickAsync();
        await Assertions.Expect(console.Status("A token is for one client")).ToBeVisibleAsync();

        await key.FillAsync("");
        await console.Button("Reconnect").ClickAsync();
        await Assertions.Expect(console.Status($"Connected to {group} as console-")).ToBeVisibleAsync();
        await Assertions.Expect(console.Member("ctl")).Not.ToContainTextAsync("this page");
        await console.IsConnectedAsync();
    }

    [Fact]
    public async Task Page_ComesBack_GivenTheServerRestarted()
    {
        // Whatever was under way when the server was killed, and whatever is asked while there is none.
        Expect("ERR_CONNECTION_|ERR_EMPTY_RESPONSE|ERR_SOCKET_NOT_CONNECTED|ERR_INCOMPLETE_CHUNKED|WebSocket connection");
        group = NewGroup();
        await using var first = await ServerProcess.StartAsync(
            host: ConsoleServers.Development(new() { ["ASPNETCORE_URLS"] = $"http://127.0.0.1:{Ports.Next()}" }));
        var console = await OpenConsoleAsync(first, group);
        first.Kill();
        await Assertions.Expect(console.Status("Connection lost, trying again")).ToBeVisibleAsync();
        await first.WaitForExitAsync(Eventually.Soon);
        await using var second = await ServerProcess.StartAsync(
            host: ConsoleServers.Development(new() { ["ASPNETCORE_URLS"] = first.Address.AbsoluteUri }));
        await Assertions.Expect(console.Status("Connected to")).ToBeVisibleAsync(new() { Timeout = 60_000 });
        await using var guest = await TestClient.ConnectAsync(second, group, "guest");
        await Assertions.Expect(console.Member("guest")).ToBeVisibleAsync();
    }

    [GeneratedRegex(@"showing \d+ of [\d,]+ messages/s")]
    private static partial Regex Sampling();

    // 100 messages 50 times a second; where the machine is too slow for that, as many as it can.
    private static async Task FloodAsync(TestClient sender, CancellationToken enough)
    {
        using var beat = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        string message = Json.Message(sender.Id, cmd: "tick", payload: """{"x":1,"y":2}""");
        while (!enough.IsCancellationRequested)
        {
            for (int i = 0; i < 100; i++)
                await sender.SendAsync(message);
            await beat.WaitForNextTickAsync(CancellationToken.None);
        }
    }

    // What the page reads of a token; nobody has signed it.
    private static string TokenOf(string claims) =>
        $"e30.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(claims))}.c2ln";

    private Task<ConsolePage> OpenConsoleAsync()
    {
        group = NewGroup();
        return OpenConsoleAsync(servers.Open, group);
    }
}
