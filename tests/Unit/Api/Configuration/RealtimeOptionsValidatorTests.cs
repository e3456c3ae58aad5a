using System.Collections;
using System.Reflection;
using Aether.Api.Configuration;
using Aether.Application;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>That what a host set to null in code is named, and never a fault of the server's.</summary>
public sealed class RealtimeOptionsValidatorTests
{
    private static readonly NullabilityInfoContext Nullability = new();

    public static TheoryData<string> Options => [.. Paths(Filled(), "")];

    [Theory]
    [MemberData(nameof(Options))]
    public void Null_IsNamed_WhereverItIs(string option)
    {
        var options = Filled();
        SetNull(options, option.Split(':'));
        var result = new RealtimeOptionsValidator().Validate(null, options);
        Assert.Equal(["Aether:Realtime:" + option + " must not be null"], result.Failures);
    }

    [Fact]
    public void Null_IsAllowed_WhereItMeansNotSet()
    {
        var options = Filled();
        (options.AllowedOrigins, options.AnonymousPermissions, options.Legacy.MaxConnections) = (null, null, null);
        (options.History.Types, options.Commands.Givers, options.ApiKeys[0].Groups) = (null, null, null);
        Assert.Null(new RealtimeOptionsValidator().Validate(null, options).Failures);
    }

    [Theory]
    [InlineData("Redis", false)]
    [InlineData("Redis:User", false)]
    [InlineData("Redis:Password", true)]
    [InlineData("RateLimit", true)]
    public void Null_IsNamed_GivenAHostThatSetItBeforeTheConfigurationIsRead(string option, bool sharesRedis)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection([new("Aether:Realtime:Redis:Prefix", "p:")])
            .Build();
        using var provider = new ServiceCollection().AddLogging()
            .Configure<RealtimeOptions>(options => SetNull(options, option.Split(':')))
            .AddAetherRealtime(configuration, redis: sharesRedis ? _ => null! : null)
            .BuildServiceProvider();
        var invalid = Assert.Throws<OptionsValidationException>(
            () => provider.GetRequiredService<IOptions<RealtimeOptions>>().Value);
        Assert.Equal(["Aether:Realtime:" + option + " must not be null"], invalid.Failures);
    }

    private static RealtimeOptions Filled()
    {
        var options = new RealtimeOptions { AllowedOrigins = ["https://a.example"], AnonymousPermissions = ["broadcast"] };
        (options.History.Types, options.Commands.Givers) = (["cmd"], ["worker"]);
        options.ApiKeys.Add(new() { Name = "k", Key = "a-key-0123456789", Permissions = { "admin" }, Groups = ["g1"] });
        (options.Tokens.Issuer, options.Tokens.Audience) = ("https://issuer.example", "aether");
        options.Tokens.Keys.Add(new() { Kid = "k", Algorithm = "HS256", Secret = TokenMaker.Secret });
        return options;
    }

    // Found and not written down, so that an option that comes later is one of them.
    private static IEnumerable<string> Paths(object part, string path)
    {
        foreach (var property in part.GetType().GetProperties())
        {
            object? value = property.GetValue(part);
            if (value is null or ValueType)
                continue;
            if (property.SetMethod is not null && Nullability.Create(property).WriteState == NullabilityState.NotNull)
                yield return path + property.Name;
            if (value is IList)
            {
                yield return $"{path}{property.Name}:0";
                if (((IList)value)[0] is not string)
                {
                    foreach (string inside in Paths(((IList)value)[0]!, $"{path}{property.Name}:0:"))
                        yield return inside;
                }
            }
            else if (value is not string)
            {
                foreach (string inside in Paths(value, path + property.Name + ":"))
                    yield return inside;
            }
        }
    }

    private static void SetNull(object part, ReadOnlySpan<string> path)
    {
        if (part is IList list)
        {
            if (path is [_])
                list[0] = null;
            else
                SetNull(list[0]!, path[1..]);
            return;
        }
        var property = part.GetType().GetProperty(path[0])!;
        if (path is [_])
            property.SetValue(part, null);
        else
            SetNull(property.GetValue(part)!, path[1..]);
    }
}
