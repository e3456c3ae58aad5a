using System.Diagnostics;
using System.IO.Compression;
using System.Text.RegularExpressions;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>The package for hosts, in a new app that has nothing else of this repository.</summary>
public sealed partial class PackageTests : IDisposable
{
    /// <summary>A restore may have to fetch something, on a machine that has other things to do.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    private readonly string folder = Directory.CreateTempSubdirectory("aether-package-").FullName;

    // Another one for each run: a package of the same version would come out of a cache.
    private readonly string version = $"3.0.{Random.Shared.Next(1, 60_000)}.{Random.Shared.Next(1, 60_000)}";

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task Package_SendsAMessage_InANewAppOutsideOfTheRepository()
    {
        await PackAsync();
        WriteApp();
        await RunAsync(Path.Combine(folder, "app"), "build", "-c", "Release", "-v", "q", "-nologo");

        string output = await RunAsync(folder, Path.Combine(folder, "app", "out", "App.dll"));

        Assert.Contains("heard: start", output, StringComparison.Ordinal);
        Assert.Contains("metrics: True", output, StringComparison.Ordinal);
        Assert.Contains("spin limit: 0", output, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(folder, "app", "out", "appsettings.json")));
    }

    [Fact]
    public async Task Package_HoldsWhatAHostNeeds_AndNothingOfTheServerThatRunsAlone()
    {
        await PackAsync();
        using var package = ZipFile.OpenRead(Path.Combine(folder, "feed", $"Aether.Realtime.{version}.nupkg"));
        using var symbols = ZipFile.OpenRead(Path.Combine(folder, "feed", $"Aether.Realtime.{version}.snupkg"));

        string[] layers = ["Aether.Api", "Aether.Application", "Aether.Domain", "Aether.Infrastructure"];
        Assert.Equal(
            [.. layers.SelectMany(layer => new[] { $"lib/net10.0/{layer}.dll", $"lib/net10.0/{layer}.xml" })],
            FilesOf(package).Where(name => name.StartsWith("lib/", StringComparison.Ordinal)));
        Assert.Superset(
            new HashSet<string> { "README.md", "LICENSE", "buildTransitive/Aether.Realtime.targets" },
            FilesOf(package).ToHashSet());
        Assert.DoesNotContain(FilesOf(package), name => name.EndsWith(".json", StringComparison.Ordinal));
        Assert.Equal(
            layers.Select(layer => $"lib/net10.0/{layer}.pdb"),
            FilesOf(symbols).Where(name => name.EndsWith(".pdb", StringComparison.Ordinal)));
        using var reader = new StreamReader(
            package.Entries.Single(entry => entry.FullName.EndsWith(".nuspec", StringComparison.Ordinal)).Open());
        string nuspec = await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
        Assert.Contains("<license type=\"expression\">MIT</license>", nuspec, StringComparison.Ordinal);
        Assert.Contains("<frameworkReference name=\"Microsoft.AspNetCore.App\"", nuspec, StringComparison.Ordinal);
        var dependencies = Dependency().Matches(nuspec).ToDictionary(one => one.Groups["id"].Value, one => one.Groups["range"].Value);
        Assert.Equal(
            [
                "Ardalis.Specification", "FluentValidation", "MediatR", "Microsoft.AspNetCore.OpenApi", "OpenTelemetry",
                "Scalar.AspNetCore", "Scrutor", "StackExchange.Redis",
            ],
            dependencies.Keys.Order(StringComparer.Ordinal));
        // Each leaves the host a choice, within what is known to work, and none is a preview.
        Assert.All(dependencies.Values, range => Assert.Matches(@"^\[[0-9.]+, [0-9]+\.0\.0\)$", range));
    }

    private static IEnumerable<string> FilesOf(ZipArchive archive) =>
        archive.Entries.Select(entry => entry.FullName).Order(StringComparer.Ordinal);

    /// <summary>Packs what has been built with these tests.</summary>
    private async Task PackAsync()
    {
        // …/tests/E2E/bin/Release/net10.0/
        var output = new DirectoryInfo(AppContext.BaseDirectory);
        string repository = output.Parent!.Parent!.Parent!.Parent!.Parent!.FullName;
        await RunAsync(
            Path.Combine(repository, "pack", "Aether.Realtime"),
            "pack", "-c", output.Parent!.Name, "--no-build", "-v", "q", "-nologo",
            "-o", Path.Combine(folder, "feed"), "-p:PackageVersion=" + version);
    }

    private void WriteApp()
    {
        string app = Directory.CreateDirectory(Path.Combine(folder, "app")).FullName;
        string known = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        // Beside the sources of this machine. What it has already is not fetched again, and what is made here does not
        // stay there.
        File.WriteAllText(Path.Combine(app, "nuget.config"), $"""
            <configuration>
              <config><add key="globalPackagesFolder" value="{Path.Combine(folder, "packages")}" /></config>
              <fallbackPackageFolders><add key="known" value="{known}" /></fallbackPackageFolders>
              <packageSources><add key="feed" value="{Path.Combine(folder, "feed")}" /></packageSources>
            </configuration>
            """);
        File.WriteAllText(Path.Combine(app, "App.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk.Web">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
                <Nullable>enable</Nullable>
                <ImplicitUsings>enable</ImplicitUsings>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
                <OutputPath>out</OutputPath>
                <AppendTargetFrameworkToOutputPath>false</AppendTargetFrameworkToOutputPath>
                <AetherRealtimeHostSettings>true</AetherRealtimeHostSettings>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="Aether.Realtime" Version="{version}" />
              </ItemGroup>
            </Project>
            """);
        File.WriteAllText(Path.Combine(app, "Program.cs"), """
            using System.Net.WebSockets;
            using System.Text.Json;
            using Aether.Application.Messaging;

            var builder = WebApplication.CreateBuilder(args);
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            builder.Services.AddAetherRealtime(builder.Configuration, options => options.MaxConnections = 10);
            var app = builder.Build();
            app.MapAetherRealtime();
            await app.StartAsync();
            string address = app.Urls.Single();

            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            using var socket = new ClientWebSocket();
            await socket.ConnectAsync(
                new Uri(address.Replace("http:", "ws:") + "/v3/ws/group/press-7/client/worker-1"), limit.Token);
            await app.Services.GetRequiredService<IRealtime>().ToGroup("press-7", new RealtimeMessage { Cmd = "start" });
            var buffer = new byte[4096];
            var received = await socket.ReceiveAsync(buffer, limit.Token);
            var message = JsonDocument.Parse(buffer.AsMemory(0, received.Count)).RootElement;
            Console.WriteLine("heard: " + message.GetProperty("cmd").GetString());
            using var http = new HttpClient();
            string metrics = await http.GetStringAsync(address + "/metrics", limit.Token);
            Console.WriteLine("metrics: " + metrics.Contains("aether_connections{"));
            Console.WriteLine("spin limit: " + AppContext.GetData("System.Threading.ThreadPool.UnfairSemaphoreSpinLimit"));
            """);
    }

    /// <summary>Runs dotnet to its end, which has to be a good one.</summary>
    private static async Task<string> RunAsync(string workingDirectory, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments)
        {
            WorkingDirectory = workingDirectory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // No build server that would outlive the test, and a language that is known.
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["UseSharedCompilation"] = "false";
        start.Environment["DOTNET_CLI_UI_LANGUAGE"] = "en";
        using var process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(Patience);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            var error = process.StandardError.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            string said = await output + await error;
            Assert.True(process.ExitCode == 0, $"dotnet {string.Join(' ', arguments)}:\n{said}");
            return said;
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }

    [GeneratedRegex("<dependency id=\"(?<id>[^\"]+)\" version=\"(?<range>[^\"]+)\"")]
    private static partial Regex Dependency();
}
