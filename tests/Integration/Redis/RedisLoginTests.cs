using Aether.Tests.Integration.Fixtures;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>What is said of a Redis that cannot be connected to, or not as the one that the settings name.</summary>
public sealed class RedisLoginTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData(",user=aether,password=wrong-one")]
    [InlineData(",password=wrong-one")]
    public async Task ARefusedLogin_IsNamedByItsCause(string credentials)
    {
        await using var redis = await RedisServer.StartAsync();
        Assert.Equal("OK", await redis.RunAsync("CONFIG", "SET", "requirepass", "right"));
        await using var host = await BusHost.StartAsync(redis.ConnectionString + credentials);

        await AssertNeverReadyAsync(host);
    }

    [Theory]
    [InlineData("nobody", "any-password")]
    [InlineData("aether", "wrong-one")]
    public async Task ARefusedLogin_IsNamedToo_WhereRedisServesStrangers(string user, string password)
    {
        // Its default user has no password, so that a client whose login was refused is served all the same.
        await using var redis = await RedisServer.StartAsync();
        Assert.Equal("OK", await redis.RunAsync(["ACL", "SETUSER", "aether", .. AclLine.Read().Rules]));
        await using var host = await BusHost.StartAsync(
            redis.ConnectionString, options => (options.Redis.User, options.Redis.Password) = (user, password));

        await AssertNeverReadyAsync(host);
        // Whatever is put right, the instance finds it.
        Assert.Equal("OK", await redis.RunAsync("ACL", "SETUSER", user, ">" + password, "on", "~*", "&*", "+@all"));
        await redis.RunAsync("CLIENT", "KILL", "USER", "default");
        await Eventually.HoldsAsync(() => host.Bus.IsReady, Patience, () => $"{host.Bus.Problem} {Last(host)}");
    }

    [Fact]
    public async Task ALoginThatIsRefusedLater_IsNamed_WhereRedisServesStrangers()
    {
        await using var redis = await RedisServer.StartAsync();
        Assert.Equal("OK", await redis.RunAsync(["ACL", "SETUSER", "aether", .. AclLine.Read().Rules]));
        await using var host = await BusHost.StartAsync(
            redis.ConnectionString,
            options => (options.Redis.User, options.Redis.Password) = ("aether", AclLine.Password));
        await Eventually.HoldsAsync(() => host.Bus.IsReady, Patience, () => $"{host.Bus.Problem} {Last(host)}");

        await redis.RunAsync("ACL", "SETUSER", "aether", "resetpass", ">another-one");
        await redis.RunAsync("CLIENT", "KILL", "USER", "aether");

        await AssertNeverReadyAsync(host);
    }

    [Fact]
    public async Task APortThatNobodyListensOn_IsNamed()
    {
        await using var host = await BusHost.StartAsync($"127.0.0.1:{Ports.Next()}");

        await Eventually.HoldsAsync(
            () => host.Log.Any(line => line.Contains("the connection was refused", StringComparison.Ordinal)),
            Patience,
            () => Last(host));
    }

    private static async Task AssertNeverReadyAsync(BusHost host)
    {
        await Eventually.HoldsAsync(
            () => host.Bus.Problem?.Contains("WRONGPASS", StringComparison.Ordinal) == true,
            Patience,
            () => $"ready {host.Bus.IsReady}, {host.Bus.Problem} {Last(host)}");
        Assert.Contains(host.Log, line => line.Contains("WRONGPASS", StringComparison.Ordinal));
        Assert.DoesNotContain(host.Log, line => line.Contains("-one", StringComparison.Ordinal));
    }

    private static string Last(BusHost host) => string.Join(" | ", host.Log.TakeLast(8));
}
