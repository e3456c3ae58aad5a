using System.Text.RegularExpressions;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>What the server says when it starts, and when it refuses to.</summary>
public sealed partial class StartTests
{
    private const string Secret = "a-very-secret-key-0123456789";

    public static TheoryData<string, Dictionary<string, string>> WrongOptions => new()
    {
        { "Aether:Realtime:MaxMessageBytes", new() { ["MaxMessageBytes"] = "0" } },
        { "Aether:Realtime:MaxMessageBytes", new() { ["MaxMessageBytes"] = "many" } },
        { "Aether:Realtime:RateLimit:Burst", new() { ["RateLimit:Burst"] = "0" } },
        { "Aether:Realtime:SendQueue:Bytes", new() { ["SendQueue:Bytes"] = "-1" } },
        { "Aether:Realtime:Drain", new() { ["Drain"] = "soon" } },
        { "Aether:Realtime:KeepAlive:Timeout", new() { ["KeepAlive:Timeout"] = "0" } },
        { "Aether:Realtime:Presence:Lease", new() { ["Presence:Lease"] = "0" } },
        { "Aether:Realtime:DuplicateClients", new() { ["DuplicateClients"] = "Perhaps" } },
        { "Aether:Realtime:InvalidMessages", new() { ["InvalidMessages"] = "7" } },
        { "Aether:Realtime:AllowedOrigins:0", new() { ["AllowedOrigins:0"] = "https://app.example/" } },
        { "Aether:Realtime:AllowedOrigins:0", new() { ["AllowedOrigins:0"] = "*" } },
        { "Aether:Realtime:AnonymousPermissions", new() { ["AnonymousPermissions:0"] = "everything" } },
        { "Aether:Realtime:Redis:Prefix", new() { ["Redis:Prefix"] = "a*" } },
        { "Aether:Realtime:ApiKeys:0:Key", new() { ["ApiKeys:0:Name"] = "k", ["ApiKeys:0:Key"] = "secret" } },
        { "Aether:Realtime:ApiKeys:0:Name", new() { ["ApiKeys:0:Key"] = Secret } },
        {
            "Aether:Realtime:ApiKeys:0:Permissions",
            new() { ["ApiKeys:0:Name"] = "k", ["ApiKeys:0:Key"] = Secret, ["ApiKeys:0:Permissions:0"] = "root" }
        },
        {
            "Aether:Realtime:ApiKeys:0:Groups",
            new() { ["ApiKeys:0:Name"] = "k", ["ApiKeys:0:Key"] = Secret, ["ApiKeys:0:Groups:0"] = "a:b" }
        },
        {
            "Aether:Realtime:ApiKeys:1:Name",
            new()
            {
                ["ApiKeys:0:Name"] = "k", ["ApiKeys:0:Key"] = Secret, ["ApiKeys:1:Name"] = "k",
                    ["ApiKeys:1:Key"] = Secret + "2",
            }
        },
        { "Aether:Realtime:ApiKeys must", new() { ["ApiKeys"] = Secret } },
        { "Aether:Realtime:ApiKeys:0 must", new() { ["ApiKeys:0"] = Secret } },
        { "Secret", new() { ["ApiKeys:0:Name"] = "k", ["ApiKeys:0:Secret"] = Secret } },
        { "MaxConection", new() { ["MaxConection"] = "5" } },
        { "Aether:Realtime:Console:Enabled", new() { ["Console:Enabled"] = "maybe" } },
        { "Aether:Realtime:Leases:MaxPerGroup", new() { ["Leases:MaxPerGroup"] = "0" } },
        { "Intervall", new() { ["KeepAlive:Intervall"] = "5" } },
    };

    [Fact]
    public async Task Start_SaysInOneLineWhatRuns()
    {
        await using var server = await ServerProcess.StartAsync();
        string line = Assert.Single(server.Log.Split('\n'), text =>
            text.Contains("listens on", StringComparison.Ordinal));
        Assert.Contains(server.Address.Authority, line, StringComparison.Ordinal);
        Assert.Contains("backplane: memory", line, StringComparison.Ordinal);
        Assert.Contains("credentials: none asked", line, StringComparison.Ordinal);
        Assert.DoesNotMatch(Trouble(), server.Log);
    }

