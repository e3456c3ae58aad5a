using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Aether.Tests.E2E;

/// <summary>
/// The real server as a process of its own, on a free port of this machine. It can be stopped, frozen and killed like
/// one, and ends with the test that started it.
/// </summary>
public sealed partial class ServerProcess : IAsyncDisposable
{
    private const int Sigkill = 9;
    private const int Sigterm = 15;
    private const int Sigcont = 18;
    private const int Sigstop = 19;

    private static readonly TimeSpan StartDeadline = TimeSpan.FromSeconds(30);
    private static readonly ConcurrentDictionary<int, ServerProcess> Running = new();

    private readonly Process process;
    private readonly StringBuilder log = new();
    private readonly Task pumping;
    private Version httpVersion = HttpVersion.Version11;

    // A test run that is interrupted disposes nothing; what it started must not outlive it.
    static ServerProcess() => AppDomain.CurrentDomain.ProcessExit += (_, _) =>
    {
        foreach (var server in Running.Values)
            server.Kill();
    };

    private ServerProcess(Process process)
    {
        this.process = process;
        Id = process.Id;
        Running[Id] = this;
        pumping = Task.WhenAll(PumpAsync(process.StandardOutput), PumpAsync(process.StandardError));
    }

    /// <summary>The id of the process.</summary>
    public int Id { get; }

    /// <summary>Where it listens, as host and port.</summary>
    public Uri Address { get; private set; } = new("http://127.0.0.1:0");

    /// <summary>Everything it wrote so far, to standard output and standard error.</summary>
    public string Log
    {
        get
        {
            lock (log)
                return log.ToString();
        }
    }

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => process.HasExited;

    /// <summary>What it ended with.</summary>
    public int ExitCode => process.ExitCode;

    /// <summary>How much memory it holds, in bytes.</summary>
    public long WorkingSet
    {
        get
        {
            process.Refresh();
            return process.WorkingSet64;
        }
    }

