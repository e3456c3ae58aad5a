using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Aether.Application;
using Aether.Application.Commands;
using Aether.Application.Messaging;
using Aether.Domain.Commands;
using Aether.Tests.Integration.Fixtures;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>Commands without a connection: over HTTP, and out of the host's own code.</summary>
public sealed class CommandHttpTests
{
    private const string Commands = "/v3/groups/g1/commands";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Command_IsGivenWatchedAndRead()
    {
        await using var host = HttpHost.Open();
        await using var a = await CommandClient.ConnectAsync(host, "a");
        using var http = host.CreateClient();

        using var created = await PostAsync(http, Commands, """{"cmd":"x","role":"worker","payload":{"n":1}}""");
        var started = await BodyAsync(created, HttpStatusCode.Created);
        string id = (string)started["command_id"]!;
        Assert.Equal(1, (int)started["targets"]!);
        Assert.Equal(Commands + "/" + id, created.Headers.Location?.ToString());

        var execution = await a.ExecutionAsync();
        Assert.Equal("aether", (string?)execution["from_id"]);
        long version = (long)(await GetAsync(http, Commands + "/" + id))["version"]!;
        var waiting = GetAsync(http, $"{Commands}/{id}?after={version + 1}&wait=30");
        // Written and confirmed is one change; then nothing happens until the member speaks.
        await a.ReportWellAsync(execution, "in_progress", ",\"progress\":{\"p\":1}");
        await a.ReportWellAsync(execution, "succeeded", ",\"result\":{\"r\":2}");
        Assert.NotEqual(version + 1, (long)(await waiting)["version"]!);

        var got = await GetAsync(http, Commands + "/" + id);
        Assert.Equal(("succeeded", 2), ((string?)got["status"], (int)got["executions"]![0]!["result"]!["r"]!));
        Assert.Equal(id, (string?)(await GetAsync(http, Commands + "?status=succeeded&limit=1"))["commands"]![0]!["command_id"]);
        // It has ended: nobody waits for what cannot come.
        Assert.Equal("succeeded", (string?)(await GetAsync(http, $"{Commands}/{id}?after={got["version"]}&wait=30"))["status"]);
    }

    [Fact]
    public async Task Changes_OfMoreMembersThanOneAnswerHas_AreAllThereForWhoGoesOn()
    {
        await using var host = HttpHost.Open();
        using var http = host.CreateClient();
        string[] members = [.. Enumerable.Range(0, 700).Select(i => "m" + i)];
        string names = string.Join(',', members.Select(member => $"\"{member}\""));
        using var created = await PostAsync(http, Commands, $"{{\"cmd\":\"x\",\"to\":[{names}]}}");
        string id = (string)(await BodyAsync(created, HttpStatusCode.Created))["command_id"]!;

        var told = new List<string?>();
        for (long after = 0; told.Count < members.Length;)
        {
            var page = await GetAsync(http, $"{Commands}/{id}?after={after}");
            Assert.NotEmpty(page["executions"]!.AsArray());
            told.AddRange(page["executions"]!.AsArray().Select(one => (string?)one!["client_id"]));
            after = (long)page["version"]!;
        }
        Assert.Equal(members.Order(), told.Order());
    }

    [Fact]
    public async Task Plain_AnswersTheServerByHand()
    {
        await using var host = HttpHost.Open();
        await using var a = await CommandClient.ConnectAsync(host, "a");
        using var http = host.CreateClient();
        using var created = await PostAsync(http, Commands, """{"cmd":"x","to":["a"]}""");
        string id = (string)(await BodyAsync(created, HttpStatusCode.Created))["command_id"]!;
        var execution = await a.ExecutionAsync();
        string answers = $",\"reply_to\":\"{execution["id"]}\"";
        Assert.Equal(
            ("stale_term", "lease"),
            await a.AskInVainAsync("reply", """{"v":0}""", answers + ",\"lease\":{\"name\":\"lead\",\"term\":1}"));
        var answer = await a.AskWellAsync("reply", """{"v":1}""", answers, question: "own-1");
        Assert.Equal("succeeded", (string?)answer["status"]);
        var got = await GetAsync(http, Commands + "/" + id);
        Assert.Equal(("succeeded", 1), ((string?)got["status"], (int)got["executions"]![0]!["result"]!["v"]!));
        Assert.Equal("not_found", (await a.AskInVainAsync("reply", "{}", ",\"reply_to\":\"abc.0\"")).Code);
    }

