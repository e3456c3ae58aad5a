using Aether.Api.Access;
using Aether.Api.Configuration;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
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
    private ServiceProvider? provider;

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

    public void Dispose()
    {
        provider?.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private ApiKeys Start()
    {
        var configuration = new ConfigurationBuilder()
            .AddJsonFile(new Unwatched(folder), "keys.json", optional: true, reloadOnChange: true)
            .Build();
        provider = new ServiceCollection()
            .AddSingleton<TimeProvider>(time)
            .AddLogging(logging => logging.AddProvider(unreadable).AddProvider(refused))
            .AddAetherRealtime(configuration)
            .BuildServiceProvider();
        return provider.GetRequiredService<ApiKeys>();
    }

    private static string Keys(string key) =>
        $$"""{ "Aether": { "Realtime": { "ApiKeys": [ { "Name": "main", "Key": "{{key}}" } ] } } }""";

    private static bool Grants(ApiKeys keys, string key)
    {
        var context = new DefaultHttpContext();
        context.Request.Headers[ApiKeys.HeaderName] = key;
        return keys.Find(context.Request) is not null;
    }

    private void Write(string file, string content)
    {
        string path = Path.Combine(folder, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
    }

    private sealed class Unwatched(string folder) : IFileProvider
    {
        public IFileInfo GetFileInfo(string subpath) =>
            new Microsoft.Extensions.FileProviders.Physical.PhysicalFileInfo(new FileInfo(Path.Combine(folder, subpath)));

        public IDirectoryContents GetDirectoryContents(string subpath) => NotFoundDirectoryContents.Singleton;

        public IChangeToken Watch(string filter) => NullChangeToken.Singleton;
    }
}
