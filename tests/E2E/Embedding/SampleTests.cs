using System.Diagnostics;
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
            "boss", "direct", "worker-1", "cmd", Group, "start", payload: "{\"speed\":3}", id: "b1"));
        JsonElement answer;
        while ((answer = await boss.ReceiveAsync()).Text("cmd") == "ack")
        {
        }

        Assert.Equal(("reply", "worker-1", "b1"), (answer.Text("cmd"), answer.Text("from_id"), answer.Text("reply_to")));
        Assert.Equal(300, answer.Payload("pages").GetInt32());
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

    private async Task StartWorkerAsync()
    {
        var worker = Start("Worker", server);
        await Eventually.HoldsAsync(
            async () => await http.GetStringAsync($"/workers/{Group}", Cancellation) == "[\"worker-1\"]",
            "the worker is there");
        // It is present a moment before it hears: what is sent in between is not for it.
        await Eventually.HoldsAsync(
            () => worker.Log.Contains($"connected to {Group} as worker-1", StringComparison.Ordinal),
            "the worker is connected");
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
