using System.Text;
using Xunit;

namespace Aether.Tests.E2E;

/// <summary>Who gets in at the endpoint of V1 and V2 clients, and how many of them.</summary>
public sealed class LegacyAccessTests
{
    private const string Key = "secret-key-number-one";
    private const string LabKey = "secret-key-number-two";
    private const string Path = "/ws/group/g/client/";
    private const string V3 = "/v3/ws/group/g/client/";

    private static readonly Dictionary<string, string> Keys = new()
    {
        ["ApiKeys:0:Name"] = "one",
        ["ApiKeys:0:Key"] = Key,
        ["ApiKeys:1:Name"] = "two",
        ["ApiKeys:1:Key"] = LabKey,
        ["ApiKeys:1:Groups:0"] = "lab",
    };

    [Fact]
    public async Task Legacy_HasAShareOfItsOwn_AndTakesNoneOfV3()
    {
        await using var server = await ServerProcess.StartAsync(
            new() { ["MaxConnections"] = "2", ["Legacy:MaxConnections"] = "3" });
        var open = new List<RawClient>();
        for (int i = 0; i < 3; i++)
            open.Add(await TakenAsync(server, Path + i));
        await FullAsync(server, Path + "more");
        for (int i = 0; i < 2; i++)
            open.Add(await TakenAsync(server, V3 + i));
        await FullAsync(server, V3 + "more");
        // Room for one kind is none for the other.
        await open[0].DisposeAsync();
        await Eventually.HoldsAsync(
            async () =>
            {
                await using var next = await RawClient.RequestAsync(server, Path + "next");
                return next.Status == 101;
            },
            "there is room again");
        await FullAsync(server, V3 + "more");
        foreach (var client in open)
            await client.DisposeAsync();
    }

    [Fact]
    public async Task Legacy_TakesNoMoreThanV3_GivenNoNumberOfItsOwn()
    {
        await using var server = await ServerProcess.StartAsync(new() { ["MaxConnections"] = "1" });
        await using var legacy = await TakenAsync(server, Path + "a");
        await FullAsync(server, Path + "b");
        await using var v3 = await TakenAsync(server, V3 + "a");
    }

    [Theory]
    [InlineData("g", null, 401)]
    [InlineData("g", "X-Aether-API-Key: no-key-of-anybody-0123", 401)]
    [InlineData("g", "X-Aether-API-Key: " + Key, 101)]
    [InlineData("lab", "X-Aether-API-Key: " + LabKey, 101)]
    [InlineData("g", "X-Aether-API-Key: " + LabKey, 403)]
    public async Task Key_IsAskedFor_GivenRequireKey(string group, string? header, int status)
    {
        await using var server = await ServerProcess.StartAsync(new(Keys) { ["Legacy:RequireKey"] = "true" });
        await using var client = await RawClient.RequestAsync(
            server, $"/ws/group/{group}/client/a", header is null ? [] : [header]);
        Assert.Equal(status, client.Status);
        Assert.DoesNotContain("asks for no API key", server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Page_ShowsItsKeyAsSubprotocol_GivenRequireKey()
    {
        await using var server = await ServerProcess.StartAsync(new(Keys) { ["Legacy:RequireKey"] = "true" });
        string entry = "aether.auth." + System.Buffers.Text.Base64Url.EncodeToString(Encoding.UTF8.GetBytes(Key));
        await using var client = await RawClient.RequestAsync(
            server, Path + "a", "Sec-WebSocket-Protocol: aether.legacy, " + entry, "Origin: https://page.example");
        Assert.Equal((101, "aether.legacy"), (client.Status, client.Header("Sec-WebSocket-Protocol")));
    }

    [Fact]
    public async Task Start_WarnsOnce_GivenKeysAndALegacyEndpointThatAsksForNone()
    {
        await using var server = await ServerProcess.StartAsync(Keys);
        const string Warning = "The legacy endpoint asks for no API key";
        await Eventually.HoldsAsync(() => server.Log.Contains(Warning, StringComparison.Ordinal), "it warns");
        Assert.Single(server.Log.Split('\n'), line => line.Contains(Warning, StringComparison.Ordinal));
        await using var client = await TakenAsync(server, Path + "a");
    }

    [Theory]
    [InlineData("Legacy:MaxConnections", "0")]
    [InlineData("Legacy:MaxConnections", "many")]
    [InlineData("Legacy:RequireKey", "perhaps")]
    public async Task Start_StopsAndNamesTheOption_GivenAWrongOne(string option, string value)
    {
        await using var server = ServerProcess.Launch(new() { [option] = value });
        Assert.Equal(1, await server.WaitForExitAsync(TimeSpan.FromSeconds(60)));
        Assert.StartsWith("Aether:Realtime:" + option, server.Log, StringComparison.Ordinal);
    }

    private static async Task<RawClient> TakenAsync(ServerProcess server, string path)
    {
        var client = await RawClient.RequestAsync(server, path);
        Assert.True(client.Status == 101, $"{path}: {client.Head}");
        return client;
    }

    private static async Task FullAsync(ServerProcess server, string path)
    {
        await using var client = await RawClient.RequestAsync(server, path);
        Assert.True(client.Status == 503, $"{path}: {client.Head}");
        Assert.NotNull(client.Header("Retry-After"));
        Assert.StartsWith("application/problem+json", client.Header("Content-Type"), StringComparison.Ordinal);
    }
}
