using System.Globalization;
using Aether.Application;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Domain.Tokens;

namespace Aether.Tests.Unit;

/// <summary>A store of revocations that can be slow, be away and lose what it has, and counts how often it is read.</summary>
internal sealed class FakeRevocationStore : IRevocationStore
{
    private readonly List<(int Id, Revocation What)> entries = [];
    private int last;
    private int reads;

    /// <summary>How often it was read.</summary>
    public int Reads => Volatile.Read(ref reads);

    /// <summary>What every read waits for.</summary>
    public TaskCompletionSource? Gate { get; set; }

    /// <summary>Whether nothing can be read or added.</summary>
    public bool IsAway { get; set; }

    /// <summary>How many come with one read.</summary>
    public int PageSize { get; set; } = 2;

    /// <summary>What there is.</summary>
    public IReadOnlyList<Revocation> All => [.. entries.Select(one => one.What)];

    /// <summary>Another instance revokes.</summary>
    public void Add(Revocation revocation) => entries.Add((++last, revocation));

    /// <summary>Keeps only the first of what there is.</summary>
    public void Keep(int count) => entries.RemoveRange(count, entries.Count - count);

    public ValueTask<Rejection?> AddAsync(Revocation revocation, TimeSpan kept, CancellationToken cancellationToken)
    {
        if (IsAway)
            return new(BackplaneFault.Unreachable.ToRejection());
        Add(revocation);
        return default;
    }

    public async ValueTask<RevocationPage?> ReadAsync(string after, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref reads);
        // What there is when it is asked, and not when it answers.
        var page = Read(after);
        if (Gate is { } gate)
            await gate.Task.WaitAsync(cancellationToken);
        return page;
    }

    public ValueTask RestoreAsync(
        IReadOnlyList<Revocation> missing, string after, TimeSpan kept, CancellationToken cancellationToken)
    {
        if (!IsAway && after == (entries.Count == 0 ? "" : Text(entries[^1].Id)))
        {
            foreach (var one in missing)
                Add(one);
        }
        return default;
    }

    private RevocationPage? Read(string after)
    {
        if (IsAway)
            return null;
        int from = after.Length == 0 ? 0 : entries.FindIndex(one => Text(one.Id) == after) + 1;
        if (after.Length > 0 && from == 0)
            return RevocationPage.Lost;
        var page = entries.Skip(from).Take(PageSize).ToList();
        return new RevocationPage(
            [.. page.Select(one => one.What)],
            page.Count == 0 ? after : Text(page[^1].Id),
            page.Count < PageSize,
            IsLost: false);
    }

    private static string Text(int id) => id.ToString(CultureInfo.InvariantCulture);
}

/// <summary>Tokens to revoke.</summary>
internal static class Tokens
{
    public static readonly DateTime Issued = new(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc);

    public static Token Of(VisionId subject, string? id = null, DateTime? issuedAt = null) => new(
        subject, id, issuedAt, Issued.AddHours(1), new Access(Permissions.None), Role: null, Signer: "k");
}
