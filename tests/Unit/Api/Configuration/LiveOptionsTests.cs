using System.Reflection;
using Aether.Api.Access;
using Aether.Api.Configuration;
using Aether.Domain;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Aether.Tests.Unit;

public sealed class LiveOptionsTests : IDisposable
{
    private const string First = "first-secret-of-many";
    private const string Second = "second-secret-of-many";

    private readonly IConfigurationRoot configuration = new ConfigurationBuilder()
        .AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Aether:Realtime:ApiKeys:0:Name"] = "main",
            ["Aether:Realtime:ApiKeys:0:Key"] = First,
        })
        .Build();

    private readonly ServiceProvider provider;

    public LiveOptionsTests() => provider = new ServiceCollection()
        .AddLogging()
        .AddAetherRealtime(configuration)
        .BuildServiceProvider();

    [Fact]
    public void Key_IsRevokedWhileConnected_GivenAnotherOneUnderTheSameName()
    {
        var keys = provider.GetRequiredService<ApiKeys>();
        string credential = Find(keys, First)!.Credential;
        int changes = 0;
        keys.Changed += () => changes++;

        Change("Aether:Realtime:ApiKeys:0:Key", Second);

        Assert.Equal(1, changes);
        Assert.False(keys.StillGrants(credential, Some.Group));
        Assert.Null(Find(keys, First));
        Assert.True(keys.StillGrants(Find(keys, Second)!.Credential, Some.Group));
    }

    [Fact]
    public void Key_IsRevokedInOtherGroups_GivenALimitToOne()
    {
        var keys = provider.GetRequiredService<ApiKeys>();
        string credential = Find(keys, First)!.Credential;

        Change("Aether:Realtime:ApiKeys:0:Groups:0", Some.Group.Value);

        Assert.True(keys.StillGrants(credential, Some.Group));
        Assert.False(keys.StillGrants(credential, VisionId.Parse("elsewhere")));
    }

    [Theory]
    [InlineData("Aether:Realtime:MaxMessageBytes", "1")]
    [InlineData("Aether:Realtime:MaxMessageBytes", "many")]
    [InlineData("Aether:Realtime:MaxMesageBytes", "1024")]
    [InlineData("Aether:Realtime:ApiKeys:0:Key", "short")]
    public void Reload_KeepsTheOptionsBefore_GivenAWrongOne(string option, string value)
    {
        var live = provider.GetRequiredService<LiveOptions>();
        var keys = provider.GetRequiredService<ApiKeys>();
        live.Changed += () => Assert.Fail("nothing has changed");

        Change(option, value);

        Assert.Equal(65_536, live.Current.MaxMessageBytes);
        Assert.NotNull(Find(keys, First));
    }

    [Theory]
    [InlineData("Aether:Realtime:ApiKeys")]
    [InlineData("Aether:Realtime:AllowedOrigins")]
    [InlineData("Aether:Realtime:AnonymousPermissions")]
    public void Reload_IsRefusedAndLogged_GivenThatWhatKeepsStrangersOutIsGone(string option)
    {
        var log = new LogOf<LiveOptions>();
        var source = new Dictionary<string, string?>
        {
            ["Aether:Realtime:ApiKeys:0:Name"] = "main",
            ["Aether:Realtime:ApiKeys:0:Key"] = First,
            ["Aether:Realtime:AllowedOrigins:0"] = "https://app.example",
            ["Aether:Realtime:AnonymousPermissions:0"] = "broadcast",
        };
        var memory = new ConfigurationBuilder().AddInMemoryCollection(source).Build();
        using var host = new ServiceCollection().AddLogging(logging => logging.AddProvider(log))
            .AddAetherRealtime(memory).BuildServiceProvider();
        var live = host.GetRequiredService<LiveOptions>();
        live.Changed += () => Assert.Fail("nothing has changed");

        // The provider forgets what it does not read again.
        foreach (string key in source.Keys.Where(key => key.StartsWith(option, StringComparison.Ordinal)))
            Forget(memory, key);
        memory.Reload();

        Assert.Single(live.Current.ApiKeys);
        Assert.Single(live.Current.AllowedOrigins!);
        Assert.Single(live.Current.AnonymousPermissions!);
        Assert.Contains(log.Lines, line => line.Contains(option + " is gone", StringComparison.Ordinal));
    }

    public void Dispose() => provider.Dispose();

    private static void Forget(IConfigurationRoot configuration, string key)
    {
        var data = typeof(ConfigurationProvider).GetProperty("Data", BindingFlags.NonPublic | BindingFlags.Instance)!;
        foreach (var one in configuration.Providers)
            ((IDictionary<string, string?>)data.GetValue(one)!).Remove(key);
    }

    private static Grant? Find(ApiKeys keys, string key)
    {
        var context = new DefaultHttpContext();
        context.Request.Headers[ApiKeys.HeaderName] = key;
        return keys.Find(context.Request);
    }

    private void Change(string option, string value)
    {
        configuration[option] = value;
        configuration.Reload();
    }
}
