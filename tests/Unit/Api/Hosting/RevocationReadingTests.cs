using Aether.Api.Hosting;
using Aether.Application.Ports;
using Aether.Application.Tokens;
using Aether.Domain.Tokens;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>When an instance reads what was revoked elsewhere.</summary>
public sealed class RevocationReadingTests : IAsyncDisposable
{
    private readonly FakeTimeProvider time = new();
    private readonly FakeRevocationStore store = new();
    private readonly ITokenValidator tokens = Substitute.For<ITokenValidator>();
    private readonly Revocations revocations;
    private readonly RevocationReading reading;
    private int asked;
    private volatile bool isOn = true;

    public RevocationReadingTests()
    {
        tokens.IsOn.Returns(_ =>
        {
            Interlocked.Increment(ref asked);
            return isOn;
        });
        revocations = new Revocations(store, time);
        reading = new RevocationReading(revocations, time, NullLogger<RevocationReading>.Instance, tokens);
    }

    public async ValueTask DisposeAsync()
    {
        await reading.StopAsync(CancellationToken.None);
        reading.Dispose();
    }

    [Fact]
    public async Task Reads_OnceInASecond()
    {
        await StartAsync();
        await ReadsAsync(1);
        store.Add(Revocation.Of("t1"));
        time.Advance(TimeSpan.FromMilliseconds(999));
        Assert.Equal(1, store.Reads);
        time.Advance(TimeSpan.FromMilliseconds(1));
        await ReadsAsync(2);
        await Eventually.HoldsAsync(() => revocations.IsKnown(Tokens.Of(Some.Client, "t1")));
    }

    [Fact]
    public async Task Reads_OnlyWhileTokensAreGoodForAnything()
    {
        isOn = false;
        await StartAsync();
        await AskedAsync(1);
        time.Advance(TimeSpan.FromSeconds(1));
        await AskedAsync(2);
        Assert.Equal(0, store.Reads);
        isOn = true;
        time.Advance(TimeSpan.FromSeconds(1));
        await ReadsAsync(1);
        isOn = false;
        time.Advance(TimeSpan.FromSeconds(1));
        await AskedAsync(4);
        time.Advance(TimeSpan.FromSeconds(1));
        await AskedAsync(5);
        Assert.Equal(1, store.Reads);
    }

    [Fact]
    public async Task Reads_Again_GivenAStoreThatIsAway_AndSomebodyWhoFails()
    {
        store.IsAway = true;
        await StartAsync();
        await ReadsAsync(1);
        store.IsAway = false;
        store.Add(Revocation.Of("t1"));
        int told = 0;
        revocations.Changed += () =>
        {
            Interlocked.Increment(ref told);
            throw new InvalidOperationException("somebody's own");
        };
        time.Advance(TimeSpan.FromSeconds(1));
        await Eventually.HoldsAsync(() => Volatile.Read(ref told) == 1);
        time.Advance(TimeSpan.FromSeconds(1));
        await ReadsAsync(3);
        Assert.False(reading.ExecuteTask!.IsCompleted);
    }

    private Task StartAsync() => reading.StartAsync(TestContext.Current.CancellationToken);

    private Task ReadsAsync(int expected) => Eventually.HoldsAsync(() => store.Reads == expected);

    private Task AskedAsync(int expected) => Eventually.HoldsAsync(() => Volatile.Read(ref asked) == expected);
}
