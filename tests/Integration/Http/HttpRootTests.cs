using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Aether.Tests.Integration.Fixtures;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What is at the first address that anybody tries.</summary>
public sealed class HttpRootTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Root_LeadsToTheConsole_InDevelopment()
    {
        using var host = HttpHost.Open();
        using var client = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false })
        {
            BaseAddress = host.CreateClient().BaseAddress,
        };

        var response = await client.GetAsync("/", Cancellation);

        Assert.Equal(HttpStatusCode.Redirect, response.StatusCode);
        Assert.Equal("/v3/console", new Uri(client.BaseAddress!, response.Headers.Location!).AbsolutePath);
    }

    [Theory]
    [InlineData("Production", "true")]
    [InlineData("Development", "false")]
    public async Task Root_SaysWhatIsHere_WhereTheConsoleIsNotForEverybody(string environment, string console)
    {
        using var host = HttpHost.Open(
            replace: services => services.ConfigureHttpJsonOptions(
                json => json.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.KebabCaseUpper),
            environment: environment,
            settings: ("Console:Enabled", console));
        var client = host.CreateClient();

        var said = JsonNode.Parse(await client.GetStringAsync("/", Cancellation))!;

        Assert.Equal("Aether Realtime", (string?)said["name"]);
        Assert.Matches(@"^\d+\.\d+\.\d+$", (string?)said["version"]);
        foreach (string document in new[] { "openapi", "asyncapi", "reference", "health" })
        {
            var answer = await client.GetAsync("/" + said[document], Cancellation);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
    }

    [Fact]
    public async Task Root_IsTheHosts_WhereItIsEmbedded()
    {
        var builder = WebApplication.CreateBuilder();
        builder.WebHost.UseTestServer();
        builder.Services.AddAetherRealtime(builder.Configuration);
        await using var app = builder.Build();
        app.MapAetherRealtime();
        await app.StartAsync(Cancellation);

        Assert.Equal(HttpStatusCode.NotFound, (await app.GetTestClient().GetAsync("/", Cancellation)).StatusCode);
    }
}
