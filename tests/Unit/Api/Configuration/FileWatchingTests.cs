using Aether.Api.Configuration;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>
/// A host that can watch no files polls them. The tests change a variable that all file providers of the process read, so
/// they run alone.
/// </summary>
[Collection(nameof(FileWatchingTests))]
[CollectionDefinition(nameof(FileWatchingTests), DisableParallelization = true)]
public sealed class FileWatchingTests : IDisposable
{
    private const string UsedUp = "The configured user limit (128) on the number of inotify instances has been reached.";

    private readonly string? before = Environment.GetEnvironmentVariable(FileWatching.PollingVariable);
    private int builds;

    public FileWatchingTests() => Environment.SetEnvironmentVariable(FileWatching.PollingVariable, null);

    [Theory]
    [InlineData(23)]
    [InlineData(24)]
    [InlineData(28)]
    public void Build_BuildsAnewWithPolling_GivenThatWatchersAreUsedUp(int number)
    {
        string built = FileWatching.Build(() => Build(new IOException(UsedUp, number)), out string? refusal);
        Assert.Equal("with polling", built);
        Assert.Equal(UsedUp, refusal);
        Assert.Equal(2, builds);
    }

    [Fact]
    public void Build_BuildsOnceAndPollsNothing_GivenThatAllIsWell()
    {
        Assert.Equal("with watchers", FileWatching.Build(() => Build(failure: null), out string? refusal));
        Assert.Null(refusal);
    }

    public static TheoryData<Exception> Others =>
    [
        new IOException("inotify, and another fault", 5),
        new IOException("Too many open files", 24),
        new FileNotFoundException("nowhere"),
        new InvalidOperationException(UsedUp),
    ];

    [Theory]
    [MemberData(nameof(Others), DisableDiscoveryEnumeration = true)]
    public void Build_PassesEveryOtherFaultOn(Exception fault)
    {
        Assert.Same(fault, Assert.ThrowsAny<Exception>(() => FileWatching.Build(() => Build(fault), out _)));
        Assert.Null(Environment.GetEnvironmentVariable(FileWatching.PollingVariable));
        Assert.Equal(1, builds);
    }

    [Fact]
    public void Build_PassesTheFaultOn_GivenThatPollingDoesNotHelp()
    {
        Assert.Throws<IOException>(() => FileWatching.Build<string>(
            () => throw new IOException($"{UsedUp} ({++builds})", 24), out _));
        Assert.Equal(2, builds);
    }

    public void Dispose() => Environment.SetEnvironmentVariable(FileWatching.PollingVariable, before);

    private string Build(Exception? failure)
    {
        builds++;
        if (Environment.GetEnvironmentVariable(FileWatching.PollingVariable) == "1")
            return "with polling";
        return failure is null ? "with watchers" : throw failure;
    }
}
