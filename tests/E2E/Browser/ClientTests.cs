using Xunit;

namespace Aether.Tests.E2E.Browser;

/// <summary>The JavaScript client in pages, loaded from where it is served.</summary>
public sealed class ClientTests(Chromium chromium, ClientTests.Servers servers)
    : BrowserTest(chromium), IClassFixture<ClientTests.Servers>
{
    private const string Key = "secret-key-number-one";
    private const string WrongKey = "secret-key-number-two";

    // What Chromium says of a server that is not there.
    private const string NobodyThere = "ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE)|WebSocket connection";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Request_IsAnsweredByTheHandlerOfAnotherPage(bool fromAnotherOrigin)
    {
        var (controller, worker) = await OpenPairAsync(fromAnotherOrigin);
        await worker.RunAsync(
            """
            () => {
                me.handle("add", ({ a, b }, message) => ({ sum: a + b, by: message.from_id }));
                me.handle("fail", async () => {
                    throw Object.assign(new Error("no paper left"), { code: "no_paper" });
                });
            }
            """);

        var reply = await controller.RunAsync("() => me.request('worker-1', 'add', { a: 2, b: 3 })");
        Assert.Equal("worker-1", reply.Text("from_id"));
        Assert.Equal(5, reply.Payload("sum").GetInt32());
        Assert.Equal("ctl", reply.Payload("by").GetString());

        const string Failure = "([to, cmd]) => me.request(to, cmd).then(() => null, told)";
        var refused = await controller.RunAsync(Failure, new[] { "worker-1", "fail" });
        Assert.True(refused.GetProperty("own").GetBoolean());
        Assert.Equal("no_paper", refused.Text("code"));
        Assert.Contains("no paper left", refused.Text("message"), StringComparison.Ordinal);
        var absent = await controller.RunAsync(Failure, new[] { "nobody", "add" });
        Assert.Equal("recipient_offline", absent.Text("code"));
        Assert.True(absent.GetProperty("retryable").GetBoolean());
    }

    [Fact]
    public async Task Send_ReachesTheGroupAndIsAcked()
    {
        var (controller, worker) = await OpenPairAsync();
        var ack = await controller.RunAsync(
            "() => me.group.send({ cmd: 'start', msg: 'día ☀ 🎉', payload: { speed: 3 } })");
        Assert.Equal(1, ack.GetProperty("instances").GetInt32());
        const string Start = "heard('cmd').find(({ cmd }) => cmd === 'start')";
        await worker.HoldsAsync(Start);
        var heard = await worker.RunAsync($"() => {Start}");
        Assert.Equal(("ctl", "group"), (heard.Text("from_id"), heard.Text("target")));
        Assert.Equal("día ☀ 🎉", heard.Text("msg"));
        Assert.Equal(3, heard.Payload("speed").GetInt32());
        // Its own, since it did not ask to be spared.
        await controller.HoldsAsync(Start);
    }

    [Fact]
    public async Task Members_FollowWhoComesSaysAndGoes()
    {
        var (controller, worker) = await OpenPairAsync();
        await controller.RunAsync("() => me.presence.roster()");
        await controller.HoldsAsync("me.presence.members.get('worker-1')?.role === 'worker'");
        await worker.RunAsync("() => me.setState({ busy: 'printing' })");
        await controller.HoldsAsync("me.presence.members.get('worker-1')?.state.busy === 'printing'");

        var another = new ClientPage(await OpenBlankAsync(servers.Open));
        await another.ConnectAsync(servers.Open, Options(Group, "watcher", "observer"));
        await controller.HoldsAsync("me.presence.members.get('watcher')?.role === 'observer'");
        var roster = await another.RunAsync("() => me.opened.then(() => me.presence.roster())");
        Assert.Equal(
            ["ctl", "watcher", "worker-1"], roster.EnumerateArray().Select(one => one.Text("client_id")).Order());

        // A tab that is closed says nothing more.
        await worker.Page.CloseAsync();
        await controller.HoldsAsync("!me.presence.members.has('worker-1')");
        await another.RunAsync("() => me.close()");
        await controller.HoldsAsync("me.presence.members.size === 1");
    }

    [Fact]
    public async Task Pages_ComeBackAndSayAllAgain_GivenTheServerRestarted()
    {
        Expect(NobodyThere);
        await using var first = await ServerProcess.StartAsync(
            host: new() { ["ASPNETCORE_URLS"] = $"http://127.0.0.1:{Ports.Next()}" });
        var address = first.Address;
        // From another server's page: nothing of the page itself depends on the one that restarts.
        var controller = new ClientPage(await OpenBlankAsync(servers.Open));
        var worker = new ClientPage(await OpenBlankAsync(servers.Open));
        Group = NewGroup();
        await controller.ConnectAsync(first, Options(Group, "ctl", "controller"));
        await worker.ConnectAsync(first, Options(Group, "worker-1", "worker"));
        await worker.RunAsync(
            """
            async () => {
                await me.opened;
                await me.setState({ busy: "printing" });
                me.handle("where", () => ({ here: true }));
            }
            """);
        await controller.RunAsync("() => me.opened.then(() => me.presence.roster())");

        first.Kill();
        await controller.HoldsAsync("me.state === 'reconnecting'");
        await worker.HoldsAsync("me.state === 'reconnecting'");
        await controller.RunAsync(
            """
            () => {
                globalThis.sent = [1, 2, 3].map(i => me.send({ msg: `kept ${i}` }));
                globalThis.acks = Promise.all(sent);
            }
            """);
        await first.WaitForExitAsync(Eventually.Soon);
        await using var second = await ServerProcess.StartAsync(
            host: new() { ["ASPNETCORE_URLS"] = address.AbsoluteUri });

        // A wait between two tries is 30 s at most.
        await controller.OpensAsync(TimeSpan.FromSeconds(60));
        await worker.OpensAsync(TimeSpan.FromSeconds(60));
        var acks = await controller.RunAsync("() => acks");
        Assert.Equal([1, 1, 1], acks.EnumerateArray().Select(ack => ack.GetProperty("instances").GetInt32()));
        await controller.HoldsAsync("heard('msg').map(({ msg }) => msg).join() === 'kept 1,kept 2,kept 3'");
        await controller.HoldsAsync("heard('gap').length > 0");
        // The new server has never heard of it: the worker said it again.
        await using var witness = await TestClient.ConnectAsync(second, Group, "witness");
        await Eventually.HoldsAsync(
            async () => (await Roster.OfAsync(witness)).Members.Any(
                member => member.Id == "worker-1" && member.State.Contains("printing", StringComparison.Ordinal)),
            "the worker's state is known again");
        await controller.HoldsAsync("me.presence.members.get('worker-1')?.state.busy === 'printing'");
        var reply = await controller.RunAsync("() => me.request('worker-1', 'where')");
        Assert.True(reply.Payload("here").GetBoolean());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Key_LetsIn_GivenTheRightOne(bool fromAnotherOrigin)
    {
        var page = await OpenPageAsync(servers.Locked, fromAnotherOrigin);
        var options = Options(NewGroup(), "me");
        options["key"] = Key;
        await page.ConnectAsync(servers.Locked, options);
        await page.OpensAsync();
        var ack = await page.RunAsync("() => me.send({ msg: 'let in' })");
        Assert.Equal(1, ack.GetProperty("instances").GetInt32());
    }

    [Theory]
    [InlineData(false, WrongKey)]
    [InlineData(true, WrongKey)]
    [InlineData(false, null)]
    [InlineData(true, null)]
    public async Task Connection_IsClosedAndSaysWhy_GivenNoGoodKey(bool fromAnotherOrigin, string? key)
    {
        Expect("401|WebSocket connection");
        var page = await OpenPageAsync(servers.Locked, fromAnotherOrigin);
        var options = Options(NewGroup(), "me");
        if (key is not null)
            options["key"] = key;
        await page.ConnectAsync(servers.Locked, options);
        await page.HoldsAsync("me.state === 'closed'");
        var reason = await page.RunAsync("() => me.reason");
        Assert.Contains("a valid API key is needed", reason.GetString(), StringComparison.Ordinal);
        var fault = await page.RunAsync("() => me.opened.then(() => null, told)");
        Assert.True(fault.GetProperty("own").GetBoolean());
        Assert.Contains("a valid API key is needed", fault.Text("message"), StringComparison.Ordinal);
        Assert.False(fault.GetProperty("retryable").GetBoolean());
        Assert.Contains(Problems, problem => problem.Contains("401", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Connection_IsClosedAndSaysWhy_GivenAnOriginThatMayNot()
    {
        Expect("403|WebSocket connection");
        var page = await OpenPageAsync(servers.Choosy, fromAnotherOrigin: true);
        await page.ConnectAsync(servers.Choosy, Options(NewGroup(), "me"));
        await page.HoldsAsync("me.state === 'closed'");
        var reason = await page.RunAsync("() => me.reason");
        Assert.Contains("this origin may not connect", reason.GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connection_WaitsAndSaysWhy_GivenAServerThatDrains()
    {
        Expect("503|WebSocket connection");
        await using var server = await ServerProcess.StartAsync(new() { ["Drain"] = "20" });
        var page = await OpenPageAsync(server, fromAnotherOrigin: true);
        // The client has to come from somewhere else: a server that drains may answer no page at all.
        await page.ConnectAsync(server, Options(NewGroup(), "first"));
        await page.OpensAsync();
        await page.RunAsync("() => me.close()");
        // It does not answer the close, so the drain goes on until its time is up.
        await using var stubborn = await RawClient.ConnectAsync(server, "g", "stubborn");
        server.Terminate();
        Assert.Equal(1012, (await stubborn.ReceiveAsync())!.CloseCode);

        await page.ConnectAsync(server, Options(NewGroup(), "second"));
        await page.HoldsAsync("/the instance restarts/.test(me.reason)");
        Assert.Equal("connecting", (await page.RunAsync("() => me.state")).GetString());
    }

    private string Group { get; set; } = "";

    private static Dictionary<string, object> Options(string group, string client, string? role = null)
    {
        var options = new Dictionary<string, object> { ["group"] = group, ["client"] = client };
        if (role is not null)
            options["role"] = role;
        return options;
    }

    private async Task<ClientPage> OpenPageAsync(ServerProcess server, bool fromAnotherOrigin)
    {
        var host = fromAnotherOrigin ? servers.Foreign : server;
        return new ClientPage(await OpenBlankAsync(host));
    }

    private async Task<(ClientPage Controller, ClientPage Worker)> OpenPairAsync(bool fromAnotherOrigin = false)
    {
        Group = NewGroup();
        var controller = await OpenPageAsync(servers.Open, fromAnotherOrigin);
        await controller.ConnectAsync(servers.Open, Options(Group, "ctl", "controller"));
        await controller.OpensAsync();
        var worker = await OpenPageAsync(servers.Open, fromAnotherOrigin);
        await worker.ConnectAsync(servers.Open, Options(Group, "worker-1", "worker"));
        await worker.OpensAsync();
        return (controller, worker);
    }

    /// <summary>One server for everybody, one with a key, one with chosen origins, and a bystander.</summary>
    public sealed class Servers : IAsyncLifetime
    {
        private readonly List<ServerProcess> all = [];

        public ServerProcess Open => all[0];

        public ServerProcess Foreign => all[1];

        public ServerProcess Locked => all[2];

        public ServerProcess Choosy => all[3];

        public async ValueTask InitializeAsync()
        {
            all.Add(await ServerProcess.StartAsync());
            all.Add(await ServerProcess.StartAsync());
            all.Add(await ServerProcess.StartAsync(new() { ["ApiKeys:0:Name"] = "k", ["ApiKeys:0:Key"] = Key }));
            all.Add(await ServerProcess.StartAsync(new() { ["AllowedOrigins:0"] = "https://app.example.com" }));
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var server in all)
                await server.DisposeAsync();
        }
    }
}
