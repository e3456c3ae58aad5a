using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;

namespace Aether.Tests.E2E;

/// <summary>The nginx of this machine with a configuration of a test's, in a folder and on a port of its own.</summary>
public sealed class Nginx : IAsyncDisposable
{
    private const string Executable = "/usr/sbin/nginx";

    private readonly StringBuilder log = new();
    private Process? process;

    /// <summary>Takes a folder and a port. Nothing runs yet.</summary>
    public Nginx()
    {
        if (!File.Exists(Executable))
            throw new InvalidOperationException($"there is no {Executable}: install the package nginx-light");
        Folder = Directory.CreateTempSubdirectory("aether-nginx-").FullName;
        Authority = "127.0.0.1:" + Ports.Next().ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>Where its files are. It is removed at the end.</summary>
    public string Folder { get; }

    /// <summary>What it is to listen on, as host and port.</summary>
    public string Authority { get; }

    /// <summary>
    /// Folders for what it puts aside, for the <c>http</c> block: its own ones are not for everybody to write to.
    /// </summary>
    public static string TemporaryPaths =>
        "client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp; scgi_temp_path temp;";

    /// <summary>Starts it, and waits until a path answers.</summary>
    public async Task StartAsync(string configuration, string path, HttpStatusCode status = HttpStatusCode.OK)
    {
        Write(configuration);
        process = Process.Start(Command(["-g", "daemon off;" + (Environment.IsPrivilegedProcess ? " user root;" : "")]))!;
        process.ErrorDataReceived += (_, line) =>
        {
            lock (log)
                log.AppendLine(line.Data);
        };
        process.BeginErrorReadLine();
        await AnswersAsync(path, status);
    }

    /// <summary>Has it read another configuration, and waits until a path answers as it should then.</summary>
    public async Task ReloadAsync(string configuration, string path, HttpStatusCode status)
    {
        Write(configuration);
        using (var reload = Process.Start(Command(["-s", "reload"]))!)
            await reload.WaitForExitAsync();
        await AnswersAsync(path, status);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (process is not null)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            process.Dispose();
        }
        Directory.Delete(Folder, recursive: true);
    }

    private void Write(string configuration) => File.WriteAllText(Path.Combine(Folder, "nginx.conf"), configuration);

    private ProcessStartInfo Command(string[] arguments)
    {
        var start = new ProcessStartInfo(Executable) { RedirectStandardError = true };
        foreach (string argument in (string[])["-p", Folder, "-c", Path.Combine(Folder, "nginx.conf"), "-e", "stderr", .. arguments])
            start.ArgumentList.Add(argument);
        return start;
    }

    private async Task AnswersAsync(string path, HttpStatusCode status)
    {
        using var http = new HttpClient();
        await Eventually.HoldsAsync(
            async () =>
            {
                if (process!.HasExited)
                {
                    lock (log)
                        throw new InvalidOperationException($"nginx ended: {log}");
                }
                try
                {
                    using var answer = await http.GetAsync(new Uri($"http://{Authority}{path}"));
                    return answer.StatusCode == status;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            $"nginx answers {(int)status}");
    }
}
