using System.Text.RegularExpressions;
using Microsoft.Playwright;

namespace Aether.Tests.E2E.Browser;

/// <summary>The console as somebody uses it: by what its parts are and are called.</summary>
public sealed partial class ConsolePage(IPage page)
{
    /// <summary>The page.</summary>
    public IPage Page => page;

    /// <summary>The table of who is in the group.</summary>
    public ILocator Members => page.GetByRole(AriaRole.Region, new() { Name = "Members of the group" });

    /// <summary>What passed, newest first.</summary>
    public ILocator Messages => page.GetByRole(AriaRole.Listbox, new() { NameRegex = MessagesName() });

    /// <summary>The chosen message, whole.</summary>
    public ILocator Inspected => page.GetByRole(AriaRole.Region, new() { Name = "The message as JSON" });

    /// <summary>The form for a message.</summary>
    public ILocator Composer => page.GetByRole(AriaRole.Region, new() { Name = "Compose" });

    /// <summary>Where a console opens for a group.</summary>
    public static Uri Address(ServerProcess server, string group) => new(server.Address, "/v3/console#group=" + group);

    /// <summary>A button by its whole name.</summary>
    public ILocator Button(string name) => page.GetByRole(AriaRole.Button, new() { Name = name, Exact = true });

    /// <summary>What the page says of something, in one of its status lines.</summary>
    public ILocator Status(string text) =>
        page.GetByRole(AriaRole.Status).Filter(new() { HasText = text });

    /// <summary>A member's line.</summary>
    public ILocator Member(string id) => Members.GetByRole(AriaRole.Row).Filter(
        new() { Has = page.GetByRole(AriaRole.Button, new() { Name = id, Exact = true }) });

    /// <summary>The listed messages that hold a text.</summary>
    public ILocator Message(string text) => Messages.GetByRole(AriaRole.Option).Filter(new() { HasText = text });

    /// <summary>Waits until the page is connected and shows itself among the members.</summary>
    public async Task IsConnectedAsync()
    {
        await Assertions.Expect(Status("Connected to")).ToBeVisibleAsync();
        await Assertions.Expect(Members.GetByText("this page", new() { Exact = true })).ToBeVisibleAsync();
    }

    [GeneratedRegex("^Messages")]
    private static partial Regex MessagesName();
}
