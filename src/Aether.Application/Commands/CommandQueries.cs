using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Domain.Commands;
using FluentValidation;
using MediatR;

namespace Aether.Application.Commands;

/// <summary>Reads a command and some of its executions.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="Id">The command.</param>
/// <param name="Offset">How many executions are left out.</param>
/// <param name="Limit">How many at most.</param>
internal sealed record ReadCommand(VisionId GroupId, string Id, int Offset = 0, int Limit = ReadCommand.MaxLimit)
    : IRequest<Answer<CommandState>>
{
    /// <summary>How long the executions may be together, about; one there is always.</summary>
    public int MaxBytes { get; init; } = int.MaxValue;

    /// <summary>The most executions of one answer, and the most commands of one list.</summary>
    public const int MaxLimit = PageRules.MaxLimit;
}

/// <summary>A command and some of its executions, as they were at a moment.</summary>
/// <param name="Command">The command.</param>
/// <param name="Executions">The executions that were asked for.</param>
public sealed record CommandState(CommandSummary Command, IReadOnlyList<ExecutionSummary> Executions);

/// <summary>The page must be one that can be had.</summary>
internal sealed class ReadCommandValidator : AbstractValidator<ReadCommand>
{
    /// <summary>Adds the rules.</summary>
    public ReadCommandValidator()
    {
        this.HasOffset(request => request.Offset);
        this.HasLimit(request => request.Limit);
    }
}

/// <summary>Reads a command.</summary>
internal sealed class ReadCommandHandler(ICommandStore store) : IRequestHandler<ReadCommand, Answer<CommandState>>
{
    /// <inheritdoc/>
    public async Task<Answer<CommandState>> Handle(ReadCommand request, CancellationToken cancellationToken)
    {
        if (!ExecutionId.IsCommandId(request.Id))
            return CommandRejections.NotFound;
        var page = await store
            .GetAsync(
                request.GroupId, request.Id, request.Offset, request.Limit, request.MaxBytes, cancellationToken)
            .ConfigureAwait(false);
        return CommandPages.ToAnswer(page);
    }
}

/// <summary>Waits until a command is not what somebody knows, and reads what changed.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="Id">The command.</param>
/// <param name="After">The version that is known.</param>
/// <param name="Wait">For how long at most; after that there is no change to tell.</param>
/// <param name="Until">Ends the wait, as if its time were over.</param>
internal sealed record ReadCommandChanges(
    VisionId GroupId, string Id, long After, TimeSpan Wait, CancellationToken Until = default)
    : IRequest<Answer<CommandState>>;

/// <summary>Watches for one change.</summary>
internal sealed class ReadCommandChangesHandler(ICommandStore store, CommandWatches watches, TimeProvider time)
    : IRequestHandler<ReadCommandChanges, Answer<CommandState>>
{
    /// <inheritdoc/>
    public async Task<Answer<CommandState>> Handle(ReadCommandChanges request, CancellationToken cancellationToken)
    {
        if (!ExecutionId.IsCommandId(request.Id))
            return CommandRejections.NotFound;
        var page = await ReadAsync(request, cancellationToken).ConfigureAwait(false);
        bool isNews = page.Command is not { } command || command.Version != request.After || command.Status.IsEnded();
        if (isNews || request.Wait <= TimeSpan.Zero)
            return CommandPages.ToAnswer(page);
        var changed = new TaskCompletionSource<CommandPage>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var watch = watches.Watch(request.GroupId, request.Id, request.After, found =>
        {
            changed.TrySetResult(found);
            return default;
        });
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(request.Until, cancellationToken);
        try
        {
            page = await changed.Task.WaitAsync(request.Wait, time, ends.Token).ConfigureAwait(false);
        }
        catch (Exception over) when (over is TimeoutException
            || (over is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            // Then it is as it was.
        }
        return CommandPages.ToAnswer(page);
    }

    private async ValueTask<CommandPage> ReadAsync(ReadCommandChanges request, CancellationToken cancellationToken) =>
        CommandPages.AsFarAsItGoes(await store
            .GetChangesAsync(request.GroupId, request.Id, request.After, CommandWatches.PageSize, cancellationToken)
            .ConfigureAwait(false));
}

/// <summary>Reads the commands of a group, the newest first.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="Status">Only those that are so far; <see langword="null"/>: all that are kept.</param>
/// <param name="Offset">How many are left out.</param>
/// <param name="Limit">How many at most.</param>
internal sealed record ListCommands(
    VisionId GroupId, CommandStatus? Status = null, int Offset = 0, int Limit = ReadCommand.MaxLimit)
    : IRequest<Answer<CommandListing>>;

/// <summary>Some commands of a group, the newest first.</summary>
/// <param name="Commands">Those of the page; what was ordered is without its text and its payload.</param>
/// <param name="Total">How many fit, on whatever page.</param>
public sealed record CommandListing(IReadOnlyList<CommandSummary> Commands, int Total);

/// <summary>The page must be one that can be had.</summary>
internal sealed class ListCommandsValidator : AbstractValidator<ListCommands>
{
    /// <summary>Adds the rules.</summary>
    public ListCommandsValidator()
    {
        this.HasOffset(request => request.Offset);
        this.HasLimit(request => request.Limit);
    }
}

/// <summary>Reads the commands.</summary>
internal sealed class ListCommandsHandler(ICommandStore store) : IRequestHandler<ListCommands, Answer<CommandListing>>
{
    /// <inheritdoc/>
    public async Task<Answer<CommandListing>> Handle(ListCommands request, CancellationToken cancellationToken)
    {
        var list = await store
            .ListAsync(request.GroupId, request.Status, request.Offset, request.Limit, cancellationToken)
            .ConfigureAwait(false);
        return list is null ? CommandRejections.Unreadable : new CommandListing(list.Commands, list.Total);
    }
}

/// <summary>What a store read, as an answer.</summary>
internal static class CommandPages
{
    public static Answer<CommandState> ToAnswer(CommandPage page) => page switch
    {
        { Command: { } command } => new CommandState(command, page.Executions),
        { Status: CommandFound.NotFound } => CommandRejections.NotFound,
        _ => CommandRejections.Unreadable,
    };

    /// <summary>
    /// Changes as whoever gets them goes on from them: the version of a page behind which there may be more is that of its
    /// last change.
    /// </summary>
    public static CommandPage AsFarAsItGoes(CommandPage page) =>
        page is { Command: { } command, Executions: { Count: > 0 } changes }
            && (page.IsCut || changes.Count == CommandWatches.PageSize)
            ? page with { Command = command with { Version = changes[^1].Version } }
            : page;
}
