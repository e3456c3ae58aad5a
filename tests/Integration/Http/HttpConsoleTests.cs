using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;
using Aether.Tests.Integration.Fixtures;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What browsers load from the server: the client module, and the console for those who may see it.</summary>
public sealed partial class HttpConsoleTests
{
    private const string Module = "/v3/aether.js";
    private const string Page = "/v3/console";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ClientModule_MayBeImported_ByAnyPage()
    {
        using var host = HttpHost.WithKeys(seen => seen.Address = IPAddress.Parse("10.0.0.1"), "Production");

        using var request = new HttpRequestMessage(HttpMethod.Get, Module);
        request.Headers.Add("Origin", "https://page.example");
        var response = await host.CreateClient().SendAsync(request, Cancellation);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("text/javascript; charset=utf-8", response.Content.Headers.ContentType?.ToString());
        Assert.Equal(
            ("*", "cross-origin", "nosniff", "no-cache"),
            (
                Header(response, "Access-Control-Allow-Origin"),
                Header(response, "Cross-Origin-Resource-Policy"),
                Header(response, "X-Content-Type-Options"),
                Header(response, "Cache-Control")));
        Assert.Contains("export{", await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Module)]
    [InlineData(Page)]
    public async Task File_IsNotSentAgain_GivenItsTag(string path)
    {
        using var host = HttpHost.Open();
        var client = host.CreateClient();
        var first = await client.GetAsync(path, Cancellation);
        var tag = first.Headers.ETag!;

        var same = await AskAsync(client, HttpMethod.Get, path, tag);
        var other = await AskAsync(client, HttpMethod.Get, path, new EntityTagHeaderValue("\"0\""));

        Assert.False(tag.IsWeak);
        Assert.Equal((HttpStatusCode.NotModified, tag), (same.StatusCode, same.Headers.ETag));
        Assert.Empty(await same.Content.ReadAsByteArrayAsync(Cancellation));
        Assert.Equal("no-cache", Header(same, "Cache-Control"));
        Assert.Equal(
            path == Module ? ["*"] : [],
            same.Headers.TryGetValues("Access-Control-Allow-Origin", out var origins) ? origins : []);
        Assert.Equal(HttpStatusCode.OK, other.StatusCode);
    }

    [Theory]
    [InlineData(Module)]
    [InlineData(Page)]
    public async Task Head_TellsWhatGetWouldSend_WithoutIt(string path)
    {
        using var host = HttpHost.Open();
        var client = host.CreateClient();
        var get = await client.GetAsync(path, Cancellation);
        byte[] body = await get.Content.ReadAsByteArrayAsync(Cancellation);

        var head = await AskAsync(client, HttpMethod.Head, path);

        Assert.Equal(HttpStatusCode.OK, head.StatusCode);
        Assert.Equal((body.LongLength, get.Headers.ETag), (head.Content.Headers.ContentLength, head.Headers.ETag));
        Assert.Equal(get.Content.Headers.ContentType, head.Content.Headers.ContentType);
        Assert.Empty(await head.Content.ReadAsByteArrayAsync(Cancellation));
    }

    [Fact]
    public async Task Page_IsAllowedItsOwnFilesOnly_AndAllOfThemAreThere()
    {
        using var host = HttpHost.Open();

        var response = await host.CreateClient().GetAsync(Page, Cancellation);

        Assert.Equal("text/html; charset=utf-8", response.Content.Headers.ContentType?.ToString());
        AssertGuarded(response);
        Assert.Equal("no-cache", Header(response, "Cache-Control"));
        await AssertLoadsAsync(host.CreateClient(), Page);
    }

    [Theory]
    [InlineData("Development", "10.0.0.1", "page.example", 200)]
    [InlineData("Production", "127.0.0.1", "localhost", 200)]
    [InlineData("Staging", "::1", "[::1]", 200)]
    [InlineData("Production", "10.0.0.1", "localhost", 403)]
    [InlineData("Production", "127.0.0.1", "rebound.example", 403)]
    public async Task Console_IsForThisMachine_GivenNoKeys(
        string environment, string address, string name, int status)
    {
        using var host = HttpHost.Open(seen => seen.Address = IPAddress.Parse(address), environment: environment);
        var client = host.CreateClient();
        client.DefaultRequestHeaders.Host = name;

        await AssertStatusAsync(status, client);
    }

