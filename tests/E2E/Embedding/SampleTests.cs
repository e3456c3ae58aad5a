using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>The samples, started by the commands that their pages name.</summary>
public sealed partial class SampleTests : IAsyncLifetime
{
    private const string Address = "http://localhost:5000";
    private const string Group = "press-7";

    // …/tests/E2E/bin/Release/net10.0/
    private static readonly DirectoryInfo Output = new(AppContext.BaseDirectory);
    private static readonly string Repository = Output.Parent!.Parent!.Parent!.Parent!.Parent!.FullName;

    private readonly HttpClient http = new();
    private readonly List<Sample> started = [];
    private string server = "";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var host = Start("EmbeddingHost", "http://127.0.0.1:0");
        await Eventually.HoldsAsync(() => Listens().IsMatch(host.Log) || host.HasExited, "the host listens");
        Assert.False(host.HasExited, host.Log);
        server = Listens().Match(host.Log).Groups["address"].Value;
        http.BaseAddress = new Uri(server);
    }

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        foreach (var sample in started)
            await sample.DisposeAsync();
    }

    [Fact]
    public async Task Worker_DoesTheHostsJob_AndTheHostHearsOfIt()
    {
        await StartWorkerAsync();

        using var given = await http.PostAsync($"/jobs/{Group}", null, Cancellation);
        Assert.Equal(HttpStatusCode.Accepted, given.StatusCode);
        await Eventually.HoldsAsync(
            async () => await http.GetStringAsync($"/jobs/{Group}", Cancellation)
                == """[{"worker":"worker-1","pages":300}]""",
            "the worker has reported");
    }

    [Fact]
    public async Task Worker_AnswersAController_AndNobodyElseMayStartIt()
    {
        await StartWorkerAsync();
        await using var boss = await TestClient.ConnectAsync(Endpoint("boss", "controller"), Group, "boss");
        foreach (string role in (string[])["observer", "worker"])
        {
            await using var guest = await TestClient.ConnectAsync(Endpoint(role, role), Group, role);
            await guest.SendAsync(Json.Message(
                role, "direct", "worker-1", "cmd", Group, "start", payload: "{\"speed\":9}", id: "g1"));
            var refused = await guest.ReceiveAsync();
            Assert.True(refused.IsError("not_in_charge"), refused.ToString());
        }
        await boss.SendAsync(Json.Message(
            "boss", "direct", "worker-1", "cmd", Group, "start", payload: "{\"speed\":3}", id: "b1", replyTo: "?"));
        var answer = await AnswerAsync(boss);

        Assert.Equal(("reply", "worker-1", "b1"), (answer.Text("cmd"), answer.Text("from_id"), answer.Text("reply_to")));
        Assert.Equal(300, answer.Payload("pages").GetInt32());
    }

    [Fact]
    public async Task Worker_AnswersWhoAsksForIt_AndNobodyElse()
    {
        var worker = await StartWorkerAsync();
        await using var boss = await TestClient.ConnectAsync(Endpoint("boss", "controller"), Group, "boss");
        // An id alone asks the server for an ack, and the worker for nothing.
        await boss.SendAsync(Json.Message(
            "boss", "direct", "worker-1", "cmd", Group, "start", payload: "{\"speed\":5}", id: "b1"));
        await boss.SendAsync(Json.Message("boss", "group", null, "cmd", Group, "start", payload: "{\"speed\":6}", id: "b2"));
        // Each comes through a channel of its own, so either may be the first.
        await Eventually.HoldsAsync(
            () => Speeds(worker).Order().SequenceEqual(["5", "6"]), "both are begun", state: () => worker.Log);
        await boss.SendAsync(Json.Message(
            "boss", "direct", "worker-1", "cmd", Group, "start", payload: "{\"speed\":7}", id: "b3", replyTo: "?"));
        await boss.SendAsync(Json.Message(
            "boss", "direct", "worker-1", "cmd", Group, "juggle", id: "b4", replyTo: "?"));

        var first = await AnswerAsync(boss);
        var second = await AnswerAsync(boss);

        Assert.Equal(("reply", "b3"), (first.Text("cmd"), first.Text("reply_to")));
        Assert.Equal(("reply_error", "b4"), (second.Text("cmd"), second.Text("reply_to")));
        Assert.Equal("not_handled", second.Payload("code").GetString());
        Assert.Equal(["5", "6", "7"], Speeds(worker).Order());
    }

    [Fact]
    public async Task Worker_TakesACommandThatReportsBack_FromAControllerAlone()
    {
        const string start = """{"cmd":"start","payload":{"speed":SPEED},"to":["worker-1"]}""";
        var worker = await StartWorkerAsync();
        await using var boss = await TestClient.ConnectAsync(Endpoint("boss", "controller"), Group, "boss");
        foreach (string role in (string[])["observer", "worker"])
        {
            await using var guest = await TestClient.ConnectAsync(Endpoint("guest", role), Group, "guest");
            await guest.SendAsync(Json.Message(
                "guest", "direct", "aether", "cmd", Group, "command.start", payload: start.Replace("SPEED", "9"), id: "g1"));
            var refused = await guest.ReceiveAsync();
            Assert.True(refused.IsError("forbidden"), refused.ToString());
        }
        await boss.SendAsync(Json.Message(
            "boss", "direct", "aether", "cmd", Group, "command.start", payload: start.Replace("SPEED", "3"), id: "b1"));
        JsonElement told;
        do
        {
            told = await boss.ReceiveAsync();
        }
        while (told.Text("cmd") != "command.event" || told.Payload("status").GetString() == "in_progress");

        Assert.Equal("succeeded", told.Payload("status").GetString());
        Assert.DoesNotContain("speed 9", worker.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Worker_SaysAgain_WhatWasLostWithTheConnection()
    {
        await using var lossy = await LossyServer.StartAsync();
        var worker = Start("Worker", lossy.Address);
        var first = await lossy.AcceptAsync();
        await first.SendAsync(Execution(attempt: 1));
        await Eventually.HoldsAsync(
            () => worker.Log.Contains("working at speed 1", StringComparison.Ordinal), "the worker is at work");
        first.Break();

        // Nobody has its answer, so it is sent the same work once more; and then the next attempt, which is other work.
        var second = await lossy.AcceptAsync();
        await second.SendAsync(Execution(attempt: 1));
        var again = await second.ReceiveAsync();
        await second.SendAsync(Execution(attempt: 2));
        var next = await second.ReceiveAsync();

        Assert.Equal(("reply", "boss", "e1.0"), (again.Text("cmd"), again.Text("to_id"), again.Text("reply_to")));
        Assert.Equal(("reply", "boss", "e1.0"), (next.Text("cmd"), next.Text("to_id"), next.Text("reply_to")));
        Assert.NotEqual(again.Text("id"), next.Text("id"));
        await Eventually.HoldsAsync(() => Speeds(worker).SequenceEqual(["1", "2"]), "each is done once", state: () => worker.Log);

        static string Execution(int attempt) =>
            $$"""
            {"version":"3","msg_type":"cmd","target":"direct","from_id":"boss","to_id":"worker-1","group_id":"press-7","cmd":"start",
            "msg":null,"payload":{"speed":{{attempt}}},"sent_at":"2026-01-02T03:04:05Z","id":"e1.0",
            "execution":{"command_id":"e1","attempt":{{attempt}},"deadline":"2026-01-02T03:05:05Z"} }
            """;
    }

    [Theory]
    [InlineData(1002)]
    [InlineData(1003)]
    [InlineData(1007)]
    [InlineData(4005)]
    public async Task Worker_Stops_WhereComingBackIsOfNoUse(int code)
    {
        await using var server = await LossyServer.StartAsync();
        var worker = Start("Worker", server.Address);
        await (await server.AcceptAsync()).CloseAsync(code);

        await Eventually.HoldsAsync(() => worker.HasExited, "the worker stops", state: () => worker.Log);
    }

    [Theory]
    [InlineData(1013, 5, 10)]
    [InlineData(4101, 1, 2)]
    public async Task Worker_ComesBack_WhenTheCodeSays(int code, double least, double most)
    {
        await using var server = await LossyServer.StartAsync();
        var worker = Start("Worker", server.Address);
        await (await server.AcceptAsync()).CloseAsync(code);
        await Eventually.HoldsAsync(() => Pause().IsMatch(worker.Log), "the worker waits", state: () => worker.Log);

        double seconds = double.Parse(Pause().Match(worker.Log).Groups["seconds"].ValueSpan, CultureInfo.InvariantCulture);
        Assert.InRange(seconds, least, most);
    }

    [Theory]
    [InlineData("POST", "/jobs/b%20d")]
    [InlineData("POST", "/jobs/aether")]
    [InlineData("GET", "/workers/b%20d")]
    public async Task Host_AnswersABadId_AsTheCallersMistake(string method, string path)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using var answer = await http.SendAsync(request, Cancellation);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
    }

    [Fact]
    public void Readme_HasNothing_ThatIsNotInTheSample()
    {
        string readme = File.ReadAllText(Path.Combine(Repository, "README.md"));
        string shown = readme[readme.IndexOf("## Embed it", StringComparison.Ordinal)..].Split("```")[1];
        string[] sample = [.. File.ReadLines(Path.Combine(Repository, "samples", "EmbeddingHost", "Program.cs"))
            .Select(line => line.Trim())];

        Assert.All(
            shown.Split('\n').Skip(1).Select(line => line.Trim()),
            line => Assert.Contains(line, sample));
    }

    private Uri Endpoint(string client, string role) =>
        new($"{server.Replace("http:", "ws:", StringComparison.Ordinal)}/v3/ws/group/{Group}/client/{client}?role={role}");

    private static IEnumerable<string> Speeds(Sample worker) =>
        Speed().Matches(worker.Log).Select(static found => found.Groups["speed"].Value);

    // What a client gets that is not the server's word that a message went.
    private static async Task<JsonElement> AnswerAsync(TestClient client)
    {
        JsonElement answer;
        while ((answer = await client.ReceiveAsync()).Text("cmd") != "reply" && answer.Text("cmd") != "reply_error")
        {
        }
        return answer;
    }

    private async Task<Sample> StartWorkerAsync()
    {
        var worker = Start("Worker", server);
        await Eventually.HoldsAsync(
            async () => await http.GetStringAsync($"/workers/{Group}", Cancellation) == "[\"worker-1\"]",
            "the worker is there");
        // It is present a moment before it hears: what is sent in between is not for it.
        await Eventually.HoldsAsync(
            () => worker.Log.Contains($"connected to {Group} as worker-1", StringComparison.Ordinal),
            "the worker is connected");
        return worker;
    }

    /// <summary>Runs the first command of a sample's page, with what these tests have built.</summary>
    private Sample Start(string name, string address)
    {
        string page = File.ReadAllText(Path.Combine(Repository, "samples", name, "README.md"));
        string command = page.Split('\n').First(line => line.StartsWith("dotnet run ", StringComparison.Ordinal));
        Assert.Contains(Address, command, StringComparison.Ordinal);
        string[] words = command.Replace(Address, address, StringComparison.Ordinal).Split(' ');
        var sample = new Sample(
            Repository, [words[1], "--no-build", "-c", Output.Parent!.Name, .. words[2..]]);
        started.Add(sample);
        return sample;
    }

    [GeneratedRegex(@"Now listening on: (?<address>http://127\.0\.0\.1:\d+)")]
    private static partial Regex Listens();

    [GeneratedRegex(@"again in (?<seconds>\d+\.\d) s")]
    private static partial Regex Pause();

    [GeneratedRegex(@"working at speed (?<speed>\d+)")]
    private static partial Regex Speed();

    /// <summary>One that runs, and what it has said.</summary>
    private sealed class Sample : IAsyncDisposable
    {
        private readonly StringBuilder log = new();
        private readonly Process process;

        public Sample(string workingDirectory, string[] arguments)
        {
            var start = new ProcessStartInfo("dotnet", arguments)
            {
                WorkingDirectory = workingDirectory,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            // No build server that would outlive the test.
            start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
            // Numbers as these tests read them.
            start.Environment["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "1";
            process = Process.Start(start)!;
            process.OutputDataReceived += Keep;
            process.ErrorDataReceived += Keep;
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
        }

        public string Log
        {
            get
            {
                lock (log)
                    return log.ToString();
            }
        }

        public bool HasExited => process.HasExited;

        public async ValueTask DisposeAsync()
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
            process.Dispose();
        }

        private void Keep(object sender, DataReceivedEventArgs line)
        {
            lock (log)
                log.AppendLine(line.Data);
        }
    }
}
