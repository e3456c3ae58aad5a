using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Aether.Tests.Integration.Fixtures;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What the server tells programs of itself: OpenAPI, AsyncAPI and the reference page.</summary>
public sealed partial class HttpDocumentsTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task OpenApi_DescribesEveryRequest_WithAnswersAndCredential()
    {
        using var host = HttpHost.WithKeys();

        var document = await GetAsync(host.CreateClient(), "/openapi/v1.json");

        Assert.Equal("3.1.1", (string?)document["openapi"]);
        var operations =
            from path in document["paths"]!.AsObject()
            from operation in path.Value!.AsObject()
            select (Name: operation.Key + " " + path.Key, Operation: operation.Value!);
        Assert.Equal(
            [
                "delete /v3/groups/{group_id}/clients/{client_id}",
                "delete /v3/groups/{group_id}/commands/{command_id}",
                "delete /v3/groups/{group_id}/leases/{name}",
                "get /v3/groups",
                "get /v3/groups/{group_id}/clients",
                "get /v3/groups/{group_id}/clients/{client_id}",
                "get /v3/groups/{group_id}/clients/{client_id}/trace",
                "get /v3/groups/{group_id}/commands",
                "get /v3/groups/{group_id}/commands/{command_id}",
                "get /v3/groups/{group_id}/leases/{name}",
                "get /v3/groups/{group_id}/messages",
                "get /v3/instances",
                "post /v3/groups/{group_id}/commands",
                "post /v3/groups/{group_id}/commands/{command_id}/resume",
                "post /v3/groups/{group_id}/commands/{command_id}/retry",
                "post /v3/messages",
                "post /v3/revocations",
            ],
            operations.Select(operation => operation.Name).Order());
        Assert.All(operations, operation =>
        {
            Assert.NotEqual("", (string?)operation.Operation["summary"] ?? "");
            Assert.NotEqual("", (string?)operation.Operation["operationId"] ?? "");
            var responses = operation.Operation["responses"]!.AsObject();
            Assert.Contains("401", responses.Select(response => response.Key));
            Assert.Contains("403", responses.Select(response => response.Key));
            Assert.All(
                responses, response => Assert.NotNull(response.Value!["content"]!.AsObject().Single().Value!["schema"]));
        });
        var scheme = document["components"]!["securitySchemes"]!["ApiKey"]!;
        Assert.Equal("apiKey header X-Aether-API-Key", $"{scheme["type"]} {scheme["in"]} {scheme["name"]}");
        var bearer = document["components"]!["securitySchemes"]!["Token"]!;
        Assert.Equal("http bearer JWT", $"{bearer["type"]} {bearer["scheme"]} {bearer["bearerFormat"]}");
        // One of them, or none where none is asked for.
        Assert.Equal(["ApiKey", "Token", null], document["security"]!.AsArray().Select(one => Names(one!).SingleOrDefault()));
        var parameters = document["paths"]!["/v3/groups/{group_id}/clients"]!["get"]!["parameters"]!.AsArray();
        Assert.Equal(
            ["group_id", "role", "sort", "offset", "limit"],
            parameters.Select(parameter => (string?)parameter!["name"]));
    }

    [Fact]
    public async Task OpenApi_DescribesEveryParameter_WithItsRule()
    {
        using var host = HttpHost.Open();
        var document = await GetAsync(host.CreateClient(), "/openapi/v1.json");

        var operations = document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject()).Select(one => one.Value!);
        Assert.All(operations.SelectMany(one => one["parameters"]?.AsArray() ?? []), parameter =>
        {
            string named = parameter!.ToJsonString();
            Assert.True((string?)parameter["description"] is { Length: > 0 }, named);
            var schema = parameter["schema"]!;
            Assert.True((schema["pattern"] ?? schema["enum"] ?? schema["minimum"]) is not null, named);
        });
        var limit = document["paths"]!["/v3/groups/{group_id}/messages"]!["get"]!["parameters"]!.AsArray()
            .Single(parameter => (string?)parameter!["name"] == "limit")!["schema"]!;
        Assert.Equal((1, 500, 100), ((int)limit["minimum"]!, (int)limit["maximum"]!, (int)limit["default"]!));
    }

    [Fact]
    public async Task OpenApi_HasAllThatAProblemHas()
    {
        using var host = HttpHost.Open();
        var client = host.CreateClient();
        var schema = (await GetAsync(client, "/openapi/v1.json"))["components"]!["schemas"]!["Problem"]!;
        using var command = new StringContent(
            """{"cmd":"x","to":["a"],"lease":{"name":"l","term":1}}""", Encoding.UTF8, "application/json");
        using var conflict = await client.PostAsync("/v3/groups/g1/commands", command, Cancellation);
        using var gone = await client.GetAsync("/v3/groups/g1/messages?after=other:1", Cancellation);

        var (refused, lost) = (await ProblemAsync(conflict), await ProblemAsync(gone));

        Assert.Equal((HttpStatusCode.Conflict, HttpStatusCode.Gone), (conflict.StatusCode, gone.StatusCode));
        Assert.Equal(Names(refused).Union(Names(lost)).Order(), Names(schema["properties"]!));
        Assert.Equal(
            Names(refused).Intersect(Names(lost)).Where(name => name != "field"),
            schema["required"]!.AsArray().Select(name => (string?)name).Order());

        static async Task<JsonNode> ProblemAsync(HttpResponseMessage response) =>
            (await response.Content.ReadFromJsonAsync<JsonNode>(Cancellation))!;
    }

    [Fact]
    public async Task OpenApi_ShowsExamples_ThatTheServerTakesAndGives()
    {
        using var host = HttpHost.Open();
        var client = host.CreateClient();
        using var member = await host.ConnectAsync("press-7", "worker-1", "role=worker");
        var paths = (await GetAsync(client, "/openapi/v1.json"))["paths"]!;
        var send = paths["/v3/messages"]!["post"]!;
        var one = paths["/v3/groups/{group_id}/clients/{client_id}"]!;

        string example = send["requestBody"]!["content"]!["application/json"]!["example"]!.ToJsonString();
        using var content = new StringContent(example, Encoding.UTF8, "application/json");
        var sent = await client.PostAsync("/v3/messages", content, Cancellation);

        Assert.Equal(HttpStatusCode.Accepted, sent.StatusCode);
        AssertSameShape(ExampleOf(send, "202"), await sent.Content.ReadFromJsonAsync<JsonNode>(Cancellation));
        Assert.Equal("start", (string?)(await member.ReceiveAsync())["cmd"]);
        AssertSameShape(
            ExampleOf(paths["/v3/groups/{group_id}/clients"]!["get"]!, "200"),
            await GetAsync(client, "/v3/groups/press-7/clients"));
        AssertSameShape(
            ExampleOf(paths["/v3/groups/{group_id}/messages"]!["get"]!, "200"),
            await GetAsync(client, "/v3/groups/press-7/messages"));
        var leases = paths["/v3/groups/{group_id}/leases/{name}"]!;
        await member.SendAsync(
            """{"msg_type":"cmd","target":"direct","from_id":"worker-1","to_id":"aether","cmd":"lease.acquire","payload":{"name":"lead","ttl_ms":60000},"sent_at":"2026-01-01T00:00:00Z","id":"q1"}""");
        Assert.Equal("reply", (string?)(await member.ReceiveAsync())["cmd"]);
        AssertSameShape(
            ExampleOf(leases["get"]!, "200"), await GetAsync(client, "/v3/groups/press-7/leases/lead"));
        var taken = await client.DeleteAsync("/v3/groups/press-7/leases/lead", Cancellation);
        AssertSameShape(
            ExampleOf(leases["delete"]!, "200"), await taken.Content.ReadFromJsonAsync<JsonNode>(Cancellation));
        var revoke = paths["/v3/revocations"]!["post"]!;
        using var revocation = new StringContent(
            revoke["requestBody"]!["content"]!["application/json"]!["example"]!.ToJsonString(), Encoding.UTF8, "application/json");
        var revoked = await client.PostAsync("/v3/revocations", revocation, Cancellation);
        Assert.Equal(HttpStatusCode.Accepted, revoked.StatusCode);
        AssertSameShape(ExampleOf(revoke, "202"), await revoked.Content.ReadFromJsonAsync<JsonNode>(Cancellation));
        AssertSameShape(ExampleOf(paths["/v3/groups"]!["get"]!, "200"), await GetAsync(client, "/v3/groups"));
        AssertSameShape(ExampleOf(paths["/v3/instances"]!["get"]!, "200"), await GetAsync(client, "/v3/instances"));
        AssertSameShape(ExampleOf(one["get"]!, "200"), await GetAsync(client, "/v3/groups/press-7/clients/worker-1"));
        var removed = await client.DeleteAsync("/v3/groups/press-7/clients/worker-1", Cancellation);
        AssertSameShape(
            ExampleOf(one["delete"]!, "202"), await removed.Content.ReadFromJsonAsync<JsonNode>(Cancellation));
    }

    [Fact]
    public async Task OpenApi_ShowsCommands_AsTheServerTakesAndGivesThem()
    {
        await using var host = HttpHost.Open();
        using var client = host.CreateClient();
        await using var member = await CommandClient.ConnectAsync(host, "worker-1", "worker", "press-7");
        var document = await GetAsync(client, "/openapi/v1.json");
        var paths = document["paths"]!;
        const string Commands = "/v3/groups/press-7/commands";
        var (all, one) = (paths["/v3/groups/{group_id}/commands"]!, paths["/v3/groups/{group_id}/commands/{command_id}"]!);

        var shown = all["post"]!["requestBody"]!["content"]!["application/json"]!["example"]!;
        var started = await PostAsync(Commands, shown.ToJsonString());
        AssertSameShape(ExampleOf(all["post"]!, "201"), started);
        string path = Commands + "/" + (string)started["command_id"]!;
        var execution = await member.ExecutionAsync();
        AssertSameShape(ExampleOf(paths["/v3/groups/{group_id}/commands/{command_id}/resume"]!["post"]!, "200"), await PostAsync(path + "/resume"));
        await member.ReportWellAsync(execution, "in_progress", ",\"progress\":{\"part\":\"plate\"}");
        await member.ReportWellAsync(execution, "succeeded", ",\"result\":{\"version\":\"2.4.1\"}");
        AssertSameShape(ExampleOf(one["get"]!, "200"), await GetAsync(client, path));
        AssertSameShape(ExampleOf(all["get"]!, "200"), await GetAsync(client, Commands + "?status=succeeded"));

        string second = (string)(await PostAsync(Commands, """{"cmd":"x","to":["worker-1"]}"""))["command_id"]!;
        var canceled = await client.DeleteAsync(Commands + "/" + second, Cancellation);
        AssertSameShape(
            ExampleOf(one["delete"]!, "200"), await canceled.Content.ReadFromJsonAsync<JsonNode>(Cancellation));

        string third = (string)(await PostAsync(Commands, """{"cmd":"x","to":["nobody"],"delivery_timeout_ms":1}"""))["command_id"]!;
        await Eventually.HoldsAsync(async () => (string?)(await GetAsync(client, Commands + "/" + third))["status"] == "failed");
        var retry = paths["/v3/groups/{group_id}/commands/{command_id}/retry"]!["post"]!;
        var again = retry["requestBody"]!["content"]!["application/json"]!;
        AssertSameShape(
            ExampleOf(retry, "201"), await PostAsync($"{Commands}/{third}/retry", again["example"]!.ToJsonString()));
        Assert.Equal(["id", "lease"], Names(again["schema"]!["properties"]!));
        Assert.Null(retry["requestBody"]!["required"]);

        // The rules of a command are those of the one schema that there is, with what only a request has.
        var asyncApi = (await GetAsync(client, "/asyncapi.json"))["components"]!["schemas"]!["command"]!;
        var schema = document["components"]!["schemas"]!["Command"]!;
        Assert.Equal(
            Names(asyncApi["properties"]!).Concat(["from_id", "id"]).Order(), Names(schema["properties"]!));
        Assert.Equal("cmd", (string?)Assert.Single(schema["required"]!.AsArray()));
        Assert.DoesNotContain("$ref", schema.ToJsonString(), StringComparison.Ordinal);
        Assert.Equal(
            "^[A-Za-z0-9]{1,40}$",
            (string?)one["delete"]!["parameters"]!.AsArray().Single(one => (string?)one!["name"] == "command_id")!["schema"]!["pattern"]);

        async Task<JsonNode> PostAsync(string to, string json = "")
        {
            using var content = new StringContent(json, Encoding.UTF8, "application/json");
            var response = await client.PostAsync(to, content, Cancellation);
            Assert.True(response.IsSuccessStatusCode, response.StatusCode.ToString());
            return (await response.Content.ReadFromJsonAsync<JsonNode>(Cancellation))!;
        }
    }

    [Fact]
    public async Task AsyncApi_HasNoFieldOfACommand_ThatTheServerDoesNotTake()
    {
        await using var host = HttpHost.Open();
        using var client = host.CreateClient();
        var properties = (await GetAsync(client, "/asyncapi.json"))["components"]!["schemas"]!["command"]!["properties"]!;
        var all = new JsonObject();
        foreach (string name in Names(properties))
            all[name] = name == "cmd" ? "x" : null;

        var response = await client.PostAsJsonAsync("/v3/groups/g1/commands", all, Cancellation);

        // All that is wrong with it is that nobody is there.
        Assert.Equal(HttpStatusCode.Conflict, response.StatusCode);
    }

    [Fact]
    public async Task OpenApi_HasTheShapes_ThatItsExamplesHave()
    {
        using var host = HttpHost.Open();
        var document = await GetAsync(host.CreateClient(), "/openapi/v1.json");
        var schemas = document["components"]!["schemas"]!;

        var operation = document["paths"]!["/v3/groups/{group_id}/clients"]!["get"]!;
        var page = ExampleOf(operation, "200");
        AssertSchema(schemas["Roster"]!, page);
        AssertSchema(schemas["Client"]!, page["members"]![0]!);
        AssertSchema(
            schemas["Lease"]!, ExampleOf(document["paths"]!["/v3/groups/{group_id}/leases/{name}"]!["get"]!, "200"));
        AssertSchema(schemas["Revoked"]!, ExampleOf(document["paths"]!["/v3/revocations"]!["post"]!, "202"));
        var groups = ExampleOf(document["paths"]!["/v3/groups"]!["get"]!, "200");
        AssertSchema(schemas["Groups"]!, groups);
        AssertSchema(schemas["Group"]!, groups["groups"]![0]!);
        var instances = ExampleOf(document["paths"]!["/v3/instances"]!["get"]!, "200");
        AssertSchema(schemas["Instances"]!, instances);
        AssertSchema(schemas["RunningInstance"]!, instances["instances"]![0]!);
        // The rules of a message are those of the one schema that there is.
        var message = await GetAsync(host.CreateClient(), "/message.schema.json");
        Assert.Equal(Names(message["properties"]!), Names(schemas["Message"]!["properties"]!));
        Assert.Equal(message["required"]!.ToJsonString(), schemas["Message"]!["required"]!.ToJsonString());
        foreach (string field in (string[])["msg_type", "target", "to_role"])
        {
            Assert.Equal(
                message["properties"]![field]!["enum"]!.ToJsonString(),
                schemas["Message"]!["properties"]![field]!["enum"]!.ToJsonString());
        }
        Assert.DoesNotContain("$defs", schemas["Message"]!.ToJsonString(), StringComparison.Ordinal);
        Assert.Equal(3, schemas["Message"]!["allOf"]!.AsArray().Count);

        static void AssertSchema(JsonNode schema, JsonNode example)
        {
            Assert.Equal(Names(schema["properties"]!), Names(example));
            Assert.Equal(Names(example), schema["required"]!.AsArray().Select(name => (string?)name).Order());
        }
    }

    [Fact]
    public async Task AsyncApi_RefersOnlyToWhatIsServed_BesideIt()
    {
        using var host = HttpHost.Open();
        var client = host.CreateClient();

        string document = await client.GetStringAsync("/asyncapi.json", Cancellation);

        Assert.Contains("\"asyncapi\": \"3.0.0\"", document, StringComparison.Ordinal);
        string[] references = [.. Reference().Matches(document).Select(match => match.Groups[1].Value).Distinct()];
        Assert.Contains("message.schema.json", references);
        foreach (string reference in references.Where(reference => !reference.StartsWith('#')))
            Assert.NotNull(await GetAsync(client, "/" + reference));
    }

    [Fact]
    public async Task ReferencePage_AsksNobodyElse_ForAnything()
    {
        using var host = HttpHost.Open();
        var client = host.CreateClient();

        var response = await client.GetAsync("/scalar/", Cancellation);
        string html = await response.Content.ReadAsStringAsync(Cancellation);

        string policy = response.Headers.GetValues("Content-Security-Policy").Single();
        Assert.StartsWith("default-src 'self' ", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("//", html.Replace("<!--", "", StringComparison.Ordinal), StringComparison.Ordinal);
        foreach (Match source in Source().Matches(html))
        {
            var script = await client.GetAsync("/scalar/" + source.Groups[1].Value, Cancellation);
            Assert.Equal(HttpStatusCode.OK, script.StatusCode);
        }
        Assert.Contains("openapi/aether.json", html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Host_KeepsItsOwnDocumentAndMetrics_GivenThatItHasThem()
    {
        var builder = WebApplication.CreateBuilder();
        builder.WebHost.UseTestServer();
        builder.Services.AddOpenApi();
        builder.Services.AddAetherRealtime(builder.Configuration);
        await using var app = builder.Build();
        app.MapAetherRealtime();
        app.MapOpenApi();
        app.MapGet("/jobs", () => "");
        app.MapGet("/metrics", () => "the host's");
        await app.StartAsync(Cancellation);
        var client = app.GetTestClient();

        Assert.Equal(["/jobs", "/metrics"], Names((await GetAsync(client, "/openapi/v1.json"))["paths"]!));
        Assert.All(
            Names((await GetAsync(client, "/openapi/aether.json"))["paths"]!),
            path => Assert.StartsWith("/v3/", path, StringComparison.Ordinal));
        Assert.Equal("the host's", await client.GetStringAsync("/metrics", Cancellation));
    }

    private static async Task<JsonNode> GetAsync(HttpClient client, string path) =>
        (await client.GetFromJsonAsync<JsonNode>(path, Cancellation))!;

    private static IEnumerable<string> Names(JsonNode node) => node.AsObject().Select(field => field.Key).Order();

    private static JsonNode ExampleOf(JsonNode operation, string status) =>
        operation["responses"]![status]!["content"]!["application/json"]!["example"]!;

    private static void AssertSameShape(JsonNode? expected, JsonNode? actual)
    {
        Assert.Equal(expected?.GetValueKind(), actual?.GetValueKind());
        if (expected is JsonArray array)
        {
            Assert.All(actual!.AsArray(), item => AssertSameShape(array[0]!, item));
            return;
        }
        if (expected is not JsonObject shape)
            return;
        // What a client says of itself has any shape.
        foreach (var (name, value) in shape.Where(field => field.Key != "state"))
            AssertSameShape(value, actual![name]);
        Assert.Equal(Names(expected), Names(actual!));
    }

    [GeneratedRegex("\"\\$ref\": \"([^\"]+)\"")]
    private static partial Regex Reference();

    [GeneratedRegex("src=\"([^\"]+)\"")]
    private static partial Regex Source();
}