    [Fact]
    public async Task Cancel_Resume_AndRetry()
    {
        await using var host = HttpHost.Open();
        await using var a = await CommandClient.ConnectAsync(host, "a");
        using var http = host.CreateClient();
        using var created = await PostAsync(http, Commands, """{"cmd":"x","to":["a"],"from_id":"boss","id":"once"}""");
        string id = (string)(await BodyAsync(created, HttpStatusCode.Created))["command_id"]!;
        using var again = await PostAsync(http, Commands, """{"cmd":"x","to":["a"],"from_id":"boss","id":"once"}""");
        Assert.Equal(id, (string?)(await BodyAsync(again, HttpStatusCode.Created))["command_id"]);
        Assert.Equal("boss", (string?)(await a.ExecutionAsync())["from_id"]);

        using var resumed = await PostAsync(http, Commands + "/" + id + "/resume", "");
        Assert.Equal("in_progress", (string?)(await BodyAsync(resumed))["status"]);
        using var tooEarly = await PostAsync(http, Commands + "/" + id + "/retry", "");
        Assert.Equal(HttpStatusCode.BadRequest, tooEarly.StatusCode);
        using var canceled = await http.DeleteAsync(new Uri(Commands + "/" + id, UriKind.Relative), Cancellation);
        Assert.Equal("requested", (string?)(await BodyAsync(canceled))["reason"]);
        await a.NextAsync(one => (string?)one["cmd"] == "execution.cancel");
        await a.AskWellAsync(
            "execution.update", """{"attempt":1,"status":"canceled"}""", $",\"reply_to\":\"{id}.0\"");
        Assert.Equal("canceled", (string?)(await GetAsync(http, Commands + "/" + id))["status"]);

        using var retried = await PostAsync(http, Commands + "/" + id + "/retry", "");
        var retry = await BodyAsync(retried, HttpStatusCode.Created);
        Assert.NotEqual(id, (string?)retry["command_id"]);
        Assert.Equal((string?)retry["command_id"], (string?)(await a.ExecutionAsync())["execution"]!["command_id"]);
    }

    [Theory]
    [InlineData("""{"cmd":"x","to":["a"],"id":"one","id":"two"}""", "id")]
    [InlineData("""{"cmd":"x","to":["a"],"from_id":"boss","from_id":"chief"}""", "from_id")]
    [InlineData("""{"cmd":"x","to":["a"],"to":["b"]}""", "to")]
    [InlineData("""{"cmd":"x","to":["a"],"abort":{"failures":1,"failures":2}}""", "abort")]
    [InlineData("""{"cmd":"x","to":["a"],"abort":{"failures":1,"min_executed":2,"min_executed":3}}""", "abort")]
    public async Task Start_RefusesAFieldThatIsGivenTwice(string body, string field)
    {
        await using var host = HttpHost.Open();
        using var http = host.CreateClient();
        using var response = await PostAsync(http, Commands, body);
        var refusal = await BodyAsync(response, HttpStatusCode.BadRequest);
        Assert.Equal(field, (string?)refusal["field"]);
        Assert.Empty((await GetAsync(http, Commands))["commands"]!.AsArray());
    }

    [Fact]
    public async Task Retry_IsTheSameCommand_GivenTheSameId()
    {
        await using var host = HttpHost.Open();
        using var http = host.CreateClient();
        var realtime = host.Services.GetRequiredService<IRealtime>();
        using var created = await PostAsync(http, Commands, """{"cmd":"x","to":["a"],"delivery_timeout_ms":1}""");
        string id = (string)(await BodyAsync(created, HttpStatusCode.Created))["command_id"]!;
        await Eventually.HoldsAsync(async () => (string?)(await GetAsync(http, Commands + "/" + id))["status"] == "failed");

        string first = await RetryAsync("""{"id":"again"}""");
        Assert.Equal(first, await RetryAsync("""{"id":"again"}"""));
        string?[] others =
        [
            await RetryAsync("""{"id":"once more"}"""), await RetryAsync("""{"id":null}"""), await RetryAsync("{}"),
            await RetryAsync(""), id,
        ];
        Assert.DoesNotContain(first, others);
        Assert.Distinct(others);

        // The host gives it on behalf of the same giver.
        Assert.Equal(first, (await realtime.RetryCommand("g1", id, "again", Cancellation)).Value.Order.Id);
        Assert.NotEqual(first, (await realtime.RetryCommand("g1", id, cancellationToken: Cancellation)).Value.Order.Id);
        await Assert.ThrowsAsync<ArgumentException>("id", () => realtime.RetryCommand("g1", id, "", Cancellation));

        async Task<string> RetryAsync(string json)
        {
            using var retried = await PostAsync(http, Commands + "/" + id + "/retry", json);
            return (string)(await BodyAsync(retried, HttpStatusCode.Created))["command_id"]!;
        }
    }

