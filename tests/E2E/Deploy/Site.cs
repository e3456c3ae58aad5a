using System.Globalization;
using Xunit;

namespace Aether.Tests.E2E.Deploy;

/// <summary>
/// Two instances on one Redis and nginx in front of them, with <c>deploy/nginx.conf</c> as it is but for ports and paths.
/// </summary>
public sealed class Site : IAsyncLifetime
{
    private readonly Nginx nginx = new();
    private TwoInstances? instances;

    /// <summary>What is behind nginx.</summary>
    public TwoInstances Instances => instances!;

    /// <summary>Where nginx listens.</summary>
    public Uri Address => new($"http://{nginx.Authority}");

    /// <summary>What nginx has logged of requests.</summary>
    public string AccessLog => File.ReadAllText(Path.Combine(nginx.Folder, "access.log"));

    /// <summary>Starts everything.</summary>
    /// <param name="realtime">Options of both instances.</param>
    /// <param name="replace">What else is another in nginx's configuration: it must be in it once.</param>
    public static async Task<Site> StartAsync(
        Dictionary<string, string>? realtime = null, params (string From, string To)[] replace)
    {
        var site = new Site();
        try
        {
            await site.BeginAsync(realtime, replace);
            return site;
        }
        catch
        {
            await site.DisposeAsync();
            throw;
        }
    }

    /// <summary>Connects a client, on whichever instance nginx chooses.</summary>
    public Task<TestClient> ConnectAsync(string group, string client, string query = "", string[]? protocols = null) =>
        TestClient.ConnectAsync(
            new Uri($"ws://{nginx.Authority}/v3/ws/group/{group}/client/{client}{(query.Length == 0 ? "" : "?" + query)}"),
            group,
            client,
            protocols);

    /// <summary>Asks for something through nginx.</summary>
    public async Task<HttpResponseMessage> AskAsync(
        HttpMethod method, string path, string? body = null, params (string Name, string Value)[] headers)
    {
        using var http = new HttpClient { Timeout = Eventually.Soon };
        using var question = new HttpRequestMessage(method, new Uri(Address, path));
        if (body is not null)
            question.Content = new StringContent(body, null, "application/json");
        foreach (var (name, value) in headers)
            Assert.True(question.Headers.TryAddWithoutValidation(name, value));
        return await http.SendAsync(question);
    }

    /// <inheritdoc/>
    public async ValueTask InitializeAsync() => await BeginAsync(realtime: null, []);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await nginx.DisposeAsync();
        if (instances is not null)
            await instances.DisposeAsync();
    }

    private async Task BeginAsync(Dictionary<string, string>? realtime, (string From, string To)[] replace)
    {
        instances = await TwoInstances.StartAsync(realtime);
        string text = Repository.Read("deploy/nginx.conf");
        foreach (var (from, to) in ((string, string)[])
            [
                ("listen 80;", $"listen {nginx.Authority};"),
                ("aether-1:8080", instances.A.Address.Authority),
                ("aether-2:8080", instances.B.Address.Authority),
                ("/run/nginx.pid", "nginx.pid"),
                ("/dev/stdout", Path.Combine(nginx.Folder, "access.log")),
                ("http {", "http { " + Nginx.TemporaryPaths),
                .. replace,
            ])
            text = Replace(text, from, to);
        await nginx.StartAsync(text, "/health/live");
    }

    private static string Replace(string text, string from, string to)
    {
        int times = text.Split(from).Length - 1;
        Assert.True(times == 1, string.Create(CultureInfo.InvariantCulture, $"'{from}' is {times} times in deploy/nginx.conf"));
        return text.Replace(from, to, StringComparison.Ordinal);
    }
}