    [Fact]
    public async Task Start_CountsTheKeysAndTellsNone()
    {
        await using var server = await ServerProcess.StartAsync(
            new() { ["ApiKeys:0:Name"] = "k", ["ApiKeys:0:Key"] = Secret });
        Assert.Contains("credentials: API keys (1)", server.Log, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, server.Log, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(WrongOptions))]
    public async Task Start_StopsAndNamesTheOption_GivenAWrongOne(string named, Dictionary<string, string> options)
    {
        await using var server = ServerProcess.Launch(options);
        Assert.Equal(1, await server.WaitForExitAsync(Eventually.Soon));
        // Lines that begin with the option, and no stack trace.
        Assert.All(Lines(server), line => Assert.StartsWith("Aether:Realtime:", line, StringComparison.Ordinal));
        Assert.Contains(named, server.Log, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_NamesEveryWrongOption_GivenSeveral()
    {
        await using var server = ServerProcess.Launch(
            new() { ["MaxConnections"] = "0", ["Drain"] = "4000", ["SendQueue:Messages"] = "0" });
        Assert.Equal(1, await server.WaitForExitAsync(Eventually.Soon));
        Assert.Equal(
            ["Aether:Realtime:Drain", "Aether:Realtime:MaxConnections", "Aether:Realtime:SendQueue:Messages"],
            Lines(server).Select(line => line.Split(' ')[0]).Order());
    }

    public static TheoryData<string, string, string> WrongAddresses => new()
    {
        { "ConnectionStrings:Redis", ",password=" + Secret, "ConnectionStrings:Redis is not a valid" },
        { "ASPNETCORE_URLS", "nonsense", "Invalid url: 'nonsense'" },
        // Kept for documentation: no machine has it.
        { "ASPNETCORE_URLS", "http://192.0.2.1:5080", "The address cannot be listened on: " },
        { "ASPNETCORE_URLS", "http://127.0.0.1:80000", "An address to listen on names a port that is none" },
        { "ASPNETCORE_URLS", "http://127.0.0.1:abc", "urls: http://127.0.0.1:abc names no IP address with a port" },
        { "ASPNETCORE_URLS", "http://127.0.0.l:5080", "urls: http://127.0.0.l:5080 names no IP address" },
        { "ASPNETCORE_HTTP_PORTS", "abc", "http_ports must be numbers from 0 to 65535" },
        { "Kestrel:Endpoints:Web:Url", "http://127.0.0.1:80000", "An address to listen on names a port that is none" },
        { "Kestrel:EndpointDefaults:Protocols", "Http9", "Kestrel:EndpointDefaults:Protocols must be one of None, " },
        { "Kestrel:EndpointDefaults:ClientCertificateMode", "Requird", "Kestrel:EndpointDefaults:ClientCertificateMode" },
        { "ASPNETCORE_URLS", "https://127.0.0.1:0", "The server cannot start: Unable to configure HTTPS endpoint" },
        { "ASPNETCORE_URLS", "ftp://127.0.0.1:0", "The server cannot start: " },
        { "Kestrel:Endpoints:Web:Url", "nonsense", "Invalid url" },
        { "Kestrel:Endpoints:Web:Url", "https://127.0.0.1:0", "The server cannot start: Unable to configure HTTPS" },
        { "Kestrel:Certificates:Default:Path", "/nowhere/a.pfx", "Kestrel:Certificates:Default cannot be used: Could not" },
        { "Logging:Console:LogLevel:Default", "Loud", "The server cannot start: Configuration value 'Loud' is not" },
        { "Logging:LogLevel:Default", "Loud", "The server cannot start: Configuration value 'Loud' is not supported" },
        { "ConnectionStrings:Redis", "redis://u:" + Secret + "@127.0.0.1:6379/3", "ConnectionStrings:Redis is not a valid" },
        { "ConnectionString:Redis", Secret, "ConnectionString:Redis is not read; write ConnectionStrings:Redis" },
        { "Aether:Realtim:ApiKeys:0:Key", Secret, "Aether:Realtim is not read; write Aether:Realtime" },
    };

    [Theory]
    [MemberData(nameof(WrongAddresses))]
    public async Task Start_StopsAndSaysSo_GivenAnAddressThatCannotBe(string setting, string value, string says)
    {
        await using var server = ServerProcess.Launch(host: new() { [setting] = value });
        Assert.Equal(1, await server.WaitForExitAsync(Eventually.Soon));
        string line = Assert.Single(Lines(server));
        Assert.StartsWith(says, line, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(200)]
    [InlineData(300)]
    [InlineData(500)]
    [InlineData(800)]
    public async Task Start_EndsWithoutAnError_GivenAStopAtAnyMomentOfIt(int milliseconds)
    {
        await using var server = ServerProcess.Launch();
        // Its own code runs once it reads its settings; what the runtime does before, nobody can change.
        await Eventually.HoldsAsync(() => server.HasLoaded("Microsoft.Extensions.Configuration.Json"), "it has begun");
        // Not for anything to happen: the moment is what is tried.
        await Task.Delay(milliseconds, TestContext.Current.CancellationToken);
        server.Terminate();
        Assert.Equal(0, await server.WaitForExitAsync(Eventually.Soon));
        Assert.DoesNotContain("   at ", server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_StopsAndSaysSo_GivenAnAddressInUse()
    {
        await using var first = await ServerProcess.StartAsync();
        string taken = "http://" + first.Address.Authority;
        await using var second = ServerProcess.Launch(host: new() { ["ASPNETCORE_URLS"] = taken });
        Assert.Equal(1, await second.WaitForExitAsync(Eventually.Soon));
        Assert.Equal($"Failed to bind to address {taken}: address already in use.", Assert.Single(Lines(second)));
    }

    [Fact]
    public async Task Start_EndsWithASentenceAndNoError_GivenAStopWhileItWaitsForRedis()
    {
        // Port 1 refuses at once.
        await using var server = ServerProcess.Launch(host: new() { ["ConnectionStrings:Redis"] = "127.0.0.1:1" });
        await Eventually.HoldsAsync(
            () => server.Log.Contains("The backplane is not ready", StringComparison.Ordinal), "it waits");
        server.Terminate();
        Assert.Equal(0, await server.WaitForExitAsync(Eventually.Soon));
        // What the client library tells of its attempts may come at any moment, also behind it.
        Assert.Contains("Told to stop before it had started.", Lines(server));
        Assert.DoesNotContain("   at ", server.Log, StringComparison.Ordinal);
    }

    private static string[] Lines(ServerProcess server) =>
        server.Log.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    [GeneratedRegex("warn:|fail:|crit:")]
    private static partial Regex Trouble();
}
