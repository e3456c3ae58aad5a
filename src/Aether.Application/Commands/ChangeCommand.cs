using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Domain.Commands;
using MediatR;

namespace Aether.Application.Commands;

/// <summary>Calls a command off: nothing more is sent, and who is at it is asked to stop.</summary>
/// <param name="Sender">On whose behalf: its giver, or whoever has the permission admin.</param>
/// <param name="GroupId">The group.</param>
/// <param name="Id">The command.</param>
internal sealed record CancelCommand(Sender Sender, VisionId GroupId, string Id)
    : IRequest<Answer<CommandSummary>>;

/// <summary>Lets the next batch of a command begin that is paused.</summary>
/// <param name="Sender">On whose behalf: its giver, or whoever has the permission admin.</param>
/// <param name="GroupId">The group.</param>
/// <param name="Id">The command.</param>
internal sealed record ResumeCommand(Sender Sender, VisionId GroupId, string Id)
    : IRequest<Answer<CommandSummary>>;

/// <summary>Gives the same command to those members that did not succeed.</summary>
/// <param name="Sender">On whose behalf: its giver, or whoever has the permission admin.</param>
/// <param name="GroupId">The group.</param>
/// <param name="Id">The command, which has ended.</param>
/// <param name="RequestId">The sender's own name for the new one: the same one again is the same command.</param>
/// <param name="Lease">The lease that its giver has to hold; none: that of the command.</param>
internal sealed record RetryCommand(
    Sender Sender, VisionId GroupId, string Id, string? RequestId, LeaseClaim? Lease = null)
    : IRequest<Answer<CommandSummary>>;

/// <summary>Cancels.</summary>
internal sealed class CancelCommandHandler(ICommandStore store, CommandRunner runner)
    : IRequestHandler<CancelCommand, Answer<CommandSummary>>
{
    /// <inheritdoc/>
    public Task<Answer<CommandSummary>> Handle(CancelCommand request, CancellationToken cancellationToken) =>
        CommandChanges.ApplyAsync(
            store, runner, request.Sender, request.GroupId, request.Id, new CancelAsked(), cancellationToken);
}

/// <summary>Resumes.</summary>
internal sealed class ResumeCommandHandler(ICommandStore store, CommandRunner runner)
    : IRequestHandler<ResumeCommand, Answer<CommandSummary>>
{
    /// <inheritdoc/>
    public Task<Answer<CommandSummary>> Handle(ResumeCommand request, CancellationToken cancellationToken) =>
        CommandChanges.ApplyAsync(
            store, runner, request.Sender, request.GroupId, request.Id, new ResumeAsked(), cancellationToken);
}

/// <summary>Starts a new command for whoever is left.</summary>
internal sealed class RetryCommandHandler(ICommandStore store, CommandRunner runner)
    : IRequestHandler<RetryCommand, Answer<CommandSummary>>
{
    /// <inheritdoc/>
    public async Task<Answer<CommandSummary>> Handle(RetryCommand request, CancellationToken cancellationToken)
    {
        var (sender, group, id) = (request.Sender, request.GroupId, request.Id);
        var found = await CommandChanges.FindAsync(store, sender, group, id, cancellationToken).ConfigureAwait(false);
        if (found.Rejection is not null)
            return found;
        if (!found.Value.Status.IsEnded())
            return CommandRejections.StillRuns;
        if (await FindUnsuccessfulAsync(group, id, cancellationToken).ConfigureAwait(false) is not { } members)
            return CommandRejections.Unreadable;
        if (members.Count == 0)
            return CommandRejections.NothingToRetry;
        var order = found.Value.Order;
        var start = await store.StartAsync(
            order with
            {
                Id = Guid.CreateVersion7().ToString("N"),
                FromId = sender.ClientId.IsEmpty ? order.FromId : sender.ClientId,
                RequestId = request.RequestId,
                // The term of the order is over as soon as anybody has held the lease since.
                Lease = request.Lease ?? order.Lease,
                Plan = order.Plan.ForRetry(found.Value.Counts.Succeeded, members.Count),
            },
            members,
            cancellationToken).ConfigureAwait(false);
        if (start.Command is not { } command)
            return CommandRejections.Of(start);
        runner.Run(command, start.Effects);
        return command;
    }

    private async Task<List<VisionId>?> FindUnsuccessfulAsync(
        VisionId group, string id, CancellationToken cancellationToken)
    {
        const int AtOnce = 1_000;
        var members = new List<VisionId>();
        for (int offset = 0; ;)
        {
            var page = await store.GetAsync(group, id, offset, AtOnce, CommandPage.MaxBytes, cancellationToken)
                .ConfigureAwait(false);
            if (page.Command is null)
                return null;
            members.AddRange(page.Executions
                .Where(static one => one.Status != ExecutionStatus.Succeeded).Select(static one => one.Member));
            if (page.Executions.Count == 0 || (!page.IsCut && page.Executions.Count < AtOnce))
                return members;
            offset = page.Executions[^1].Index + 1;
        }
    }
}

/// <summary>What its giver and operators do to a command.</summary>
internal static class CommandChanges
{
    /// <summary>Finds a command that the sender may change.</summary>
    public static async Task<Answer<CommandSummary>> FindAsync(
        ICommandStore store, Sender sender, VisionId group, string id, CancellationToken cancellationToken)
    {
        if (!ExecutionId.IsCommandId(id))
            return CommandRejections.NotFound;
        var page = await store.GetAsync(group, id, 0, 1, cancellationToken).ConfigureAwait(false);
        if (page.Command is not { } command)
            return page.Status == CommandFound.NotFound ? CommandRejections.NotFound : CommandRejections.Unreadable;
        bool isAllowed = sender.ClientId.IsEmpty || sender.ClientId == command.Order.FromId
            || (sender.Access.Has(Permissions.Admin) && sender.Access.Covers(group));
        return isAllowed ? command : CommandRejections.NotItsGiver;
    }

    /// <summary>Lets an event into it.</summary>
    public static async Task<Answer<CommandSummary>> ApplyAsync(
        ICommandStore store,
        CommandRunner runner,
        Sender sender,
        VisionId group,
        string id,
        CommandEvent asked,
        CancellationToken cancellationToken)
    {
        var found = await FindAsync(store, sender, group, id, cancellationToken).ConfigureAwait(false);
        if (found.Rejection is not null)
            return found;
        var change = await runner.ApplyAsync(group, id, asked, cancellationToken).ConfigureAwait(false);
        return CommandRejections.Of(change.Status, change.Fault) is { } rejection ? rejection : change.Command!;
    }
}