    [Theory]
    [InlineData("/v3/groups/g1/Commands", "/Retry")]
    [InlineData("/V3/GROUPS/g1/COMMANDS/", "/RETRY/")]
    [InlineData("/v3/groups/commands/commands", "/retry")]
    public async Task Location_IsThatOfTheCommand_HoweverThePathIsSpelled(string path, string retry)
    {
        await using var host = HttpHost.Open();
        using var http = host.CreateClient();
        using var created = await PostAsync(http, path, """{"cmd":"x","to":["a"],"delivery_timeout_ms":1}""");
        string id = (string)(await BodyAsync(created, HttpStatusCode.Created))["command_id"]!;
        string location = created.Headers.Location!.ToString();
        Assert.Equal(path.TrimEnd('/') + "/" + id, location);
        await Eventually.HoldsAsync(async () => (string?)(await GetAsync(http, location))["status"] == "failed");

        using var retried = await PostAsync(http, location + retry, "");
        string next = (string)(await BodyAsync(retried, HttpStatusCode.Created))["command_id"]!;
        Assert.Equal(path.TrimEnd('/') + "/" + next, retried.Headers.Location?.ToString());
        Assert.Equal(next, (string?)(await GetAsync(http, retried.Headers.Location!.ToString()))["command_id"]);
    }

    [Fact]
    public async Task Wait_EndsWithTheInstance_AsWhenItsTimeIsOver()
    {
        // What the process gets is 10 s then, less than the wait: what is still asked at their end is cut off.
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var host = await EmbeddingApp.StartAsync(
            pipeline: app =>
            {
                app.Use((context, next) =>
                {
                    if (context.Request.Query.ContainsKey("wait"))
                        asked.TrySetResult();
                    return next(context);
                });
                app.MapAetherRealtime();
            },
            options: options => options.Drain = Duration.FromSeconds(0));
        using var http = host.CreateClient();
        using var created = await PostAsync(http, Commands, """{"cmd":"x","to":["a"],"delivery_timeout_ms":60000}""");
        string path = Commands + "/" + (string)(await BodyAsync(created, HttpStatusCode.Created))["command_id"]!;
        var before = await GetAsync(http, path);
        var waiting = GetAsync(http, $"{path}?after={before["version"]}&wait=30");
        await asked.Task.WaitAsync(Eventually.Soon, Cancellation);

        await host.StopAsync();

        var told = await waiting;
        Assert.Equal(
            ((long)before["version"]!, "in_progress", 0),
            ((long)told["version"]!, (string?)told["status"], told["executions"]!.AsArray().Count));
    }

    [Fact]
    public async Task Retry_IsUnderTheLeaseOfItsBody()
    {
        await using var host = HttpHost.Open();
        await using var boss = await CommandClient.ConnectAsync(host, "boss", "controller");
        await using var a = await CommandClient.ConnectAsync(host, "a");
        using var http = host.CreateClient();
        await boss.AskWellAsync("lease.acquire", """{"name":"lead","ttl_ms":60000}""");
        string id = await boss.StartAsync(
            "\"cmd\":\"x\",\"to\":[\"away\",\"a\"],\"delivery_timeout_ms\":1,\"lease\":{\"name\":\"lead\",\"term\":1}");
        await boss.UntilAsync(id, "failed");
        await boss.AskWellAsync("lease.release", """{"name":"lead","term":1}""");
        await a.AskWellAsync("lease.acquire", """{"name":"lead","ttl_ms":60000}""");
        await a.AskWellAsync("lease.release", """{"name":"lead","term":2}""");
        await boss.AskWellAsync("lease.acquire", """{"name":"lead","ttl_ms":60000}""");

        using var stale = await PostAsync(http, $"{Commands}/{id}/retry", "");
        Assert.Equal(HttpStatusCode.Conflict, stale.StatusCode);
        using var retried = await PostAsync(http, $"{Commands}/{id}/retry", """{"lease":{"name":"lead","term":3}}""");
        string next = (string)(await BodyAsync(retried, HttpStatusCode.Created))["command_id"]!;
        var execution = await a.ExecutionAsync(one => (string?)one["execution"]!["command_id"] == next);
        Assert.Equal("""{"name":"lead","term":3}""", execution["lease"]!.ToJsonString());

        foreach (string wrong in new[] { """{"lease":{"name":"lead"}}""", """{"lease":7}""", """{"lease":null,"lease":null}""" })
        {
            using var refused = await PostAsync(http, $"{Commands}/{id}/retry", wrong);
            Assert.Equal("lease", (string?)(await BodyAsync(refused, HttpStatusCode.BadRequest))["field"]);
        }
    }

