using Aether.Domain;
using Aether.Domain.Commands;
using MediatR;

namespace Aether.Application.Commands;

/// <summary>A member says how far it is.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="CommandId">The command.</param>
/// <param name="Report">What it says.</param>
internal sealed record ReportExecution(VisionId GroupId, string CommandId, ExecutionReport Report)
    : IRequest<Answer<ExecutionAnswer>>;

/// <summary>What a member is told.</summary>
/// <param name="Status">How far its execution is now.</param>
/// <param name="IsCanceled">Whether it has to stop.</param>
internal sealed record ExecutionAnswer(ExecutionStatus Status, bool IsCanceled);

/// <summary>Lets the report in.</summary>
internal sealed class ReportExecutionHandler(CommandRunner runner)
    : IRequestHandler<ReportExecution, Answer<ExecutionAnswer>>
{
    /// <inheritdoc/>
    public async Task<Answer<ExecutionAnswer>> Handle(ReportExecution request, CancellationToken cancellationToken)
    {
        var change = await runner
            .ApplyAsync(request.GroupId, request.CommandId, new MemberReported(request.Report), cancellationToken)
            .ConfigureAwait(false);
        if (CommandRejections.Of(change.Status, change.Fault) is { } rejection)
            return rejection;
        var transition = change.Transition;
        return transition.Verdict switch
        {
            Verdict.Stale => CommandRejections.StaleAttempt,
            Verdict.Unknown => CommandRejections.NoExecution,
            Verdict.Unchanged or Verdict.Applied or Verdict.Late =>
                new ExecutionAnswer(transition.Status, transition.IsCanceled),
        };
    }
}

/// <summary>A connection of a member opened: it is sent what it may have missed.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="ClientId">The member.</param>
/// <param name="Role">What it is in the group.</param>
/// <param name="IsThere">Whether the connection still is there: without it nobody has to be asked.</param>
internal sealed record SendExecutionsAgain(VisionId GroupId, VisionId ClientId, Role Role, Func<bool> IsThere)
    : IRequest<Outcome>;

/// <summary>Sends them.</summary>
internal sealed class SendExecutionsAgainHandler(CommandRunner runner) : IRequestHandler<SendExecutionsAgain, Outcome>
{
    /// <inheritdoc/>
    public async Task<Outcome> Handle(SendExecutionsAgain request, CancellationToken cancellationToken)
    {
        await runner.ConnectAsync(request.GroupId, request.ClientId, request.Role, request.IsThere).ConfigureAwait(false);
        return Outcome.Done;
    }
}