    [Theory]
    [InlineData("Development", null, null, 200)]
    [InlineData("Production", null, null, 401)]
    [InlineData("Production", "no-key-of-anybody-0123", null, 401)]
    [InlineData("Production", HttpHost.Admin, null, 200)]
    [InlineData("Production", HttpHost.AdminOfG1, null, 200)]
    [InlineData("Production", HttpHost.Broadcasting, null, 403)]
    [InlineData("Production", null, "anybody:" + HttpHost.Admin, 200)]
    [InlineData("Production", null, ":" + HttpHost.Admin, 200)]
    [InlineData("Production", null, "anybody:" + HttpHost.Plain, 403)]
    [InlineData("Production", null, "anybody:no-key-of-anybody-0123", 401)]
    [InlineData("Production", null, HttpHost.Admin + ":", 401)]
    [InlineData("Production", null, HttpHost.Admin, 401)]
    // A credential is shown once.
    [InlineData("Production", HttpHost.Admin, "anybody:" + HttpHost.Admin, 401)]
    public async Task Console_IsForAdmins_GivenKeys(string environment, string? key, string? basic, int status)
    {
        using var host = HttpHost.WithKeys(environment: environment);
        var client = host.CreateClient(key);
        if (basic is not null)
            client.DefaultRequestHeaders.Authorization = Basic(basic);

        var response = await AssertStatusAsync(status, client);

        Assert.Equal(
            status == 401 ? "Basic realm=\"Aether console\", charset=\"UTF-8\"" : null,
            response.Headers.WwwAuthenticate.SingleOrDefault()?.ToString());
    }

    [Theory]
    [InlineData("Bearer " + HttpHost.Admin)]
    [InlineData("Basic")]
    [InlineData("Basic ")]
    [InlineData("Basic !")]
    [InlineData("Basic " + HttpHost.Admin)]
    public async Task Console_AsksForAKey_GivenAnAuthorizationThatHoldsNone(string authorization)
    {
        using var host = HttpHost.WithKeys(environment: "Production");
        var client = host.CreateClient();
        client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", authorization);

        await AssertStatusAsync(401, client);
    }

    [Fact]
    public async Task Console_TakesTheWholePassword_GivenColonsAndLettersOfAnyKind()
    {
        const string Key = "schlüssel:mit:doppelpunkt";
        using var host = HttpHost.Open(
            environment: "Production",
            settings: [("ApiKeys:0:Name", "k"), ("ApiKeys:0:Key", Key), ("ApiKeys:0:Permissions:0", "admin")]);
        var client = host.CreateClient();
        client.DefaultRequestHeaders.Authorization = Basic("anybody:" + Key);

        await AssertStatusAsync(200, client);
    }

    [Fact]
    public async Task Password_OpensTheConsole_AndNothingElse()
    {
        using var host = HttpHost.WithKeys(environment: "Production");
        var client = host.CreateClient();
        client.DefaultRequestHeaders.Authorization = Basic("anybody:" + HttpHost.Admin);

        var roster = await client.GetAsync("/v3/groups/g1/clients", Cancellation);

        Assert.Equal(HttpStatusCode.Unauthorized, roster.StatusCode);
        Assert.Empty(roster.Headers.WwwAuthenticate);
    }

    [Theory]
    [InlineData("nothing.js")]
    [InlineData("INDEX.HTML")]
    [InlineData("index.html%00")]
    [InlineData("aether.js")]
    [InlineData("..%2faether.js")]
    [InlineData("..%5caether.js")]
    [InlineData("%2e%2e%2f%2e%2e%2fappsettings.json")]
    [InlineData("..%2f..%2f..%2f..%2fetc%2fpasswd")]
    [InlineData("%2fetc%2fpasswd")]
    [InlineData("sub/console.js")]
    public async Task File_IsNotFound_GivenAnyOtherName(string name)
    {
        using var host = HttpHost.Open();

        var response = await host.CreateClient().GetAsync($"{Page}/{name}", Cancellation);

        // A server may refuse a bad address before anybody looks at it.
        Assert.True(
            response.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.BadRequest, response.StatusCode.ToString());
    }

    [Fact]
    public async Task File_IsAProblem_GivenThatItIsNotThere()
    {
        using var host = HttpHost.WithKeys(environment: "Production");

        var admin = await host.CreateClient(HttpHost.Admin).GetAsync(Page + "/nothing.js", Cancellation);
        var nobody = await host.CreateClient().GetAsync(Page + "/nothing.js", Cancellation);

        Assert.Equal(HttpStatusCode.NotFound, admin.StatusCode);
        Assert.Equal("application/problem+json", admin.Content.Headers.ContentType?.MediaType);
        AssertGuarded(admin);
        // Who may not see the console does not learn what is in it.
        Assert.Equal(HttpStatusCode.Unauthorized, nobody.StatusCode);
    }

