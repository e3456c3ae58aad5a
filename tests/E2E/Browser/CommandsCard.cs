using Microsoft.Playwright;

namespace Aether.Tests.E2E.Browser;

/// <summary>The console's card of commands, as somebody uses it.</summary>
public sealed class CommandsCard(ConsolePage console)
{
    private static readonly PageGetByRoleOptions Named = new() { Name = "Commands that report back" };

    /// <summary>All of it.</summary>
    public ILocator Region => console.Page.GetByRole(AriaRole.Region, Named);

    /// <summary>The cells of the chosen command's members.</summary>
    public ILocator Cells => Region.GetByRole(AriaRole.Listbox, new() { Name = "Members of the command" });

    /// <summary>Who did not succeed, and why.</summary>
    public ILocator Failures => Region.GetByRole(AriaRole.Region, new() { Name = "Members without success" });

    /// <summary>The list of the group's commands.</summary>
    public ILocator List => Region.GetByRole(AriaRole.Region, new() { Name = "Commands of the group" });

    /// <summary>A field of the form by its label.</summary>
    public ILocator Field(string label) => Region.Locator("#order").GetByLabel(label);

    /// <summary>A button by its whole name.</summary>
    public ILocator Button(string name) => Region.GetByRole(AriaRole.Button, new() { Name = name, Exact = true });

    /// <summary>A member's cell.</summary>
    public ILocator Cell(string member) => Cells.GetByLabel(member + ":");

    /// <summary>What is said aloud.</summary>
    public ILocator Said(string text) => Region.GetByRole(AriaRole.Status).Filter(new() { HasText = text });

    /// <summary>Opens all of the form, and fills in which command.</summary>
    public async Task FillAsync(string cmd)
    {
        await Region.GetByText("Give a command").ClickAsync();
        await Region.GetByText("Batches, attempts, when to stop").ClickAsync();
        await Field("Command").FillAsync(cmd);
    }

    /// <summary>Gives what the form has.</summary>
    public Task GiveAsync() => Button("Give it").ClickAsync();

    /// <summary>Chooses a command in the list.</summary>
    public Task ChooseAsync(string cmd) => List.GetByRole(AriaRole.Button, new() { Name = cmd, Exact = true }).ClickAsync();
}
