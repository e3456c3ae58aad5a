using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Xunit;

namespace Aether.Tests.Integration.Fixtures;

/// <summary>What a caller of the HTTP API sends and gets back.</summary>
internal static class HttpApi
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static string Roster(string group) => $"/v3/groups/{group}/clients";

    public static string Client(string group, string client) => Roster(group) + "/" + client;

    public static string Message(
        string target,
        string? group = "g1",
        string from = "boss",
        string? to = null,
        string type = "msg",
        string? more = null) =>
        $$"""
        {"msg_type":"{{type}}","target":"{{target}}","from_id":"{{from}}",
         "to_id":{{Quoted(to)}},"group_id":{{Quoted(group)}},
        """
        + (more is null ? "" : more + ",")
        + """
        "payload":{"n":1.50},"sent_at":"2026-01-01T00:00:00Z"}
        """;

    public static string? Text(JsonNode message, string field) => (string?)message[field];

    private static string Quoted(string? text) => text is null ? "null" : $"\"{text}\"";

    public static async Task<HttpResponseMessage> SendAsync(
        HttpClient client, string json, string? contentType = "application/json", bool announced = true)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v3/messages")
        {
            Content = new ByteArrayContent(Encoding.UTF8.GetBytes(json)),
        };
        request.Headers.TransferEncodingChunked = !announced;
        if (contentType is not null)
            request.Content.Headers.Add("Content-Type", contentType);
        return await client.SendAsync(request, Cancellation);
    }

    public static async Task AssertStatusAsync(int status, HttpResponseMessage response)
    {
        if (status >= 400)
            await ProblemAsync((HttpStatusCode)status, response);
        else
            Assert.Equal(status, (int)response.StatusCode);
    }

    public static async Task<JsonNode> ProblemAsync(HttpStatusCode status, HttpResponseMessage response)
    {
        Assert.Equal(status, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        var problem = (await response.Content.ReadFromJsonAsync<JsonNode>(Cancellation))!;
        Assert.Equal((int)status, (int)problem["status"]!);
        Assert.NotEqual("", (string?)problem["title"]);
        Assert.NotEqual("", (string?)problem["detail"]);
        return problem;
    }
}
