using Microsoft.Playwright;
using Xunit;

namespace Aether.Tests.E2E.Browser;

/// <summary>
/// The pictures of the console that the documentation shows. Taken only on demand:
/// <c>SCREENSHOTS=$PWD/docs/img dotnet run --project tests/E2E -c Release -- -class '*.Screenshots'</c>.
/// </summary>
public sealed class Screenshots(Chromium chromium, ConsoleServers servers)
    : BrowserTest(chromium), IClassFixture<ConsoleServers>
{
    private const string Variable = "SCREENSHOTS";
    private const int MostBytes = 200_000;

    public static bool Wanted => Folder.Length > 0;

    private static string Folder => Environment.GetEnvironmentVariable(Variable) ?? "";

    [Theory(Skip = Variable + " names no folder", SkipUnless = nameof(Wanted))]
    [InlineData("console-light", ColorScheme.Light, 1280, 900)]
    [InlineData("console-dark", ColorScheme.Dark, 1280, 900)]
    [InlineData("console-narrow", ColorScheme.Light, 390, 844)]
    public async Task Console_AtWork(string name, ColorScheme scheme, int width, int height)
    {
        const string Group = "press-7";
        var console = await OpenConsoleAsync(servers.Open, Group, new()
        {
            ColorScheme = scheme,
            ViewportSize = new() { Width = width, Height = height },
        });
        await using var controller = await TestClient.ConnectAsync(servers.Open, Group, "ctl", "role=controller");
        await console.Button("Add 3 demo workers").ClickAsync();
        // What a controller says now and then, so that the plots have something to show.
        using var beat = new PeriodicTimer(TimeSpan.FromMilliseconds(250));
        for (int i = 0; i < 100; i++)
        {
            await controller.SendAsync(Json.Message(
                "ctl", type: "cmd", cmd: "speed", payload: $$"""{"sheets_per_hour":{{9_000 + (i * 37 % 500)}}}"""));
            if (i % 20 == 10)
                await console.Button("Hand out work").ClickAsync();
            if (i == 60)
            {
                await console.Page.GetByRole(AriaRole.Spinbutton, new() { Name = "Messages a second" }).FillAsync("6");
                await console.Button("Burst for 10 s").ClickAsync();
            }
            if (i == 94)
            {
                var commands = new CommandsCard(console);
                await commands.FillAsync("work");
                await commands.Field("Batches").FillAsync("1, 1");
                await commands.Field("Pause after each batch").CheckAsync();
                await commands.GiveAsync();
                await Assertions.Expect(commands.Said("work: paused")).ToBeVisibleAsync();
                // Folded up again, so that there is room for what comes of it.
                await commands.Region.GetByText("Give a command").ClickAsync();
            }
            await beat.WaitForNextTickAsync(CancellationToken.None);
        }
        await console.Page.EvaluateAsync("() => scrollTo(0, 0)");
        byte[] picture = await console.Page.ScreenshotAsync(new()
        {
            Path = Path.Combine(Folder, name + ".png"),
            Animations = ScreenshotAnimations.Disabled,
        });
        Assert.InRange(picture.Length, 1, MostBytes);
    }
}
