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
        Assert.NotEqual(0, await server.WaitForExitAsync(TimeSpan.FromSeconds(30)));
        Assert.Contains(named, server.Log, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, server.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("listens on", server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_NamesEveryWrongOption_GivenSeveral()
    {
        await using var server = ServerProcess.Launch(
            new() { ["MaxConnections"] = "0", ["Drain"] = "4000", ["SendQueue:Messages"] = "0" });
        Assert.NotEqual(0, await server.WaitForExitAsync(TimeSpan.FromSeconds(30)));
        Assert.Contains("MaxConnections", server.Log, StringComparison.Ordinal);
        Assert.Contains("SendQueue:Messages", server.Log, StringComparison.Ordinal);
    }

    [GeneratedRegex("warn:|fail:|crit:")]
    private static partial Regex Trouble();
}
