using System.Reflection;
using Aether.Api.Access;
using Aether.Api.Configuration;
using Aether.Domain;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
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
        var keys = provider.GetRequiredService<Credentials>();
        var credential = Find(keys, First)!;
        int changes = 0;
        keys.Changed += () => changes++;

        Change("Aether:Realtime:ApiKeys:0:Key", Second);

        Assert.Equal(1, changes);
        Assert.False(keys.StillGrants(credential, Some.Group));
        Assert.Null(Find(keys, First));
        Assert.True(keys.StillGrants(Find(keys, Second)!, Some.Group));
    }

    [Fact]
    public void Key_IsRevokedInOtherGroups_GivenALimitToOne()
    {
        var keys = provider.GetRequiredService<Credentials>();
        var credential = Find(keys, First)!;

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
        var keys = provider.GetRequiredService<Credentials>();
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

    [Theory]
    [InlineData("ApiKeys", true)]
    [InlineData("Tokens", true)]
    [InlineData("", false)]
    public void KeysOrTokens_MayGo_WhileTheOthersKeepStrangersOut(string gone, bool isTaken)
    {
        var log = new LogOf<LiveOptions>();
        var source = new Dictionary<string, string?>
        {
            ["Aether:Realtime:ApiKeys:0:Name"] = "main",
            ["Aether:Realtime:ApiKeys:0:Key"] = First,
            ["Aether:Realtime:Tokens:Issuer"] = TokenMaker.Issuer,
            ["Aether:Realtime:Tokens:Audience"] = TokenMaker.Audience,
            ["Aether:Realtime:Tokens:Keys:0:Algorithm"] = "HS256",
            ["Aether:Realtime:Tokens:Keys:0:Secret"] = TokenMaker.Secret,
        };
        var memory = new ConfigurationBuilder().AddInMemoryCollection(source).Build();
        using var host = new ServiceCollection().AddLogging(logging => logging.AddProvider(log))
            .AddAetherRealtime(memory).BuildServiceProvider();
        var keys = host.GetRequiredService<Credentials>();
        Assert.True(keys.HasTokens);

        foreach (string key in source.Keys.Where(key => key.StartsWith("Aether:Realtime:" + gone, StringComparison.Ordinal)))
            Forget(memory, key);
        memory.Reload();

        Assert.True(keys.Required);
        Assert.Equal(gone != "ApiKeys", Find(keys, First) is not null);
        Assert.Equal(gone != "Tokens", keys.HasTokens);
        Assert.Equal(!isTaken, log.Lines.Any(line => line.Contains("ApiKeys is gone", StringComparison.Ordinal)));
    }

    [Fact]
    public void Reload_IsRefusedAndLogged_GivenAKeyWithoutItsGroups()
    {
        var log = new LogOf<LiveOptions>();
        var source = new Dictionary<string, string?>
        {
            ["Aether:Realtime:ApiKeys:0:Name"] = "main",
            ["Aether:Realtime:ApiKeys:0:Key"] = First,
            ["Aether:Realtime:ApiKeys:0:Groups:0"] = Some.Group.Value,
        };
        var memory = new ConfigurationBuilder().AddInMemoryCollection(source).Build();
        using var host = new ServiceCollection().AddLogging(logging => logging.AddProvider(log))
            .AddAetherRealtime(memory).BuildServiceProvider();
        var keys = host.GetRequiredService<Credentials>();

        Forget(memory, "Aether:Realtime:ApiKeys:0:Groups:0");
        memory.Reload();

        Assert.False(Find(keys, First)!.Access.Covers(Some.OtherGroup));
        Assert.Contains(log.Lines, line => line.Contains("ApiKeys:0:Groups is gone", StringComparison.Ordinal));

        memory["Aether:Realtime:ApiKeys:0:Groups:0"] = "*";
        memory.Reload();
        Assert.True(Find(keys, First)!.Access.Covers(Some.OtherGroup));

        // That says the same.
        Forget(memory, "Aether:Realtime:ApiKeys:0:Groups:0");
        memory.Reload();
        Assert.Single(log.Lines);
    }

    [Fact]
    public void Reload_IsRefusedAndLoggedWithoutItsText_GivenAHostWhoseOptionsCannotBeMade()
    {
        var log = new LogOf<LiveOptions>();
        var memory = new ConfigurationBuilder().AddInMemoryCollection([new("Host:Limit", "5")]).Build();
        using var host = new ServiceCollection().AddLogging(logging => logging.AddProvider(log))
            .AddAetherRealtime(memory, options => options.MaxConnections =
                memory["Host:Limit"] is "5" ? 5 : throw new ArgumentException("a-secret-that-it-quotes"))
            .BuildServiceProvider();
        var live = host.GetRequiredService<LiveOptions>();

        memory["Host:Limit"] = "many";
        memory.Reload();

        Assert.Equal(5, live.Current.MaxConnections);
        string line = Assert.Single(log.Lines);
        Assert.Contains(nameof(ArgumentException), line, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", line, StringComparison.Ordinal);
    }

    [Fact]
    public void Changes_AreToldOneAfterTheOther_GivenTwoAtOnce()
    {
        const string Origin = "Aether:Realtime:AllowedOrigins:0";
        var time = new FakeTimeProvider();
        using var host = new ServiceCollection().AddLogging().AddSingleton<TimeProvider>(time)
            .AddAetherRealtime(configuration).BuildServiceProvider();
        var live = host.GetRequiredService<LiveOptions>();
        var look = new Thread(() => time.Advance(TimeSpan.FromSeconds(20)));
        var told = new List<string>();
        live.Changed += () =>
        {
            var now = live.Current;
            told.Add(now.AllowedOrigins![0]);
            if (told.Count > 1)
                return;
            configuration[Origin] = "https://second.example";
            look.Start();
            // Either it waits for this one, or it changes the options while this one is told.
            SpinWait.SpinUntil(() =>
                !look.IsAlive || look.ThreadState.HasFlag(ThreadState.WaitSleepJoin) || live.Current != now);
            Assert.Same(now, live.Current);
        };

        Change(Origin, "https://first.example");
        look.Join();

        Assert.Equal(["https://first.example", "https://second.example"], told);
    }

    public void Dispose() => provider.Dispose();

    private static void Forget(IConfigurationRoot configuration, string key)
    {
        var data = typeof(ConfigurationProvider).GetProperty("Data", BindingFlags.NonPublic | BindingFlags.Instance)!;
        foreach (var one in configuration.Providers)
            ((IDictionary<string, string?>)data.GetValue(one)!).Remove(key);
    }

    private static Grant? Find(Credentials keys, string key)
    {
        var context = new DefaultHttpContext();
        context.Request.Headers[ShownCredential.KeyHeader] = key;
        return keys.FindAsync(context.Request).AsTask().Result.Grant;
    }

    private void Change(string option, string value)
    {
        configuration[option] = value;
        configuration.Reload();
    }
}
