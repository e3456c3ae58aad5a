using Aether.Domain.Tokens;
using Aether.Infrastructure.InMemory;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>What only the memory does: it lets go by the process's clock.</summary>
public sealed class InMemoryRevocationStoreTests
{
    private static readonly TimeSpan Kept = TimeSpan.FromMinutes(10);

    private readonly FakeTimeProvider time = new();
    private readonly InMemoryRevocationStore store;

    public InMemoryRevocationStoreTests() => store = new InMemoryRevocationStore(time);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Add_LetsGoOfWhatIsTooOldToMatter()
    {
        await AddAsync("t1");
        time.Advance(TimeSpan.FromMinutes(6));
        await AddAsync("t2");
        Assert.Equal(["t1", "t2"], await ReadAsync());
        time.Advance(TimeSpan.FromMinutes(4));
        await AddAsync("t3");
        Assert.Equal(["t2", "t3"], await ReadAsync());
        time.Advance(TimeSpan.FromMinutes(6));
        var page = await store.ReadAsync("2", Cancellation);
        Assert.Equal(TimeSpan.FromMinutes(6), Assert.Single(page!.Revocations).Age);
    }

    private async Task AddAsync(string id) => Assert.Null(await store.AddAsync(Revocation.Of(id), Kept, Cancellation));

    private async Task<IEnumerable<string?>> ReadAsync() =>
        (await store.ReadAsync("", Cancellation))!.Revocations.Select(one => one.TokenId);
}
