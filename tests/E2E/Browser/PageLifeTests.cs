using System.Net;
using System.Net.Sockets;
using System.Text;
using Xunit;

namespace Aether.Tests.E2E.Browser;

/// <summary>What a page goes through, and what stands between it and the server.</summary>
public sealed class PageLifeTests(Chromium chromium, PageLifeTests.Servers servers)
    : BrowserTest(chromium), IClassFixture<PageLifeTests.Servers>
{
    private const string Reconnecting = "heard('state').some(({ state }) => state === 'reconnecting')";

    [Theory]
    // What a browser tells a page that goes into its back/forward cache, and one that it freezes.
    [InlineData(
        "dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))",
        "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")]
    [InlineData("document.dispatchEvent(new Event('freeze'))", "document.dispatchEvent(new Event('resume'))")]
    public async Task Page_ThatIsPutAside_LeavesTheGroup_AndComesBack(string go, string comeBack)
    {
        string group = NewGroup();
        var watcher = await OpenPageAsync(group, "watcher");
        await watcher.RunAsync("() => me.presence.roster()");
        var page = await OpenPageAsync(group, "page");
        await watcher.HoldsAsync("me.presence.members.has('page')");

        await page.RunAsync($"() => {{ {go}; }}");
        await watcher.HoldsAsync("!me.presence.members.has('page')");
        Assert.Equal("page_hidden", (await page.RunAsync("() => me.code")).GetString());
        await page.RunAsync($"() => {{ {comeBack}; }}");
        await watcher.HoldsAsync("me.presence.members.has('page')");
        await page.OpensAsync();
    }

    [Fact]
    public async Task Page_ThatGoesOffline_KnowsItSoon_AndIsBackWithTheNetwork()
    {
        Expect("ERR_INTERNET_DISCONNECTED|WebSocket connection");
        var page = await OpenPageAsync(NewGroup(), "page");
        // The link is there, and passes nothing on.
        await page.RunAsync(
            """
            () => {
                const send = WebSocket.prototype.send;
                WebSocket.prototype.send = () => {};
                globalThis.mend = () => (WebSocket.prototype.send = send);
            }
            """);
        await page.Page.Context.SetOfflineAsync(true);
        await page.HoldsAsync(Reconnecting);
        await page.RunAsync("() => { mend(); }");
        await page.Page.Context.SetOfflineAsync(false);
        await page.OpensAsync(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task Client_Works_WithoutWhatIsYoungerThan2020()
    {
        var page = new ClientPage(await OpenBlankAsync(servers.Open));
        await page.RunAsync(
            """
            () => {
                for (const [home, names] of [
                    [URL, ["canParse", "parse"]], [AbortSignal, ["timeout", "any"]], [Object, ["hasOwn", "groupBy"]],
                    [AbortSignal.prototype, ["throwIfAborted", "reason"]], [globalThis, ["structuredClone", "WeakRef"]],
                    [Array.prototype, ["at", "findLast", "toSorted"]], [Promise, ["any", "withResolvers", "try"]],
                    [String.prototype, ["at", "replaceAll", "isWellFormed", "toWellFormed"]],
                    [Crypto.prototype, ["randomUUID"]], [Symbol, ["asyncDispose", "dispose"]],
                ]) for (const name of names) delete home[name];
            }
            """);
        await page.ConnectAsync(servers.Open, Options(NewGroup(), "me"));
        await page.OpensAsync();
        await page.RunAsync("() => { me.handle('add', ({ a }) => ({ sum: a + 1 })); }");
        var reply = await page.RunAsync("() => me.setState({ a: 1 }).then(() => me.request('me', 'add', { a: 1 }))");
        Assert.Equal(2, reply.Payload("sum").GetInt32());
        await page.RunAsync("() => me.close()");
    }

    [Theory]
    [InlineData("404 Not Found", "text/plain")]
    [InlineData("403 Forbidden", "text/html")]
    [InlineData("401 Unauthorized", "text/html")]
    [InlineData("400 Bad Request", "application/json")]
    public async Task ErrorPageOfAProxy_DoesNotEndIt(string status, string type)
    {
        Expect("WebSocket connection|status of 40|answer: .* 40");
        using var proxy = new ErrorProxy(servers.Open.Address, status, type);
        var page = new ClientPage(await OpenBlankAsync(servers.Open));
        var options = Options(NewGroup(), "me");
        await page.ConnectAsync(servers.Open, new(options) { ["url"] = proxy.Address.AbsoluteUri });
        await page.HoldsAsync($"heard('state').some(({{ reason }}) => reason.includes('({status[..3]})'))");
        Assert.Equal("connecting", (await page.RunAsync("() => me.state")).GetString());
        proxy.Pass();
        await page.OpensAsync(TimeSpan.FromSeconds(90));
    }

    private static Dictionary<string, object> Options(string group, string client) =>
        new() { ["group"] = group, ["client"] = client };

    private async Task<ClientPage> OpenPageAsync(string group, string client)
    {
        var page = new ClientPage(await OpenBlankAsync(servers.Open));
        await page.ConnectAsync(servers.Open, Options(group, client));
        await page.OpensAsync();
        return page;
    }

    /// <summary>A proxy in a deploy: an error page for everything, and the server behind it later.</summary>
    private sealed class ErrorProxy : IDisposable
    {
        private readonly TcpListener listener = new(IPAddress.Loopback, 0);
        private readonly byte[] error;
        private readonly Uri server;
        private volatile bool passes;

        public ErrorProxy(Uri server, string status, string type)
        {
            this.server = server;
            const string Body = "<h1>no</h1>";
            error = Encoding.ASCII.GetBytes(
                $"HTTP/1.1 {status}\r\nContent-Type: {type}\r\nAccess-Control-Allow-Origin: *\r\n"
                + $"Content-Length: {Body.Length}\r\nConnection: close\r\n\r\n{Body}");
            listener.Start();
            _ = AcceptAsync();
        }

        public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/");

        public void Pass() => passes = true;

        public void Dispose() => listener.Dispose();

        private async Task AcceptAsync()
        {
            try
            {
                while (true)
                    _ = ServeAsync(await listener.AcceptTcpClientAsync());
            }
            catch (Exception stopped) when (stopped is ObjectDisposedException or SocketException)
            {
                // The test is over.
            }
        }

        private async Task ServeAsync(TcpClient client)
        {
            using (client)
            {
                try
                {
                    var stream = client.GetStream();
                    if (!passes)
                    {
                        // A request in one piece: they are short.
                        if (await stream.ReadAsync(new byte[8_192]) > 0)
                            await stream.WriteAsync(error);
                        return;
                    }
                    using var behind = new TcpClient();
                    await behind.ConnectAsync(server.Host, server.Port);
                    var other = behind.GetStream();
                    await Task.WhenAny(stream.CopyToAsync(other), other.CopyToAsync(stream));
                }
                catch (IOException)
                {
                    // One side went.
                }
            }
        }
    }

    /// <summary>A server for everybody.</summary>
    public sealed class Servers : IAsyncLifetime
    {
        public ServerProcess Open { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Open = await ServerProcess.StartAsync();

        public async ValueTask DisposeAsync() => await Open.DisposeAsync();
    }
}
