using System.Text.RegularExpressions;
using Microsoft.Playwright;
using Xunit;

namespace Aether.Tests.E2E.Browser;

/// <summary>How messages are written and sent in the console.</summary>
public sealed class ConsoleComposerTests(Chromium chromium, ConsoleServers servers)
    : BrowserTest(chromium), IClassFixture<ConsoleServers>
{
    private string group = "";

    [Fact]
    public async Task Composer_SendsAndShowsTheAck()
    {
        var console = await OpenConsoleAsync();
        await using var guest = await TestClient.ConnectAsync(servers.Open, group, "guest");
        await console.Composer.GetByLabel("Type").SelectOptionAsync("cmd");
        await console.Composer.GetByLabel("Target").SelectOptionAsync("group");
        await console.Composer.GetByLabel("Command").FillAsync("start");
        await console.Composer.GetByLabel("Payload").FillAsync("""{"speed": 3}""");
        await console.Button("Send").ClickAsync();
        var heard = await guest.ReceiveAsync();
        Assert.Equal(("cmd", "group", "start"), (heard.Text("msg_type"), heard.Text("target"), heard.Text("cmd")));
        Assert.Equal(3, heard.Payload("speed").GetInt32());
        await Assertions.Expect(console.Composer.GetByRole(AriaRole.Status)).ToContainTextAsync("1 instance");
        // It comes back to the page, as to every member.
        await Assertions.Expect(console.Message("start")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Composer_FillsInAMemberAndSendsToItAlone()
    {
        var console = await OpenConsoleAsync();
        await using var guest = await TestClient.ConnectAsync(servers.Open, group, "guest");
        await using var other = await TestClient.ConnectAsync(servers.Open, group, "other");
        await console.Member("guest").GetByRole(AriaRole.Button, new() { Name = "guest" }).ClickAsync();
        await Assertions.Expect(console.Composer.GetByLabel("To (client id)")).ToHaveValueAsync("guest");
        await console.Composer.GetByLabel("Type").SelectOptionAsync("msg");
        await console.Composer.GetByLabel("Text").FillAsync("for you alone");
        await console.Button("Send").ClickAsync();
        var heard = await guest.ReceiveAsync();
        Assert.Equal(("direct", "for you alone"), (heard.Text("target"), heard.Text("msg")));
        Assert.Empty(await other.ReceiveUntilNowAsync());
    }

    [Fact]
    public async Task Composer_NamesThePlace_GivenAPayloadThatIsNoJson()
    {
        var console = await OpenConsoleAsync();
        await using var guest = await TestClient.ConnectAsync(servers.Open, group, "guest");
        await console.Composer.GetByLabel("Command").FillAsync("start");
        await console.Composer.GetByLabel("Payload").FillAsync("{\n  \"speed\": }");
        await console.Button("Send").ClickAsync();
        var payload = console.Composer.GetByLabel("Payload");
        await Assertions.Expect(payload).ToHaveAccessibleDescriptionAsync(new Regex("Line 2, column 12"));
        await Assertions.Expect(payload).ToHaveAttributeAsync("aria-invalid", "true");
        Assert.Empty(await guest.ReceiveUntilNowAsync());

        await payload.FillAsync("{\n  \"speed\": 3 }");
        await console.Button("Send").ClickAsync();
        Assert.Equal(3, (await guest.ReceiveAsync()).Payload("speed").GetInt32());
    }

    [Fact]
    public async Task Composer_ShowsTheError_GivenNobodyThere()
    {
        var console = await OpenConsoleAsync();
        await console.Composer.GetByLabel("Type").SelectOptionAsync("msg");
        await console.Composer.GetByLabel("Target").SelectOptionAsync("direct");
        await console.Composer.GetByLabel("To (client id)").FillAsync("nobody");
        await console.Button("Send").ClickAsync();
        await Assertions.Expect(console.Composer.GetByRole(AriaRole.Status)).ToContainTextAsync("recipient_offline");
    }

    [Fact]
    public async Task Composer_ShowsWhatFitsTheTarget_AndSendsARefusedMessageAgain()
    {
        var console = await OpenConsoleAsync();
        var to = console.Composer.GetByLabel("To (client id)");
        await Assertions.Expect(to).ToBeHiddenAsync();
        await console.Composer.GetByLabel("Type").SelectOptionAsync("msg");
        await console.Composer.GetByLabel("Target").SelectOptionAsync("direct");
        await to.FillAsync("guest");
        await console.Composer.GetByLabel("Text").FillAsync("are you there");
        await console.Button("Send").ClickAsync();
        await Assertions.Expect(console.Composer.GetByRole(AriaRole.Status)).ToContainTextAsync("recipient_offline");

        await using var guest = await TestClient.ConnectAsync(servers.Open, group, "guest");
        await console.Button("Try again").ClickAsync();
        Assert.Equal("are you there", (await guest.ReceiveAsync()).Text("msg"));
        await Assertions.Expect(console.Button("Try again")).ToBeHiddenAsync();
    }

    [Fact]
    public async Task Composer_SendsToARole()
    {
        var console = await OpenConsoleAsync();
        await using var worker = await TestClient.ConnectAsync(servers.Open, group, "worker", "role=worker");
        await using var controller = await TestClient.ConnectAsync(servers.Open, group, "boss", "role=controller");
        await console.Composer.GetByLabel("Type").SelectOptionAsync("msg");
        await console.Composer.GetByLabel("Target").SelectOptionAsync("role");
        await Assertions.Expect(console.Composer.GetByLabel("To (client id)")).ToBeHiddenAsync();
        await console.Composer.GetByLabel("To all of the role").SelectOptionAsync("worker");
        await console.Composer.GetByLabel("Text").FillAsync("you all");
        await console.Button("Send").ClickAsync();
        var got = await worker.ReceiveAsync();
        Assert.Equal(("role", "worker", "you all"), (got.Text("target"), got.Text("to_role"), got.Text("msg")));
        Assert.Empty(await controller.ReceiveUntilNowAsync());
    }

    private Task<ConsolePage> OpenConsoleAsync()
    {
        group = NewGroup();
        return OpenConsoleAsync(servers.Open, group);
    }
}
