using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;

namespace Aether.Tests.E2E;

/// <summary>An instance of the second version, in Python, on the same Redis as those under test.</summary>
public sealed partial class OldInstance : IAsyncDisposable
{
    private static readonly TimeSpan StartDeadline = TimeSpan.FromSeconds(30);

    private readonly Process process;
    private readonly StringBuilder log = new();

    private OldInstance(Process process)
    {
        this.process = process;
        process.OutputDataReceived += (_, line) => Append(line.Data);
        process.ErrorDataReceived += (_, line) => Append(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    private string Log
    {
        get
        {
            lock (log)
                return log.ToString();
        }
    }

    private string Authority => Listens().Match(Log).Groups["authority"].Value;

    /// <summary>Starts it, and waits until it takes connections.</summary>
    /// <param name="redis">Where Redis is, as host and port.</param>
    public static async Task<OldInstance> StartAsync(string redis)
    {
        // Debian's own: another python3 may come first in PATH, and has none of its packages.
        var start = new ProcessStartInfo("/usr/bin/python3")
        {
            WorkingDirectory = Path.Combine(AppContext.BaseDirectory, "python"),
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        string[] arguments = ["-m", "uvicorn", "legacy_v2_server:app", "--host", "127.0.0.1", "--port", "0"];
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        start.Environment["REDIS_URL"] = "redis://" + redis;
        start.Environment["PYTHONDONTWRITEBYTECODE"] = "1";
        var instance = new OldInstance(Process.Start(start)!);
        try
        {
            await Eventually.HoldsAsync(
                () => instance.process.HasExited || Listens().IsMatch(instance.Log), "it starts", StartDeadline);
            return instance.process.HasExited ? throw new InvalidOperationException(instance.Log) : instance;
        }
        catch
        {
            await instance.DisposeAsync();
            throw;
        }
    }

    /// <summary>Where a client of a group connects.</summary>
    public Uri Endpoint(string group, string client) => new($"ws://{Authority}/ws/group/{group}/client/{client}");

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
            process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
    }

    [GeneratedRegex(@"running on http://(?<authority>127\.0\.0\.1:\d+)")]
    private static partial Regex Listens();

    private void Append(string? line)
    {
        lock (log)
            log.AppendLine(line);
    }
}
