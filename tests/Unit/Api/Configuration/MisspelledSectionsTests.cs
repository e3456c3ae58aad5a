using Aether.Api.Configuration;
using Microsoft.Extensions.Configuration;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>Which sections are taken for a slip of the finger, and which are a host's own.</summary>
public sealed class MisspelledSectionsTests
{
    [Theory]
    [InlineData("Aether:Realtim:ApiKeys:0:Key", "Aether:Realtim")]
    [InlineData("Aether:RealTimes:ApiKeys:0:Key", "Aether:RealTimes")]
    [InlineData("Aether:Realtime2:ApiKeys:0:Key", "Aether:Realtime2")]
    [InlineData("Aether:Real-Time:ApiKeys:0:Key", "Aether:Real-Time")]
    [InlineData("Aether:Raeltime:ApiKeys:0:Key", "Aether:Raeltime")]
    [InlineData("Aether:Realtime_ApiKeys:0:Key", "Aether:Realtime_ApiKeys")]
    [InlineData("Aether_Realtime:ApiKeys:0:Key", "Aether_Realtime")]
    [InlineData("Aether_Realtime_ApiKeys_0_Key", "Aether_Realtime_ApiKeys_0_Key")]
    [InlineData("AETHER_REALTIME_MAXCONNECTIONS", "AETHER_REALTIME_MAXCONNECTIONS")]
    [InlineData("AETHER_REALTIME_REDIS_PREFIX", "AETHER_REALTIME_REDIS_PREFIX")]
    [InlineData("AetherRealtime:ApiKeys:0:Key", "AetherRealtime")]
    [InlineData("Aether.Realtime:ApiKeys:0:Key", "Aether.Realtime")]
    [InlineData("Aethr:Realtime:ApiKeys:0:Key", "Aethr")]
    [InlineData("Eather:Realtim:ApiKeys:0:Key", "Eather")]
    [InlineData("ConnectionString:Redis", "ConnectionString:Redis")]
    [InlineData("ConnectionsStrings:Redis", "ConnectionsStrings:Redis")]
    [InlineData("ConectionStrings:redis", "ConectionStrings:redis")]
    [InlineData("ConnectionStrings:Reddis", "ConnectionStrings:Reddis")]
    [InlineData("ConnectionStrings:Rdeis", "ConnectionStrings:Rdeis")]
    [InlineData("ConnectionStrings_Redis", "ConnectionStrings_Redis")]
    public void Find_NamesIt_GivenOneThatNearlyIsOurs(string key, string named)
    {
        string sentence = Assert.Single(MisspelledSections.Find(Configuration(key)));
        Assert.StartsWith(named + " is not read; write ", sentence, StringComparison.Ordinal);
        Assert.DoesNotContain("the-value", sentence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Aether:Realtime:ApiKeys:0:Key")]
    [InlineData("aether:REALTIME:apikeys:0:key")]
    [InlineData("Aether:Api:Key")]
    [InlineData("Aether:Redis")]
    [InlineData("Aether:RealtimeDashboard:Enabled")]
    [InlineData("Aether:Lifetime:Seconds")]
    [InlineData("AETHER_HOME")]
    [InlineData("AETHER_REALTIME_SERVICE_HOST")]
    [InlineData("AETHER_REALTIME_REDIS_SERVICE_HOST")]
    [InlineData("AETHER_REALTIME_REDIS_PORT_6379_TCP")]
    [InlineData("AETHER_REALTIME_CONSOLE_PORT")]
    [InlineData("Realtime:Url")]
    [InlineData("Ether:Price")]
    [InlineData("Weather:Api")]
    [InlineData("ConnectionStrings:Redis")]
    [InlineData("ConnectionStrings:Redis2")]
    [InlineData("ConnectionStrings:RedisCache")]
    [InlineData("ConnectionStrings:Default")]
    [InlineData("ConnectionStringName")]
    [InlineData("REDIS_URL")]
    public void Find_FindsNothing_GivenWhatIsAHostsOwn(string key) =>
        Assert.Empty(MisspelledSections.Find(Configuration(key)));

    [Fact]
    public void Find_TakesAnotherForTheHosts_GivenTheRightOneBesideIt() =>
        Assert.Empty(MisspelledSections.Find(Configuration("ConnectionStrings:Reddis", "ConnectionStrings:Redis")));

    private static IConfigurationRoot Configuration(params string[] keys) => new ConfigurationBuilder()
        .AddInMemoryCollection(keys.ToDictionary(key => key, _ => (string?)"the-value"))
        .Build();
}