    /// <summary>Starts a server and waits until it answers.</summary>
    /// <param name="realtime">Options below <c>Aether:Realtime</c>, such as <c>RateLimit:PerSecond</c>.</param>
    /// <param name="host">Any other setting, such as <c>ConnectionStrings:Redis</c>.</param>
    /// <param name="openFiles">How many files and sockets it may have open; as many as the test, if nothing is said.</param>
    /// <param name="shell">What a shell does instead of just starting it; see <see cref="Launch"/>.</param>
    public static async Task<ServerProcess> StartAsync(
        Dictionary<string, string>? realtime = null,
        Dictionary<string, string>? host = null,
        int? openFiles = null,
        string? shell = null)
    {
        var server = Launch(realtime, host, openFiles, shell);
        try
        {
            await Eventually.HoldsAsync(
                () => server.HasExited || Listens().IsMatch(server.Log), "the server starts", StartDeadline);
            if (server.HasExited)
                throw new InvalidOperationException("the server ended at start:\n" + server.Log);
            server.Address = new Uri("http://127.0.0.1:" + Listens().Match(server.Log).Groups["port"].Value);
            if (host?.GetValueOrDefault("Kestrel:EndpointDefaults:Protocols") == "Http2")
                server.httpVersion = HttpVersion.Version20;
            using var live = await server.GetAsync("/health/live");
            live.EnsureSuccessStatusCode();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts a server and does not wait for it: for one that is not meant to come up.</summary>
    /// <param name="realtime">Options below <c>Aether:Realtime</c>.</param>
    /// <param name="host">Any other setting.</param>
    /// <param name="openFiles">How many files and sockets it may have open.</param>
    /// <param name="shell">What a shell does instead of just starting it, with the server as <c>$0</c>; it ends with
    /// <c>exec</c>, so that the process stays the same.</param>
    public static ServerProcess Launch(
        Dictionary<string, string>? realtime = null,
        Dictionary<string, string>? host = null,
        int? openFiles = null,
        string? shell = null)
    {
        if (openFiles is not null)
            shell = $"ulimit -n {openFiles}; exec dotnet \"$0\"";
        var start = new ProcessStartInfo(shell is null ? "dotnet" : "sh")
        {
            // Not where its settings lie: it has to find them wherever it is started from.
            WorkingDirectory = Path.GetTempPath(),
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (shell is not null)
        {
            start.ArgumentList.Add("-c");
            start.ArgumentList.Add(shell);
        }
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "Aether.Api.dll"));
        foreach (string inherited in start.Environment.Keys.Where(IsSetting).ToList())
            start.Environment.Remove(inherited);
        // The system picks the port. Where it has to be known before, or to be the same after a restart, see Ports.
        start.Environment["ASPNETCORE_URLS"] = "http://127.0.0.1:0";
        foreach (var (option, value) in realtime ?? [])
            start.Environment["Aether__Realtime__" + Variable(option)] = value;
        foreach (var (setting, value) in host ?? [])
            start.Environment[Variable(setting)] = value;
        return new ServerProcess(Process.Start(start)!);
    }

    /// <summary>Whether it has loaded an assembly: how far a start is.</summary>
    public bool HasLoaded(string assembly) =>
        File.ReadAllText($"/proc/{Id}/maps").Contains(assembly + ".dll", StringComparison.Ordinal);

    /// <summary>Asks for a page.</summary>
    public async Task<HttpResponseMessage> GetAsync(string path, params (string Name, string Value)[] headers)
    {
        using var http = new HttpClient { Timeout = Eventually.Soon };
        using var question = new HttpRequestMessage(HttpMethod.Get, new Uri(Address, path))
        {
            Version = httpVersion,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        foreach (var (name, value) in headers)
            question.Headers.TryAddWithoutValidation(name, value);
        return await http.SendAsync(question);
    }

    /// <summary>Where a client of a group connects.</summary>
    public Uri Endpoint(string group, string client, string query = "") => new(
        $"ws://{Address.Authority}/v3/ws/group/{group}/client/{client}{(query.Length == 0 ? "" : "?" + query)}");

    /// <summary>Where a V1 or V2 client of a group connects.</summary>
    public Uri LegacyEndpoint(string group, string client) =>
        new($"ws://{Address.Authority}/ws/group/{group}/client/{client}");

    /// <summary>Asks it to stop.</summary>
    public void Terminate() => Signal(Sigterm);

    /// <summary>Ends it at once.</summary>
    public void Kill() => Signal(Sigkill);

    /// <summary>Freezes it.</summary>
    public void Pause() => Signal(Sigstop);

    /// <summary>Lets it go on.</summary>
    public void Resume() => Signal(Sigcont);

    /// <summary>Waits for its end.</summary>
    /// <returns>Its exit code; 128 and the number of the signal if one ended it.</returns>
    /// <exception cref="TimeoutException">It still runs.</exception>
    public async Task<int> WaitForExitAsync(TimeSpan within)
    {
        await process.WaitForExitAsync().WaitAsync(within);
        await pumping.WaitAsync(within);
        return process.ExitCode;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Kill();
        await process.WaitForExitAsync();
        Running.TryRemove(Id, out _);
        await pumping;
        process.Dispose();
    }

    private static string Variable(string setting) => setting.Replace(":", "__", StringComparison.Ordinal);

    // A setting of whoever runs the tests must not become one of the server.
    private static bool IsSetting(string variable) =>
        new[] { "Aether__", "ASPNETCORE_", "DOTNET_URLS", "DOTNET_ENVIRONMENT", "ConnectionStrings__", "Logging__",
            "Kestrel__", "OTEL_" }
            .Any(prefix => variable.StartsWith(prefix, StringComparison.OrdinalIgnoreCase));

    [GeneratedRegex(@"listens on http://127\.0\.0\.1:(?<port>\d+)")]
    private static partial Regex Listens();

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int SendSignal(int pid, int signal);

    private void Signal(int signal)
    {
        // Never to a process that has ended: its id may be another's by now.
        if (!process.HasExited && SendSignal(Id, signal) != 0 && !process.HasExited)
            throw new InvalidOperationException($"signal {signal} could not be sent");
    }

    private async Task PumpAsync(StreamReader reader)
    {
        char[] buffer = new char[4_096];
        int read;
        while ((read = await reader.ReadAsync(buffer)) > 0)
        {
            lock (log)
                log.Append(buffer, 0, read);
        }
    }
}
