using System.Net;
using Xunit;

namespace Aether.Tests.E2E.Browser;

/// <summary>Pages behind nginx, where the server has a path prefix and is sometimes not there.</summary>
public sealed class ProxyTests(Chromium chromium, ProxyTests.Site site) : BrowserTest(chromium), IClassFixture<ProxyTests.Site>
{
    [Fact]
    public async Task Client_FindsItsServer_BelowThePrefixThatItWasLoadedFrom()
    {
        string group = NewGroup();
        var one = await OpenPageAsync(group, "one");
        var other = await OpenPageAsync(group, "other");
        await other.RunAsync("() => { me.handle('add', ({ a }) => ({ sum: a + 1 })); }");
        var reply = await one.RunAsync("() => me.request('other', 'add', { a: 1 })");
        Assert.Equal(2, reply.Payload("sum").GetInt32());
    }

    [Theory]
    [InlineData(HttpStatusCode.Unauthorized)]
    [InlineData(HttpStatusCode.Forbidden)]
    [InlineData(HttpStatusCode.NotFound)]
    [InlineData(HttpStatusCode.BadGateway)]
    public async Task Client_ComesBack_WhenTheProxyHadOnlyItsErrorPage(HttpStatusCode status)
    {
        Expect("WebSocket connection|status of |answer: .* (40|502)");
        var page = await OpenPageAsync(NewGroup(), "page");
        await site.Nginx.TakeAwayAsync(status);
        try
        {
            // Twice, so that the first did not end it.
            await page.HoldsAsync($"heard('state').filter(({{ reason }}) => reason.includes('({(int)status})')).length > 1");
            Assert.Equal("reconnecting", (await page.RunAsync("() => me.state")).GetString());
        }
        finally
        {
            await site.Nginx.BringBackAsync();
        }
        await page.OpensAsync(TimeSpan.FromSeconds(60));
    }

    private async Task<ClientPage> OpenPageAsync(string group, string client)
    {
        Expect(@"/favicon\.ico");
        var page = new ClientPage(await OpenAsync(site.AddPage(group, client)));
        await page.OpensAsync();
        return page;
    }

    /// <summary>A server behind nginx.</summary>
    public sealed class Site : IAsyncLifetime
    {
        private ServerProcess server = null!;

        public NginxProcess Nginx { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            server = await ServerProcess.StartAsync();
            Nginx = await NginxProcess.StartAsync(server.Address);
        }

        public async ValueTask DisposeAsync()
        {
            await Nginx.DisposeAsync();
            await server.DisposeAsync();
        }

        /// <summary>A page as people write it: it says nothing of where the server is.</summary>
        public Uri AddPage(string group, string client) => Nginx.AddPage(
            $"{group}-{client}.html",
            $$"""
            <!doctype html>
            <title>{{client}}</title>
            <script type="module">
                import { connect } from "./v3/aether.js";
                globalThis.me = connect({ group: "{{group}}", client: "{{client}}" });
                globalThis.seen = [];
                globalThis.heard = event => seen.filter(one => one.event === event).map(one => one.detail);
                for (const event of ["state", "error"]) me.on(event, detail => seen.push({ event, detail }));
            </script>
            """);
    }
}
