using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Domain;
using FluentValidation;
using MediatR;

namespace Aether.Application.Presence;

/// <summary>An operator asks which groups there are.</summary>
/// <param name="Only">Those that the operator may know of; <see langword="null"/>: all.</param>
/// <param name="Offset">How many to leave out.</param>
/// <param name="Limit">How many at most.</param>
internal sealed record ReadGroups(
    IReadOnlyCollection<VisionId>? Only, int Offset = 0, int Limit = RosterQuery.MaxLimit) : IRequest<Answer<GroupsPage>>;

/// <summary>Some of the groups that have members.</summary>
/// <param name="Groups">Those of the page, by id.</param>
/// <param name="Total">How many there are, on whatever page.</param>
internal sealed record GroupsPage(IReadOnlyList<GroupSize> Groups, int Total);

/// <summary>The page must be one that can be had.</summary>
internal sealed class ReadGroupsValidator : AbstractValidator<ReadGroups>
{
    /// <summary>Adds the rules.</summary>
    public ReadGroupsValidator()
    {
        this.HasOffset(query => query.Offset);
        this.HasLimit(query => query.Limit);
    }
}

/// <summary>
/// Reads the groups and answers with the page that was asked for. All who ask for all groups at a time share a read.
/// </summary>
internal sealed class ReadGroupsHandler : IRequestHandler<ReadGroups, Answer<GroupsPage>>
{
    private readonly IPresenceDirectory directory;
    private readonly SharedRead<GroupSize[]?> all;

    /// <summary>Creates the handler.</summary>
    public ReadGroupsHandler(IPresenceDirectory directory, TimeProvider time)
    {
        this.directory = directory;
        all = new SharedRead<GroupSize[]?>(() => ReadAsync(null, CancellationToken.None), time);
    }

    /// <inheritdoc/>
    public async Task<Answer<GroupsPage>> Handle(ReadGroups request, CancellationToken cancellationToken)
    {
        var groups = request.Only is { } only
            ? await ReadAsync(only, cancellationToken).ConfigureAwait(false)
            : await all.GetAsync(cancellationToken).ConfigureAwait(false);
        if (groups is null)
            return Rejection.PresenceUnavailable;
        int from = Math.Min(request.Offset, groups.Length);
        int to = Math.Min(groups.Length, from + request.Limit);
        return new GroupsPage(groups[from..to], groups.Length);
    }

    private async Task<GroupSize[]?> ReadAsync(
        IReadOnlyCollection<VisionId>? only, CancellationToken cancellationToken) =>
        await directory.GetGroupsAsync(only, cancellationToken).ConfigureAwait(false) is { } groups
            ? [.. groups.Where(static group => group.Members > 0).OrderBy(static group => group.GroupId)]
            : null;
}
