using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Aether.Application;
using Xunit;

namespace Aether.Tests.E2E.Deploy;

/// <summary>
/// What the files of deploy/ and the Dockerfile say of the server is what it knows and does. They are not run here: that
/// takes a cluster, or an engine for containers.
/// </summary>
public sealed partial class DeployFilesTests : IDisposable
{
    private const string Deployment = "deploy/k8s/deployment.yaml";
    private const string Compose = "deploy/compose.yaml";
    private const string Settings = "deploy/settings/appsettings.example.json";

    // As the image has it: a link beside the program to a file in a folder that is mounted.
    private readonly string environment = "Deploy" + Guid.NewGuid().ToString("N");
    private readonly DirectoryInfo mounted = Directory.CreateTempSubdirectory("aether-settings-");

    private string Link => Path.Combine(AppContext.BaseDirectory, $"appsettings.{environment}.json");

    private string MountedFile => Path.Combine(mounted.FullName, "appsettings.json");

    public void Dispose()
    {
        File.Delete(Link);
        mounted.Delete(recursive: true);
    }

    [Fact]
    public async Task Variables_AreOptionsThatTheServerHas()
    {
        var realtime = Variable().Matches(Repository.Read(Deployment)).ToDictionary(
            one => one.Groups["option"].Value.Replace("__", ":", StringComparison.Ordinal), one => one.Groups["value"].Value);
        Assert.NotEmpty(realtime);
        // It stops at an option that it does not know.
        await using var server = await ServerProcess.StartAsync(realtime);
        Assert.False(server.HasExited);
    }

    [Fact]
    public void GracePeriods_AreLongerThanADrain()
    {
        double drain = Number(Repository.Read(Deployment), @"Aether__Realtime__Drain\s+value: ""(\d+)""");
        double ahead = Number(Repository.Read(Deployment), @"preStop:[^}]*sleep: \{ seconds: (\d+) \}");
        double grace = Number(Repository.Read(Deployment), @"terminationGracePeriodSeconds: (\d+)");
        Assert.InRange(grace, ahead + drain + 10, 3_600);

        double stop = Number(Repository.Read(Compose), @"stop_grace_period: (\d+)s");
        Assert.InRange(stop, new RealtimeOptions().Drain.Value.TotalSeconds + 10, 3_600);
    }

    [Fact]
    public async Task Probes_AskWhatTheServerAnswers()
    {
        string[] asked = [.. Probe().Matches(Repository.Read(Deployment)).Select(one => one.Value)];
        Assert.Equal(["/health/live", "/health/live", "/health/ready"], asked);
        Assert.Contains("GET /health/live ", Repository.Read("Dockerfile"), StringComparison.Ordinal);
        await using var server = await ServerProcess.StartAsync();
        foreach (string path in asked)
            Assert.Equal(200, await TwoInstances.StatusAsync(server, path));
    }

    [Fact]
    public async Task ExampleSettings_ServeWithKeysOfOnesOwn_AndFollowTheMountedFile()
    {
        File.WriteAllText(MountedFile, WithKeys("one"));
        File.CreateSymbolicLink(Link, MountedFile);
        await using var server = await ServerProcess.StartAsync(host: new() { ["ASPNETCORE_ENVIRONMENT"] = environment });
        Assert.Contains("credentials: API keys (2)", server.Log, StringComparison.Ordinal);
        using (var first = await server.GetAsync("/v3/groups", ("X-Aether-API-Key", KeyOf("operators", "one"))))
            Assert.True(first.IsSuccessStatusCode);

        File.WriteAllText(MountedFile, WithKeys("two"));
        await Eventually.HoldsAsync(
            async () =>
            {
                using var second = await server.GetAsync("/v3/groups", ("X-Aether-API-Key", KeyOf("operators", "two")));
                return second.IsSuccessStatusCode;
            },
            "the changed key is good",
            TimeSpan.FromMinutes(2));
    }

    [Fact]
    public async Task ExampleSettings_AreRefused_AsLongAsTheyHaveNoKeysOfOnesOwn()
    {
        File.WriteAllText(MountedFile, Repository.Read(Settings));
        File.CreateSymbolicLink(Link, MountedFile);
        await using var server = ServerProcess.Launch(host: new() { ["ASPNETCORE_ENVIRONMENT"] = environment });
        Assert.Equal(1, await server.WaitForExitAsync(Eventually.Soon));
        Assert.Contains("Aether:Realtime:ApiKeys:0:Key", server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_IsRefused_GivenAMountedFolderWithoutTheFile()
    {
        File.CreateSymbolicLink(Link, MountedFile);
        await using var server = ServerProcess.Launch(host: new() { ["ASPNETCORE_ENVIRONMENT"] = environment });
        Assert.Equal(1, await server.WaitForExitAsync(Eventually.Soon));
        Assert.Contains(Link, server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public void Dockerfile_HasTheSdkOfTheRepository_AndEveryProjectOfTheServer()
    {
        string text = Repository.Read("Dockerfile");
        using var global = JsonDocument.Parse(Repository.Read("global.json"));
        Assert.Contains(
            $"ARG SDK={global.RootElement.GetProperty("sdk").GetProperty("version").GetString()}\n",
            text,
            StringComparison.Ordinal);
        string[] projects = [.. Directory.GetDirectories(Repository.PathOf("src")).Select(path => Path.GetFileName(path)!)];
        Assert.NotEmpty(projects);
        foreach (string project in projects)
        {
            Assert.Contains(
                $"COPY src/{project}/{project}.csproj src/{project}/packages.lock.json src/{project}/\n",
                text,
                StringComparison.Ordinal);
        }
    }

    private static string WithKeys(string generation)
    {
        string text = Repository.Read(Settings);
        foreach (string name in new[] { "plant", "operators" })
        {
            text = new Regex($"(\"{name}\", \"Key\": )\"replace me\"")
                .Replace(text, $"$1\"{KeyOf(name, generation)}\"", count: 1);
        }
        return text;
    }

    private static string KeyOf(string name, string generation) => $"a-key-of-{name}-number-{generation}";

    private static double Number(string text, string pattern) =>
        double.Parse(Assert.Single(Regex.Matches(text, pattern)).Groups[1].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"Aether__Realtime__(?<option>\w+)\s+value: ""(?<value>[^""\n]+)")]
    private static partial Regex Variable();

    [GeneratedRegex(@"(?<=path: )/health/\w+")]
    private static partial Regex Probe();
}
