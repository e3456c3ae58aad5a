using Microsoft.Playwright;
using Xunit;

namespace Aether.Tests.E2E.Browser;

/// <summary>The console's list of messages: how long ids look, what a sent message is good for, what reconnecting keeps.</summary>
public sealed class ConsoleFeedTests(Chromium chromium, ConsoleServers servers)
    : BrowserTest(chromium), IClassFixture<ConsoleServers>
{
    [Theory]
    [InlineData(1280)]
    [InlineData(390)]
    public async Task LongIds_KeepTheirEnd_WhereThereIsTooLittleRoom(int width)
    {
        string group = NewGroup();
        var console = await OpenConsoleAsync(
            servers.Open, group, new() { ViewportSize = new() { Width = width, Height = 800 } });
        string id = "controller-of-the-whole-hall-north-number-0042";
        await using var guest = await TestClient.ConnectAsync(servers.Open, group, id);
        await guest.SendAsync(Json.Message(id, msg: "paper is low"));

        var sender = console.Message("paper is low").GetByTitle(id, new() { Exact = true });
        // Whole to whoever reads the page's text, and cut only to the eye.
        await Assertions.Expect(sender).ToHaveTextAsync(id);
        bool[] cut = await sender.EvaluateAsync<bool[]>(
            "id => [...id.children].map(part => part.scrollWidth > part.clientWidth)");
        Assert.Equal([true, false], cut);
        Assert.Equal("0042", await sender.Locator("> :last-child").TextContentAsync());
        // The end is inside the column, where it can be seen.
        Assert.True(await sender.EvaluateAsync<bool>(
            "id => id.getBoundingClientRect().right <= id.parentElement.getBoundingClientRect().right + 1"));
    }

    [Fact]
    public async Task SentMessage_IsSentOnceMore_AndThatOfOthersIsNot()
    {
        string group = NewGroup();
        var console = await OpenConsoleAsync(servers.Open, group);
        await using var guest = await TestClient.ConnectAsync(servers.Open, group, "guest");
        await console.Composer.GetByLabel("Type").SelectOptionAsync("cmd");
        await console.Composer.GetByLabel("Target").SelectOptionAsync("direct");
        await console.Composer.GetByLabel("To (client id)").FillAsync("guest");
        await console.Composer.GetByLabel("Command").FillAsync("start");
        await console.Composer.GetByLabel("Payload").FillAsync("""{"speed": 3}""");
        await console.Button("Send").ClickAsync();
        var first = await guest.ReceiveAsync();

        await console.Message("start").ClickAsync();
        await console.Button("Send again").ClickAsync();

        var second = await guest.ReceiveAsync();
        Assert.Equal(("cmd", "direct", "start"), (second.Text("msg_type"), second.Text("target"), second.Text("cmd")));
        Assert.Equal(3, second.Payload("speed").GetInt32());
        Assert.NotEqual(first.Text("id"), second.Text("id"));
        await Assertions.Expect(console.Status("Sent again.")).ToBeVisibleAsync();

        // One who has left is told of, too.
        await guest.CloseAsync();
        await Assertions.Expect(console.Member("guest")).ToHaveCountAsync(0);
        await console.Button("Send again").ClickAsync();
        await Assertions.Expect(console.Status("Refused (recipient_offline)")).ToBeVisibleAsync();

        await console.Button("Close").ClickAsync();
        await using var other = await TestClient.ConnectAsync(servers.Open, group, "other");
        await other.SendAsync(Json.Message("other", msg: "not yours"));
        await console.Message("not yours").ClickAsync();
        await Assertions.Expect(console.Inspected).ToContainTextAsync("not yours");
        await Assertions.Expect(console.Button("Send again")).ToBeHiddenAsync();
    }

    [Fact]
    public async Task Reconnect_KeepsThePlots_AndAnotherGroupEmptiesThem()
    {
        string group = NewGroup();
        var console = await OpenConsoleAsync(servers.Open, group);
        await console.Composer.GetByLabel("Text").FillAsync("comes back");
        await console.Button("Send").ClickAsync();
        var own = console.Page.GetByText("Own messages: now");
        await Assertions.Expect(own).ToBeVisibleAsync();

        await console.Button("Reconnect").ClickAsync();
        await console.IsConnectedAsync();
        // Drawn anew each second: what is still there after the next round trip was kept.
        await console.Page.EvaluateAsync(
            "() => new Promise(done => new MutationObserver(done).observe("
                + "document.getElementById('round-trip-values'), { childList: true, characterData: true, subtree: true }))");
        await Assertions.Expect(own).ToBeVisibleAsync();
        await Assertions.Expect(console.Message("comes back")).ToBeVisibleAsync();

        await console.Page.GetByLabel("Group", new() { Exact = true }).FillAsync(NewGroup());
        await console.Button("Reconnect").ClickAsync();
        await Assertions.Expect(console.Page.GetByText("Own messages: none came back yet.")).ToBeVisibleAsync();
        await Assertions.Expect(console.Message("comes back")).ToHaveCountAsync(0);
    }
}
