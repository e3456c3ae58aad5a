using Aether.Api.Access;
using Aether.Api.Configuration;
using Aether.Application;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>
/// Keys in a file that changes while the server runs. Nothing here hears of a change but by looking: the watcher of the
/// file hears nothing.
/// </summary>
public sealed class SettingsFileTests : IDisposable
{
    private const string First = "first-secret-of-many";
    private const string Second = "second-secret-of-many";

    private static readonly TimeSpan Minute = TimeSpan.FromSeconds(60);

    private readonly string folder = Directory.CreateTempSubdirectory("aether-settings-").FullName;
    private readonly FakeTimeProvider time = new();
    private readonly LogOf<ConfigurationFiles> unreadable = new();
    private readonly LogOf<LiveOptions> refused = new();
    private readonly Told files;
    private ServiceProvider? provider;

    public SettingsFileTests() => files = new Told(folder);

    [Fact]
    public void Key_IsRevokedWithinAMinute_GivenALinkThatIsSwapped()
    {
        // As Kubernetes mounts it: keys.json → ..data/keys.json, and ..data → a folder that is replaced.
        Write("..one/keys.json", Keys(First));
        File.CreateSymbolicLink(Path.Combine(folder, "..data"), Path.Combine(folder, "..one"));
        File.CreateSymbolicLink(Path.Combine(folder, "keys.json"), Path.Combine(folder, "..data", "keys.json"));
        var keys = Start();
        time.Advance(Minute);

        Write("..two/keys.json", Keys(Second));
        File.Delete(Path.Combine(folder, "..data"));
        File.CreateSymbolicLink(Path.Combine(folder, "..data"), Path.Combine(folder, "..two"));
        time.Advance(Minute);

        Assert.False(Grants(keys, First));
        Assert.True(Grants(keys, Second));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("{ \"Aether\": { \"Realtime\": { \"ApiKeys\": [ second-secret-of-many")]
    [InlineData("{ \"Aether\": { \"Realtime\": { \"ApiKeys\": [] } } }")]
    [InlineData("{ \"Aether\": { \"Realtime\": { \"ApiKeys\": null } } }")]
    [InlineData("{ \"Aether\": { \"Realtime\": null } }")]
    public void Keys_StayAndItIsLogged_GivenAFileThatHoldsNoneAnyMore(string content)
    {
        Write("keys.json", Keys(First));
        var keys = Start();
        time.Advance(Minute);

        Write("keys.json", content);
        time.Advance(Minute);

        Assert.True(keys.Required);
        Assert.True(Grants(keys, First));
        string line = Assert.Single(unreadable.Lines.Concat(refused.Lines));
        Assert.DoesNotContain("secret", line, StringComparison.Ordinal);

        Write("keys.json", Keys(Second));
        time.Advance(Minute);
        Assert.False(Grants(keys, First));
        Assert.True(Grants(keys, Second));
    }

    [Fact]
    public void Keys_Stay_GivenAFileThatIsAwayForAMoment()
    {
        Write("keys.json", Keys(First));
        var keys = Start();
        File.Delete(Path.Combine(folder, "keys.json"));
        time.Advance(Minute);
        Assert.True(Grants(keys, First));
        Write("keys.json", Keys(Second));
        time.Advance(Minute);
        Assert.True(Grants(keys, Second));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("{ \"Aether\": { \"Realtime\": { \"ApiKeys\": [ second-secret-of-many")]
    public void Key_KeepsItsGroups_GivenAWatcherThatHearsOfAFileThatIsAwayOrBroken(string? content)
    {
        const string Limits =
            """{ "Aether": { "Realtime": { "ApiKeys": { "0": { "Permissions": ["cross_group"], "Groups": ["g1"] } } } } }""";
        Write("limits.json", Limits);
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection([new("Aether:Realtime:ApiKeys:0:Name", "main"), new("Aether:Realtime:ApiKeys:0:Key", First)])
            .AddJsonFile(Watched("limits.json"))
            .Build();
        var keys = Start(configuration);
        keys.Changed += () => Assert.Fail("nothing has changed");
        time.Advance(Minute);

        if (content is null)
            File.Delete(Path.Combine(folder, "limits.json"));
        else
            Write("limits.json", content);
        files.Tell("limits.json");
        time.Advance(Minute);

        Assert.False(Find(keys, First)!.Access.Covers(Some.OtherGroup));
        string line = Assert.Single(refused.Lines);
        Assert.Contains("limits.json", line, StringComparison.Ordinal);
        Assert.All(unreadable.Lines, said => Assert.DoesNotContain("secret", said, StringComparison.Ordinal));

        // As it was, and the watcher does not hear of that: the host is not left without it either.
        Write("limits.json", Limits);
        time.Advance(Minute);
        Assert.Equal("g1", configuration["Aether:Realtime:ApiKeys:0:Groups:0"]);
        Assert.False(Find(keys, First)!.Access.Covers(Some.OtherGroup));
    }