    [Fact]
    public async Task Retry_TakesNothingElseThanJson()
    {
        await using var host = HttpHost.Open();
        using var http = host.CreateClient();
        using var form = new FormUrlEncodedContent([new("id", "x")]);
        using var refused = await http.PostAsync(new Uri(Commands + "/abc/retry", UriKind.Relative), form, Cancellation);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, refused.StatusCode);
        using var nothing = await http.PostAsync(new Uri(Commands + "/abc/retry", UriKind.Relative), null, Cancellation);
        Assert.Equal(HttpStatusCode.NotFound, nothing.StatusCode);
    }

    [Theory]
    [InlineData("POST", "", """{"role":"worker"}""", 400, "cmd")]
    [InlineData("POST", "", """{"cmd":"welcome","to":["a"]}""", 400, "cmd")]
    [InlineData("POST", "", """{"cmd":"x","to":["a"],"from_id":"a b"}""", 400, "from_id")]
    [InlineData("POST", "", """{"cmd":"x","to":["a"],"id":""}""", 400, "id")]
    [InlineData("POST", "", """{"cmd":"x","to":["a"],"what":1}""", 400, "what")]
    [InlineData("POST", "", """{"cmd":"\ud800","to":["a"]}""", 400, "message")]
    [InlineData("POST", "", "[]", 400, "message")]
    [InlineData("POST", "", """{"cmd":"x","role":"worker"}""", 409, null)]
    [InlineData("POST", "", """{"cmd":"x","to":["a"],"lease":{"name":"l","term":1}}""", 409, "lease")]
    [InlineData("GET", "?status=done", "", 400, "status")]
    [InlineData("GET", "?state=done", "", 400, "query")]
    [InlineData("GET", "/abc", "", 404, null)]
    [InlineData("GET", "/a.b", "", 404, null)]
    [InlineData("GET", "/abc?wait=31", "", 400, "wait")]
    [InlineData("GET", "/abc?after=x", "", 400, "after")]
    [InlineData("DELETE", "/abc", "", 404, null)]
    [InlineData("POST", "/abc/retry", "", 404, null)]
    [InlineData("POST", "/abc/retry", """{"id":"x"}""", 404, null)]
    [InlineData("POST", "/abc/retry", """{"id":""}""", 400, "id")]
    [InlineData("POST", "/abc/retry", """{"id":7}""", 400, "id")]
    [InlineData("POST", "/abc/retry", """{"id":"x","id":"y"}""", 400, "id")]
    [InlineData("POST", "/abc/retry", """{"name":"x"}""", 400, "name")]
    [InlineData("POST", "/abc/retry", "[]", 400, "message")]
    [InlineData("PUT", "/abc", "", 405, null)]
    [InlineData("DELETE", "", "", 405, null)]
    [InlineData("GET", "/abc/resume", "", 405, null)]
    public async Task Refusal_NamesWhatIsWrong(string method, string path, string body, int status, string? field)
    {
        await using var host = HttpHost.Open();
        using var http = host.CreateClient();
        using var request = new HttpRequestMessage(new HttpMethod(method), Commands + path);
        if (body.Length > 0)
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        using var response = await http.SendAsync(request, Cancellation);
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal(field, (string?)JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancellation))!["field"]);
    }

    [Theory]
    [InlineData(Commands, """{"cmd":"x","role":"worker"}""", "no_recipients", null)]
    [InlineData(Commands, """{"cmd":"x","to":["a"],"lease":{"name":"l","term":1}}""", "stale_term", "lease")]
    [InlineData(
        "/v3/messages",
        """
        {"msg_type":"cmd","target":"group","from_id":"a","group_id":"g1","cmd":"x","payload":{},
        "sent_at":"2026-01-01T00:00:00Z","lease":{"name":"l","term":1}}
        """,
        "stale_term",
        "lease")]
    public async Task Conflict_SaysItsCode(string path, string body, string code, string? field)
    {
        await using var host = HttpHost.Open();
        using var http = host.CreateClient();
        using var response = await PostAsync(http, path, body);
        var problem = await BodyAsync(response, HttpStatusCode.Conflict);
        Assert.Equal((code, field), ((string?)problem["code"], (string?)problem["field"]));
    }

    [Theory]
    [InlineData(null, 401)]
    [InlineData(HttpHost.Plain, 403)]
    [InlineData(HttpHost.Broadcasting, 403)]
    [InlineData(HttpHost.Crossing, 200)]
    [InlineData(HttpHost.CrossingG1, 200)]
    [InlineData(HttpHost.AdminOfG1, 200)]
    [InlineData(HttpHost.Admin, 200)]
    public async Task Permission_IsThatOfMessages(string? key, int status)
    {
        await using var host = HttpHost.WithKeys();
        using var http = host.CreateClient(key);
        using var response = await http.GetAsync(new Uri(Commands, UriKind.Relative), Cancellation);
        Assert.Equal(status, (int)response.StatusCode);
        using var other = await http.GetAsync(new Uri("/v3/groups/g2/commands", UriKind.Relative), Cancellation);
        Assert.Equal(key is HttpHost.CrossingG1 or HttpHost.AdminOfG1 ? 403 : status, (int)other.StatusCode);
    }

    [Fact]
    public async Task Facade_GivesWatchesReadsAndCancels()
    {
        await using var host = HttpHost.Open();
        await using var a = await CommandClient.ConnectAsync(host, "a");
        var realtime = host.Services.GetRequiredService<IRealtime>();

        var started = await realtime.StartCommand(
            "g1", new RealtimeCommand { Cmd = "x", Payload = new { N = 1 }, Plan = new CommandPlan { Attempts = 2 } }, Cancellation);
        string id = started.Value.Order.Id;
        var seen = new List<CommandState>();
        var watching = Task.Run(
            async () =>
            {
                await foreach (var state in realtime.WatchCommand("g1", id, cancellationToken: Cancellation))
                    seen.Add(state);
            },
            Cancellation);
        var first = await a.ExecutionAsync();
        Assert.Equal("""{"n":1}""", first["payload"]!.ToJsonString());
        await a.ReportWellAsync(first, "failed");
        await a.ReportWellAsync(await a.ExecutionAsync(), "succeeded", ",\"result\":{}");
        await watching.WaitAsync(TimeSpan.FromSeconds(30), Cancellation);
        Assert.Equal(CommandStatus.Succeeded, seen[^1].Command.Status);
        Assert.Equal(2, seen[^1].Executions[^1].Attempt);

        Assert.Equal("a", Assert.Single((await realtime.GetCommand("g1", id, cancellationToken: Cancellation)).Value.Executions).Member.Value);
        Assert.Equal(id, Assert.Single((await realtime.ListCommands("g1", cancellationToken: Cancellation)).Value.Commands).Order.Id);
        Assert.Equal(CommandStatus.Succeeded, (await realtime.CancelCommand("g1", id, Cancellation)).Value.Status);
        Assert.Equal("not_found", (await realtime.ResumeCommand("g1", "abc", Cancellation)).Rejection?.Code.Name);
        Assert.Equal(
            "no_recipients", (await realtime.RetryCommand("g1", id, cancellationToken: Cancellation)).Rejection?.Code.Name);
        await foreach (var state in realtime.WatchCommand("g1", "abc", cancellationToken: Cancellation))
            Assert.Fail(state.ToString());
        await Assert.ThrowsAsync<ArgumentException>(
            () => realtime.StartCommand("g1", new RealtimeCommand { Cmd = "" }, Cancellation));
        await Assert.ThrowsAsync<ArgumentException>(
            () => realtime.StartCommand("g1", new RealtimeCommand { Cmd = "x", To = [] }, Cancellation));
    }

    private static async Task<HttpResponseMessage> PostAsync(HttpClient http, string path, string json)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        return await http.PostAsync(new Uri(path, UriKind.Relative), content, Cancellation);
    }

    private static async Task<JsonNode> GetAsync(HttpClient http, string path)
    {
        using var response = await http.GetAsync(new Uri(path, UriKind.Relative), Cancellation);
        return await BodyAsync(response);
    }

    private static async Task<JsonNode> BodyAsync(HttpResponseMessage response, HttpStatusCode status = HttpStatusCode.OK)
    {
        string body = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True(status == response.StatusCode, body);
        return JsonNode.Parse(body)!;
    }
}
