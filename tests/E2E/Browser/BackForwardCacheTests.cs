using Xunit;

namespace Aether.Tests.E2E.Browser;

/// <summary>A page that the browser puts into its back/forward cache, and takes out of it as it was.</summary>
public sealed class BackForwardCacheTests(Chromium chromium, ProxyTests.Site site) : BrowserTest(chromium), IClassFixture<ProxyTests.Site>
{
    [Fact]
    public async Task Page_InTheCache_IsNotPresent_AndComesBackAsItWas()
    {
        Expect(@"/favicon\.ico");
        string group = NewGroup();
        var watcher = new ClientPage(await OpenAsync(site.AddPage(group, "watcher")));
        await watcher.OpensAsync();
        await watcher.RunAsync("() => me.presence.roster()");

        await using var browser = await Chromium.LaunchAsync("--disable-back-forward-cache");
        var page = await browser.NewPageAsync();
        await page.GotoAsync(site.AddPage(group, "page").AbsoluteUri);
        await watcher.HoldsAsync("me.presence.members.has('page')");
        await page.EvaluateAsync(
            """
            () => {
                globalThis.life = crypto.getRandomValues(new Uint32Array(1))[0];
                addEventListener("pageshow", ({ persisted }) => me.setState({ persisted, life }));
                return me.setState({ life });
            }
            """);
        const string State = "me.presence.members.get('page')?.state";
        await watcher.HoldsAsync($"{State}?.life");
        long life = (await watcher.RunAsync($"() => {State}.life")).GetInt64();

        var empty = site.Nginx.AddPage("empty.html", "<!doctype html><title>empty</title>");
        await page.GotoAsync(empty.AbsoluteUri);
        await watcher.HoldsAsync("!me.presence.members.has('page')");
        await page.EvaluateAsync("() => { setTimeout(() => history.back()); }");
        await watcher.HoldsAsync($"{State}?.persisted === true && {State}.life === {life}");
    }
}
