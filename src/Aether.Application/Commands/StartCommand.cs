using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Domain.Commands;
using MediatR;

namespace Aether.Application.Commands;

/// <summary>Gives a command to members of a group.</summary>
/// <param name="Sender">On whose behalf.</param>
/// <param name="GroupId">The group.</param>
/// <param name="FromId">Who the members are told it is from.</param>
/// <param name="RequestId">The giver's own name for it: the same one again is the same command.</param>
/// <param name="What">What is to be done.</param>
internal sealed record StartCommand(
    Sender Sender, VisionId GroupId, VisionId FromId, string? RequestId, CommandSpecification What)
    : IRequest<Answer<CommandSummary>>;

/// <summary>Finds whom it is for, has it begin, and sends it to whoever has a turn.</summary>
internal sealed class StartCommandHandler(
    ICommandStore store, IPresenceStore presence, CommandRunner runner, RealtimeOptions? options = null)
    : IRequestHandler<StartCommand, Answer<CommandSummary>>
{
    private readonly Role[]? givers = (options ?? new RealtimeOptions()).Commands.Givers?
        .Select(static name => WireNames.Roles.TryFind(name, out var role) ? role : Role.None).ToArray();

    /// <inheritdoc/>
    public async Task<Answer<CommandSummary>> Handle(StartCommand request, CancellationToken cancellationToken)
    {
        if (Refuse(request) is { } rejection)
            return rejection;
        var (group, what) = (request.GroupId, request.What);
        var members = what.To ?? await FindMembersAsync(request, cancellationToken).ConfigureAwait(false);
        if (members is null)
            return Rejection.PresenceUnavailable;
        if (members.Count > CommandPlan.MaxTargets)
            return Refusals.Of("to", $"must not be more than {CommandPlan.MaxTargets} members: more are present");
        var order = new CommandOrder
        {
            Id = Guid.CreateVersion7().ToString("N"),
            GroupId = group,
            FromId = request.FromId,
            RequestId = request.RequestId,
            Cmd = what.Cmd,
            Msg = what.Msg,
            Payload = what.Payload,
            Lease = what.Lease,
            Plan = what.Plan,
        };
        var start = await store.StartAsync(order, members, cancellationToken).ConfigureAwait(false);
        if (start.Command is not { } command)
            return CommandRejections.Of(start);
        runner.Run(command, start.Effects);
        // Who joined between the look at the roster and the start is a target too.
        if (start.Status == StartStatus.Started && what.Plan.IsContinuous)
            runner.Run(LetInNewcomersAsync(request, [.. members]));
        return command;
    }

    private Rejection? Refuse(StartCommand request)
    {
        if (request.FromId == VisionId.Server && ServerCommands.Contains(request.What.Cmd))
            return Refusals.Of("cmd", "must not be one that only the server itself says as aether");
        // A member needs its role for its own group; who reaches another one may give commands there.
        bool isMember = !request.Sender.ClientId.IsEmpty && request.GroupId == request.Sender.GroupId;
        return isMember && givers is not null && !givers.Contains(request.Sender.Role)
            ? CommandRejections.NotAGiver
            : null;
    }

    /// <summary>Whoever is present, in the order of their ids, without the giver: it knows what it wants.</summary>
    private async Task<IReadOnlyList<VisionId>?> FindMembersAsync(StartCommand request, CancellationToken cancellationToken)
    {
        var present = await presence.GetMembersAsync(request.GroupId, cancellationToken).ConfigureAwait(false);
        var role = request.What.Plan.Role;
        return present?.Where(one => one.ClientId != request.FromId && (role == Role.None || one.Role == role))
            .Select(static one => one.ClientId).OrderBy(static id => id.Value, StringComparer.Ordinal).ToList();
    }

    private async Task LetInNewcomersAsync(StartCommand request, HashSet<VisionId> known)
    {
        var present = await presence.GetMembersAsync(request.GroupId, CancellationToken.None).ConfigureAwait(false);
        foreach (var member in present ?? [])
        {
            if (!known.Contains(member.ClientId) && member.ClientId != request.FromId)
                await runner.ConnectAsync(request.GroupId, member.ClientId, member.Role).ConfigureAwait(false);
        }
    }
}
