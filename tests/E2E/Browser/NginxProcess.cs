using System.Net;

namespace Aether.Tests.E2E.Browser;

/// <summary>
/// The nginx of this machine in front of a server: the server is below <c>/rt/</c>, and pages are beside it. What is
/// below <c>/rt/v3/</c> can be taken away, as in a deploy, and be brought back.
/// </summary>
public sealed class NginxProcess : IAsyncDisposable
{
    private const string Module = "/rt/v3/aether.js";

    private readonly Nginx nginx = new();
    private readonly Uri server;

    private NginxProcess(Uri server)
    {
        this.server = server;
        Address = new Uri($"http://{nginx.Authority}/rt/");
        Directory.CreateDirectory(Path.Combine(nginx.Folder, "rt"));
    }

    /// <summary>The folder that the server is in, with a slash at its end.</summary>
    public Uri Address { get; }

    private string Pass =>
        $"""
        rewrite ^/rt(/.*)$ $1 break;
        proxy_pass http://{server.Authority};
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_set_header Host $http_host;
        proxy_read_timeout 300s;
        """;

    /// <summary>Starts it, and waits until it passes something on.</summary>
    public static async Task<NginxProcess> StartAsync(Uri server)
    {
        var site = new NginxProcess(server);
        try
        {
            await site.nginx.StartAsync(site.Configuration(site.Pass), Module);
            return site;
        }
        catch
        {
            await site.DisposeAsync();
            throw;
        }
    }

    /// <summary>Adds a page, which is reloaded with the configuration.</summary>
    /// <returns>Its address.</returns>
    public Uri AddPage(string name, string html)
    {
        File.WriteAllText(Path.Combine(nginx.Folder, "rt", name), html);
        return new Uri(Address, name);
    }

    /// <summary>From now on its own page of an error is all that there is of the server; what is open is cut.</summary>
    public Task TakeAwayAsync(HttpStatusCode status) =>
        // The discard port: nobody listens, and that is what it makes a 502 of.
        ReloadAsync(status == HttpStatusCode.BadGateway ? "proxy_pass http://127.0.0.1:9;" : $"return {(int)status};", status);

    /// <summary>The server is there again.</summary>
    public Task BringBackAsync() => ReloadAsync(Pass, HttpStatusCode.OK);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => nginx.DisposeAsync();

    private Task ReloadAsync(string location, HttpStatusCode status) =>
        nginx.ReloadAsync(Configuration(location), Module, status);

    // Of the worker of an old configuration nothing is left after a second: its connections are cut.
    private string Configuration(string location) =>
        $$"""
        worker_processes 1;
        worker_shutdown_timeout 1s;
        pid nginx.pid;
        events {}
        http {
            access_log off;
            {{Nginx.TemporaryPaths}}
            default_type text/html;
            map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
            server {
                listen {{Address.Authority}};
                root {{nginx.Folder}};
                location /rt/v3/ {
                    {{location}}
                }
            }
        }
        """;
}
