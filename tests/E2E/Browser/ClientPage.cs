using System.Text.Json;
using Microsoft.Playwright;

namespace Aether.Tests.E2E.Browser;

/// <summary>
/// A page that uses the client as an application does. In it, <c>me</c> is the connection, <c>seen</c> all that this
/// told, <c>heard(event)</c> what it told of one event, and <c>told(error)</c> what an error says.
/// </summary>
public sealed class ClientPage(IPage page)
{
    private const string Connect =
        """
        async ([module, options]) => {
            const { connect, AetherError } = await import(module);
            globalThis.seen = [];
            globalThis.heard = event => seen.filter(one => one.event === event).map(one => one.detail);
            globalThis.told = error => {
                const { code, message, retryable } = error;
                return { code, message, retryable, own: error instanceof AetherError };
            };
            globalThis.me = connect(options);
            for (const event of ["msg", "cmd", "presence", "state", "gap", "error"])
                me.on(event, detail => seen.push({ event, detail }));
        }
        """;

    /// <summary>The page.</summary>
    public IPage Page => page;

    /// <summary>Loads the client from a server and connects with it, and waits for nothing.</summary>
    /// <param name="server">The server.</param>
    /// <param name="options">The client's options; the server's address is added where the page is another's.</param>
    public Task ConnectAsync(ServerProcess server, Dictionary<string, object> options)
    {
        string module = "/v3/aether.js";
        if (new Uri(page.Url).Authority != server.Address.Authority)
        {
            module = new Uri(server.Address, module).AbsoluteUri;
            options["url"] = server.Address.AbsoluteUri;
        }
        return page.EvaluateAsync(Connect, new object[] { module, options });
    }

    /// <summary>Runs a function in the page, and waits for what it promises.</summary>
    public Task<JsonElement> RunAsync(string function, object? argument = null) =>
        page.EvaluateAsync<JsonElement>(function, argument);

    /// <summary>Waits until an expression is true in the page.</summary>
    /// <exception cref="TimeoutException">It does not; the message has the client's state.</exception>
    public async Task HoldsAsync(string expression, TimeSpan? within = null)
    {
        try
        {
            await page.WaitForFunctionAsync(
                $"() => ({expression})",
                options: new()
                {
                    Timeout = (float)(within ?? Chromium.Patience).TotalMilliseconds,
                    PollingInterval = 20,
                });
        }
        catch (TimeoutException)
        {
            var state = await RunAsync(
                """
                () => ({
                    state: me.state,
                    reason: me.reason,
                    members: [...me.presence.members.values()],
                    seen: seen.slice(-20).map(
                        ({ event, detail }) => `${event}: ${detail.message ?? JSON.stringify(detail)}`),
                })
                """);
            throw new TimeoutException($"in the page, {expression} does not become true: {state}");
        }
    }

    /// <summary>Waits until the client is connected.</summary>
    public Task OpensAsync(TimeSpan? within = null) => HoldsAsync("me.state === 'open'", within);
}