    [Fact]
    public async Task Console_IsNotThere_GivenThatItIsOff()
    {
        using var host = HttpHost.Open(settings: ("Console:Enabled", "false"));
        var client = host.CreateClient();

        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync(Page, Cancellation)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync(Page + "/index.html", Cancellation)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync(Module, Cancellation)).StatusCode);
    }

    [Fact]
    public async Task Console_WorksInAHost_UnderAPathAndBesideItsCors()
    {
        var builder = WebApplication.CreateBuilder();
        builder.WebHost.UseTestServer();
        builder.Services.AddCors(cors => cors.AddDefaultPolicy(policy => policy.WithOrigins("https://app.example")));
        builder.Services.AddAetherRealtime(builder.Configuration);
        await using var app = builder.Build();
        app.UsePathBase("/realtime");
        app.UseRouting();
        app.UseCors();
        app.MapAetherRealtime();
        await app.StartAsync(Cancellation);
        var client = app.GetTestClient();

        var slash = await client.GetAsync("/realtime/v3/console/?group=g1", Cancellation);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/realtime" + Module);
        request.Headers.Add("Origin", "https://app.example");
        var module = await client.SendAsync(request, Cancellation);

        Assert.Equal(HttpStatusCode.TemporaryRedirect, slash.StatusCode);
        Assert.Equal(
            "/realtime/v3/console?group=g1",
            new Uri(new Uri("http://localhost/realtime/v3/console/"), slash.Headers.Location!).PathAndQuery);
        await AssertLoadsAsync(client, "/realtime" + Page);
        Assert.Equal("https://app.example", Header(module, "Access-Control-Allow-Origin"));
    }

    /// <summary>Loads what the page loads, and what its modules import, as a browser resolves it.</summary>
    private static async Task AssertLoadsAsync(HttpClient client, string page)
    {
        var address = new Uri(client.BaseAddress!, page);
        string html = await client.GetStringAsync(address, Cancellation);
        Assert.DoesNotContain("<base", html, StringComparison.OrdinalIgnoreCase);
        var left = new Queue<Uri>(
            from Match link in Link().Matches(html)
            let target = link.Groups[1].Value
            where !target.StartsWith('#') && !target.StartsWith("data:", StringComparison.Ordinal)
            let file = new Uri(address, target)
            where Path.HasExtension(file.AbsolutePath)
            select file);
        var loaded = new HashSet<Uri>();
        while (left.TryDequeue(out var file))
        {
            if (!loaded.Add(file))
                continue;
            Assert.StartsWith(
                address.GetLeftPart(UriPartial.Path)[..^"/console".Length], file.AbsoluteUri, StringComparison.Ordinal);
            var response = await client.GetAsync(file, Cancellation);
            Assert.True(response.StatusCode == HttpStatusCode.OK, $"{file} is {response.StatusCode}");
            Assert.Equal("nosniff", Header(response, "X-Content-Type-Options"));
            Assert.Equal(
                Path.GetExtension(file.AbsolutePath) switch
                {
                    ".js" => "text/javascript",
                    ".css" => "text/css",
                    _ => "image/svg+xml",
                },
                response.Content.Headers.ContentType?.MediaType);
            string text = await response.Content.ReadAsStringAsync(Cancellation);
            foreach (Match import in Import().Matches(text))
                left.Enqueue(new Uri(file, import.Groups[1].Value));
        }
        Assert.NotEmpty(loaded);
    }

    private static async Task<HttpResponseMessage> AssertStatusAsync(int status, HttpClient client)
    {
        var response = await client.GetAsync(Page, Cancellation);
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(
            status == 200 ? "text/html" : "application/problem+json", response.Content.Headers.ContentType?.MediaType);
        AssertGuarded(response);
        Assert.Equal(status, (int)(await client.GetAsync(Page + "/index.html", Cancellation)).StatusCode);
        return response;
    }

    private static void AssertGuarded(HttpResponseMessage response)
    {
        Assert.Equal(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
            + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            Header(response, "Content-Security-Policy"));
        Assert.Equal(
            ("nosniff", "no-referrer"),
            (Header(response, "X-Content-Type-Options"), Header(response, "Referrer-Policy")));
    }

    private static async Task<HttpResponseMessage> AskAsync(
        HttpClient client, HttpMethod method, string path, EntityTagHeaderValue? tag = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (tag is not null)
            request.Headers.IfNoneMatch.Add(tag);
        return await client.SendAsync(request, Cancellation);
    }

    private static AuthenticationHeaderValue Basic(string credential) =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(credential)));

    /// <summary>The one value of the one header of this name.</summary>
    private static string Header(HttpResponseMessage response, string name) =>
        Assert.Single(response.Headers.GetValues(name));

    [GeneratedRegex("(?:src|href)=\"([^\"]+)\"")]
    private static partial Regex Link();

    [GeneratedRegex("(?:^|\\n)(?:import|export) (?:[^\"';]* from )?\"(\\.[^\"]+)\"")]
    private static partial Regex Import();
}