    [Fact]
    public void Keys_AllStay_GivenThatOneOfTheirFilesIsBroken()
    {
        Write("first.json", Keys(First));
        Write("second.json", SecondKey(Second));
        var keys = Start(new ConfigurationBuilder()
            .AddJsonFile(Watched("first.json"))
            .AddJsonFile(Watched("second.json"))
            .Build());
        int changes = 0;
        keys.Changed += () => changes++;

        Write("second.json", SecondKey(Second).Replace(",", "", StringComparison.Ordinal));
        files.Tell("second.json");
        Write("first.json", Keys("a-third-secret-of-many"));
        files.Tell("first.json");
        time.Advance(Minute);
        Assert.Equal(0, changes);
        Assert.True(Grants(keys, First));
        Assert.True(Grants(keys, Second));

        Write("second.json", SecondKey(Second));
        files.Tell("second.json");
        Assert.True(Grants(keys, Second));
        Assert.True(Grants(keys, "a-third-secret-of-many"));
        Assert.False(Grants(keys, First));

        // What can be read is meant.
        Write("second.json", "{}");
        files.Tell("second.json");
        Assert.False(Grants(keys, Second));
    }

    [Fact]
    public void Key_KeepsItsGroups_GivenADirectoryOfSettingsThatIsAway()
    {
        Write("limits/Aether__Realtime__ApiKeys__0__Groups__0", "g1");
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection([new("Aether:Realtime:ApiKeys:0:Name", "main"), new("Aether:Realtime:ApiKeys:0:Key", First)])
            .AddKeyPerFile(Path.Combine(folder, "limits"), optional: true)
            .Build();
        var keys = Start(configuration);

        Directory.Delete(Path.Combine(folder, "limits"), recursive: true);
        configuration.Reload();
        time.Advance(Minute);
        Assert.False(Find(keys, First)!.Access.Covers(Some.OtherGroup));
        Assert.NotEmpty(refused.Lines);
        Assert.All(refused.Lines, line => Assert.Contains("limits", line, StringComparison.Ordinal));

        Write("limits/Aether__Realtime__ApiKeys__0__Groups__0", "g1");
        time.Advance(Minute);
        Assert.Equal("g1", configuration["Aether:Realtime:ApiKeys:0:Groups:0"]);
    }

