using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>
/// What the server says of files that it cannot start with: settings, certificates, and more watchers than it may have.
/// </summary>
public sealed class StartFileTests : IDisposable
{
    private const string Secret = "a-very-secret-key-0123456789";

    // As one of the environments that the server can be in: its file lies beside appsettings.json, and is read like it.
    private readonly string environment = "Test" + Guid.NewGuid().ToString("N");
    private readonly string folder = Directory.CreateTempSubdirectory("aether-start-").FullName;

    private string Settings => Path.Combine(AppContext.BaseDirectory, $"appsettings.{environment}.json");

    [Theory]
    [InlineData("")]
    [InlineData("{ \"Aether\": { \"Realtime\": { \"ApiKeys\": [ { \"Key\": \"" + Secret)]
    [InlineData("{ \"Aether\": " + Secret + " }")]
    [InlineData("Aether: { Realtime: " + Secret + " }")]
    [InlineData("[ \"" + Secret + "\" ]")]
    [InlineData("{ \"Aether\": {}, \"Aether\": {} } " + Secret)]
    public async Task Start_StopsAndNamesTheFile_GivenSettingsThatAreNoJson(string content)
    {
        File.WriteAllText(Settings, content);
        Assert.Contains(Settings, await RefusalAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_StopsAndNamesTheFile_GivenADirectoryInItsPlace()
    {
        // As a container's runtime makes it, if the file that is to be mounted does not exist.
        Directory.CreateDirectory(Settings);
        Assert.StartsWith(Settings + " is a directory", await RefusalAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_StopsAndNamesTheFile_GivenALinkToNothing()
    {
        File.CreateSymbolicLink(Settings, Path.Combine(folder, "away.json"));
        Assert.Contains(Settings, await RefusalAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_StopsAndNamesTheFile_GivenOneThatMayNotBeRead()
    {
        File.WriteAllText(Settings, "{}");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(Settings, UnixFileMode.None);
        // Root may read everything, until that right is taken away.
        string? shell = Environment.UserName == "root"
            ? "exec setpriv --bounding-set=-dac_override,-dac_read_search dotnet \"$0\""
            : null;
        Assert.Contains(Settings, await RefusalAsync(shell: shell), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_StopsAndNamesTheFile_GivenOneThatCannotBeRead()
    {
        // It can be opened, and then every read fails.
        File.CreateSymbolicLink(Settings, "/proc/self/mem");
        Assert.Contains(Settings, await RefusalAsync(), StringComparison.Ordinal);
    }

    public static TheoryData<string, string> WrongCertificates => new()
    {
        { "nowhere.pfx", "" },
        { "nothing.pfx", "" },
        { "text.pfx", "" },
        { "text.pem", "" },
        { "folder", "" },
        { "good.pfx", "wrong" },
        { "good.pem", "nowhere.key" },
        { "good.pem", "text.pem" },
        { "good.pem", "other.key" },
        { "good.pem", "good.pem" },
    };

    [Theory]
    [MemberData(nameof(WrongCertificates))]
    public async Task Start_StopsAndNamesTheCertificate_GivenOneThatCannotBeUsed(string file, string secret)
    {
        WriteCertificates();
        string path = Path.Combine(folder, file);
        var host = new Dictionary<string, string>
        {
            ["Kestrel:Endpoints:Web:Url"] = "https://127.0.0.1:0",
            ["Kestrel:Endpoints:Web:Certificate:Path"] = path,
            [file.EndsWith(".pfx", StringComparison.Ordinal)
                ? "Kestrel:Endpoints:Web:Certificate:Password"
                : "Kestrel:Endpoints:Web:Certificate:KeyPath"] = secret.Contains('.', StringComparison.Ordinal)
                    ? Path.Combine(folder, secret)
                    : secret + Secret,
        };
        string line = await RefusalAsync(host);
        // The setting, or the file.
        Assert.True(line.StartsWith("Kestrel:Endpoints:Web:Certificate ", StringComparison.Ordinal)
            || line.Contains(folder, StringComparison.Ordinal), line);
    }

    [Theory]
    [InlineData("good.pfx", "Password", Secret)]
    [InlineData("good.pem", "KeyPath", "good.key")]
    public async Task Start_Succeeds_GivenACertificate(string file, string with, string value)
    {
        WriteCertificates();
        await using var server = ServerProcess.Launch(host: new()
        {
            ["Kestrel:Endpoints:Web:Url"] = "https://127.0.0.1:0",
            ["Kestrel:Endpoints:Web:Certificate:Path"] = Path.Combine(folder, file),
            ["Kestrel:Endpoints:Web:Certificate:" + with] = with == "KeyPath" ? Path.Combine(folder, value) : value,
        });
        await Eventually.HoldsAsync(
            () => server.Log.Contains("listens on https://127.0.0.1:", StringComparison.Ordinal) || server.HasExited,
            "it starts", Eventually.Soon);
        Assert.False(server.HasExited, server.Log);
    }

    [Fact]
    public async Task Start_PollsTheFilesAndSaysSo_GivenThatNoneMayBeWatched()
    {
        // In a user namespace of its own, whose limits are nobody else's. Where one cannot be had, nothing is changed.
        const string Limit = "/proc/sys/user/max_inotify_instances";
        const string Unlimited = "2147483647";
        const string InItsOwn = $"test $(cat {Limit}) = {Unlimited} && echo 0 >{Limit} && exec dotnet \"$0\"; echo no namespace";
        File.WriteAllText(Settings, "{ \"Aether\": { \"Realtime\": { \"ApiKeys\": [] } } }");
        await using var server = ServerProcess.Launch(
            host: new() { ["ASPNETCORE_ENVIRONMENT"] = environment, ["NAMESPACE"] = InItsOwn },
            shell: "exec unshare --user --map-root-user sh -c \"$NAMESPACE\" \"$0\"");
        await Eventually.HoldsAsync(
            () => server.HasExited || server.Log.Contains("listens on", StringComparison.Ordinal),
            "it starts", Eventually.Soon);
        Assert.SkipWhen(server.Log.Contains("unshare:", StringComparison.Ordinal)
            || server.Log.Contains("no namespace", StringComparison.Ordinal), "No user namespace can be had here.");
        Assert.False(server.HasExited, server.Log);
        string warning = Assert.Single(server.Log.Split('\n'), line => line.Contains("warn:", StringComparison.Ordinal));
        Assert.Contains("No settings file can be watched", warning, StringComparison.Ordinal);
        Assert.Contains("inotify", warning, StringComparison.Ordinal);

        // And it looks at them: the file takes effect, or is told to be broken, without a watcher.
        File.WriteAllText(Settings, "{ broken");
        await Eventually.HoldsAsync(
            () => server.Log.Contains("cannot be read, and those before stay in force", StringComparison.Ordinal),
            "it sees the change", Eventually.Soon);
    }

    public void Dispose()
    {
        if (Directory.Exists(Settings) && !new FileInfo(Settings).Exists)
            Directory.Delete(Settings);
        else
            File.Delete(Settings);
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>Starts a server that is to refuse to, and gives its only line.</summary>
    private async Task<string> RefusalAsync(Dictionary<string, string>? host = null, string? shell = null)
    {
        host = new(host ?? []) { ["ASPNETCORE_ENVIRONMENT"] = environment };
        await using var server = ServerProcess.Launch(host: host, shell: shell);
        Assert.Equal(1, await server.WaitForExitAsync(Eventually.Soon));
        Assert.DoesNotContain(Secret, server.Log, StringComparison.Ordinal);
        return Assert.Single(
            server.Log.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));
    }

    private void WriteCertificates()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        File.WriteAllBytes(Path.Combine(folder, "good.pfx"), certificate.Export(X509ContentType.Pfx, Secret));
        File.WriteAllText(Path.Combine(folder, "good.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(folder, "good.key"), key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(Path.Combine(folder, "other.key"), other.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(Path.Combine(folder, "nothing.pfx"), "");
        File.WriteAllText(Path.Combine(folder, "text.pfx"), Secret);
        File.WriteAllText(Path.Combine(folder, "text.pem"), Secret);
        Directory.CreateDirectory(Path.Combine(folder, "folder"));
    }
}