    [Fact]
    public void Key_IsTaken_GivenAHostThatSetsItBesideFilesThatNeverWere()
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection([new("Aether:Realtime:ApiKeys:0:Name", "main"), new("Aether:Realtime:ApiKeys:0:Key", First)])
            .AddJsonFile(Watched("never.json"))
            .AddJsonFile(Watched("nor-this.json"))
            .Build();
        var keys = Start(configuration);
        configuration["Aether:Realtime:ApiKeys:0:Key"] = Second;
        configuration.Reload();
        Assert.Empty(refused.Lines);
        Assert.True(Grants(keys, Second));
        Assert.False(Grants(keys, First));
    }

    [Fact]
    public void Look_EndsNothing_GivenAHostWhoseKeyIsGone()
    {
        Write("keys.json", $$"""{ "Secrets": { "Key": "{{First}}" } }""");
        var configuration = Unheard("keys.json").Build();
        var keys = Start(configuration, options => options.ApiKeys.Add(
            new() { Name = "app", Key = configuration["Secrets:Key"]! }));
        time.Advance(Minute);

        Write("keys.json", "{}");
        time.Advance(Minute);

        Assert.True(Grants(keys, First));
        Assert.Contains("Aether:Realtime:ApiKeys:0:Key must not be null", Assert.Single(refused.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public void Look_EndsNothing_GivenAHostThatThrowsWhenItHearsOfAChange()
    {
        Write("keys.json", Keys(First));
        var configuration = Unheard("keys.json").Build();
        var keys = Start(configuration);
        using var listener = ChangeToken.OnChange(
            configuration.GetReloadToken, () => throw new NotSupportedException("a-secret-that-it-quotes"));

        Write("keys.json", Keys(Second));
        time.Advance(Minute);

        Assert.True(Grants(keys, Second));
        Assert.DoesNotContain("secret", Assert.Single(unreadable.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public void Configuration_IsNotReadAgain_GivenFilesThatDoNotChange()
    {
        Write("keys.json", "{}");
        Write("secrets/Aether__Realtime__ApiKeys__0__Key", First);
        var configuration = Unheard("keys.json")
            .AddInMemoryCollection([new("Aether:Realtime:ApiKeys:0:Name", "main")])
            .AddKeyPerFile(Path.Combine(folder, "secrets"))
            .Build();
        var keys = Start(configuration);
        int reads = 0;
        using var listener = ChangeToken.OnChange(configuration.GetReloadToken, () => reads++);

        time.Advance(Minute);
        Assert.Equal(0, reads);
        Assert.True(Grants(keys, First));

        Write("secrets/Aether__Realtime__ApiKeys__0__Key", Second);
        time.Advance(Minute);
        Assert.Equal(1, reads);
        Assert.True(Grants(keys, Second));
    }

    [Fact]
    public void Key_IsTaken_GivenAFileThatChangedBeforeItWasLookedAt()
    {
        Write("keys.json", Keys(First));
        var configuration = Unheard("keys.json").Build();
        var keys = Start(configuration, _ => Write("keys.json", Keys(Second)));
        time.Advance(Minute);
        Assert.True(Grants(keys, Second));
        Assert.False(Grants(keys, First));
    }

    public static TheoryData<string, string> Broken => new()
    {
        { "keys.ini", "[Aether:Realtime:ApiKeys:0]\nName=main\nKey " + Second },
        { "keys.xml", $"<settings>\n<Key>{Second}</{Second}></settings>" },
        { "keys.xml", $"<settings>\n<Key>&{Second};</Key></settings>" },
        { "keys.json", $"{{ \"Key\":\n {Second} }}" },
    };

    [Theory]
    [MemberData(nameof(Broken))]
    public void Fault_NamesTheFileAndNothingInIt_GivenOneThatCannotBeParsed(string file, string content)
    {
        Start(Unheard(file).Build());
        Write(file, content);
        time.Advance(Minute);

        string line = Assert.Single(unreadable.Lines);
        Assert.DoesNotContain("secret", line, StringComparison.Ordinal);
        Assert.Contains(file, line, StringComparison.Ordinal);
        Assert.Contains("Exception", line, StringComparison.Ordinal);
        if (!file.EndsWith(".ini", StringComparison.Ordinal))
            Assert.Contains("line 2", line, StringComparison.Ordinal);
        // At start nobody catches it, and it is told the same way.
        var fault = Assert.ThrowsAny<Exception>(() => Unheard(file).Build());
        Assert.DoesNotContain("secret", FaultCause.Of(fault), StringComparison.Ordinal);
    }

    public void Dispose()
    {
        provider?.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private Credentials Start() => Start(Unheard("keys.json").Build());

    private Credentials Start(IConfiguration configuration, Action<RealtimeOptions>? options = null)
    {
        provider = new ServiceCollection()
            .AddSingleton<TimeProvider>(time)
            .AddLogging(logging => logging.AddProvider(unreadable).AddProvider(refused))
            .AddAetherRealtime(configuration, options)
            .BuildServiceProvider();
        return provider.GetRequiredService<Credentials>();
    }

    /// <summary>A file whose watcher hears nothing.</summary>
    private IConfigurationBuilder Unheard(string file)
    {
        var unwatched = new Unwatched(folder);
        var builder = new ConfigurationBuilder();
        return Path.GetExtension(file) switch
        {
            ".ini" => builder.AddIniFile(unwatched, file, optional: true, reloadOnChange: true),
            ".xml" => builder.AddXmlFile(unwatched, file, optional: true, reloadOnChange: true),
            _ => builder.AddJsonFile(unwatched, file, optional: true, reloadOnChange: true),
        };
    }

    /// <summary>A file whose watcher hears what it is told.</summary>
    private Action<JsonConfigurationSource> Watched(string file) => source =>
    {
        (source.FileProvider, source.Path, source.Optional) = (files, file, true);
        (source.ReloadOnChange, source.ReloadDelay) = (true, 0);
    };

    private static string Keys(string key) =>
        $$"""{ "Aether": { "Realtime": { "ApiKeys": [ { "Name": "main", "Key": "{{key}}" } ] } } }""";

    private static string SecondKey(string key) =>
        $$"""{ "Aether": { "Realtime": { "ApiKeys": { "1": { "Name": "other", "Key": "{{key}}" } } } } }""";

    private static bool Grants(Credentials keys, string key) => Find(keys, key) is not null;

    private static Grant? Find(Credentials keys, string key)
    {
        var context = new DefaultHttpContext();
        context.Request.Headers[ShownCredential.KeyHeader] = key;
        return keys.FindAsync(context.Request).AsTask().Result.Grant;
    }

    private void Write(string file, string content)
    {
        string path = Path.Combine(folder, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
    }

    private sealed class Told(string folder) : IFileProvider
    {
        private readonly Dictionary<string, CancellationTokenSource> watchers = [];

        public IFileInfo GetFileInfo(string subpath) => new Unwatched(folder).GetFileInfo(subpath);

        public IDirectoryContents GetDirectoryContents(string subpath) => NotFoundDirectoryContents.Singleton;

        public IChangeToken Watch(string filter) =>
            new CancellationChangeToken((watchers[filter] = new CancellationTokenSource()).Token);

        public void Tell(string file) => watchers[file].Cancel();
    }

    private sealed class Unwatched(string folder) : IFileProvider
    {
        public IFileInfo GetFileInfo(string subpath) =>
            new Microsoft.Extensions.FileProviders.Physical.PhysicalFileInfo(new FileInfo(Path.Combine(folder, subpath)));

        public IDirectoryContents GetDirectoryContents(string subpath) => NotFoundDirectoryContents.Singleton;

        public IChangeToken Watch(string filter) => NullChangeToken.Singleton;
    }
}
