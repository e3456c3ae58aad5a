using System.Text.Json;
using Aether.Application.Commands;
using Aether.Application.Leases;
using Aether.Application.Pipeline;
using Aether.Application.Presence;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Domain.Commands;
using MediatR;
using Microsoft.Extensions.DependencyInjection;

namespace Aether.Application.Requests;

/// <summary><c>command.start</c>: a client gives a command.</summary>
internal sealed record StartOwnCommand(Sender Sender, Message Message) : IMessageCommand;

/// <summary><c>command.get</c>: a client reads a command.</summary>
internal sealed record GetCommand(Sender Sender, Message Message) : IMessageCommand;

/// <summary><c>command.list</c>: a client reads which commands there are.</summary>
internal sealed record GetCommands(Sender Sender, Message Message) : IMessageCommand;

/// <summary><c>command.cancel</c>, <c>command.resume</c> and <c>command.retry</c>: a client changes a command.</summary>
internal sealed record ChangeCommand(Sender Sender, Message Message) : IMessageCommand;

/// <summary><c>command.watch</c>: a client wants to be told what becomes of a command.</summary>
internal sealed record WatchCommand(Sender Sender, Message Message) : IMessageCommand;

/// <summary>Has it begin, and the connection told from then on.</summary>
internal sealed class StartOwnCommandHandler(
    [FromKeyedServices(OwnMediator.Key)] IMediator mediator, ServerMessages messages)
    : ServerRequestHandler<StartOwnCommand>(messages)
{
    /// <inheritdoc/>
    protected override async Task<Outcome> AnswerAsync(
        StartOwnCommand request, JsonElement payload, CancellationToken cancellationToken)
    {
        var (sender, message) = (request.Sender, request.Message);
        if (CommandSpecificationReader.TryRead(payload, CommandQuestions.Prefix, out var what) is { } wrong)
            return Outcome.Rejected(wrong);
        // A lease may stand in the message as well as in the payload, as for every other message.
        if (message.Lease is { } lease)
        {
            if (what!.Lease is { } other && other != lease)
                return Outcome.Rejected(Refusals.Of("payload.lease", "must be that of the message, which names another one"));
            what = what with { Lease = lease };
        }
        var answer = await mediator.Send(
            new Commands.StartCommand(sender, message.GroupId, message.FromId, message.Id, what!), cancellationToken)
            .ConfigureAwait(false);
        if (answer.Rejection is not null)
            return Outcome.Rejected(CommandQuestions.InPayload(answer.Rejection));
        return Reply(request, writer => CommandWriter.WriteStarted(writer, answer.Value))
            .With(new WatchingCommand(message.GroupId, answer.Value.Order.Id, 0));
    }
}

/// <summary>Reads it, as much of it as fits into an answer.</summary>
internal sealed class GetCommandHandler(
    [FromKeyedServices(OwnMediator.Key)] IMediator mediator,
    AnswerPacing pacing,
    ServerMessages messages,
    RealtimeOptions? options = null)
    : ServerRequestHandler<GetCommand>(messages)
{
    private readonly int maxBytes = (options ?? new RealtimeOptions()).MaxMessageBytes - CommandWriter.AroundPayload;

    /// <inheritdoc/>
    protected override async Task<Outcome> AnswerAsync(
        GetCommand request, JsonElement payload, CancellationToken cancellationToken)
    {
        if (CommandQuestions.TryReadId(payload, out string id) is { } wrong
            || (wrong = CommandQuestions.TryReadPage(payload, out int offset, out int limit)) is not null)
            return Outcome.Rejected(wrong);
        var answer = await mediator
            .Send(new ReadCommand(request.Message.GroupId, id, offset, limit) { MaxBytes = maxBytes }, cancellationToken)
            .ConfigureAwait(false);
        if (answer.Rejection is not null)
            return Outcome.Rejected(CommandQuestions.InPayload(answer.Rejection));
        await pacing.WaitAsync(answer.Value.Executions.Count).ConfigureAwait(false);
        int count = 0;
        var written = PayloadWriter.Write(writer => count = CommandWriter.WriteState(writer, answer.Value, maxBytes));
        return Reply(request, written, count / GetRosterHandler.MembersForOneMessage);
    }
}

/// <summary>Lists them, as many as fit into an answer.</summary>
internal sealed class GetCommandsHandler(
    [FromKeyedServices(OwnMediator.Key)] IMediator mediator,
    AnswerPacing pacing,
    ServerMessages messages,
    RealtimeOptions? options = null)
    : ServerRequestHandler<GetCommands>(messages)
{
    private readonly int maxBytes = (options ?? new RealtimeOptions()).MaxMessageBytes - CommandWriter.AroundPayload;

    /// <inheritdoc/>
    protected override async Task<Outcome> AnswerAsync(
        GetCommands request, JsonElement payload, CancellationToken cancellationToken)
    {
        if (CommandQuestions.TryReadPage(payload, out int offset, out int limit) is { } wrong)
            return Outcome.Rejected(wrong);
        CommandStatus? only = null;
        if (payload.Has("status", out _))
        {
            if (!CommandStatusNames.TryParse(payload.Text("status"), out var status))
                return Outcome.Rejected(Refusals.Of("payload.status", CommandQuestions.StatusRule));
            only = status;
        }
        var answer = await mediator
            .Send(new ListCommands(request.Message.GroupId, only, offset, limit), cancellationToken).ConfigureAwait(false);
        if (answer.Rejection is not null)
            return Outcome.Rejected(CommandQuestions.InPayload(answer.Rejection));
        await pacing.WaitAsync(answer.Value.Commands.Count).ConfigureAwait(false);
        int count = 0;
        var written = PayloadWriter.Write(writer => count = CommandWriter.WriteListing(writer, answer.Value, maxBytes));
        return Reply(request, written, count / GetRosterHandler.MembersForOneMessage);
    }
}

/// <summary>Changes it, and says what it is then.</summary>
internal sealed class ChangeCommandHandler(
    [FromKeyedServices(OwnMediator.Key)] IMediator mediator, ServerMessages messages, LeaseGuard? guard = null)
    : ServerRequestHandler<ChangeCommand>(messages, guard)
{
    /// <inheritdoc/>
    protected override bool IsChange(Message question) => question.Cmd != "command.retry";

    /// <inheritdoc/>
    protected override async Task<Outcome> AnswerAsync(
        ChangeCommand request, JsonElement payload, CancellationToken cancellationToken)
    {
        if (CommandQuestions.TryReadId(payload, out string id) is { } wrong)
            return Outcome.Rejected(wrong);
        var (sender, message) = (request.Sender, request.Message);
        bool isRetry = message.Cmd == "command.retry";
        IRequest<Answer<CommandSummary>> change = message.Cmd switch
        {
            "command.cancel" => new CancelCommand(sender, message.GroupId, id),
            "command.resume" => new ResumeCommand(sender, message.GroupId, id),
            _ => new RetryCommand(sender, message.GroupId, id, message.Id, message.Lease),
        };
        var answer = await mediator.Send(change, cancellationToken).ConfigureAwait(false);
        if (answer.Rejection is not null)
            return Outcome.Rejected(CommandQuestions.InPayload(answer.Rejection));
        var command = answer.Value;
        return isRetry
            ? Reply(request, writer => CommandWriter.WriteStarted(writer, command))
                .With(new WatchingCommand(message.GroupId, command.Order.Id, 0))
            : Reply(request, writer => CommandWriter.WriteStanding(writer, command));
    }
}

/// <summary>Says how it is, and has the connection told from then on.</summary>
internal sealed class WatchCommandHandler(
    [FromKeyedServices(OwnMediator.Key)] IMediator mediator, ServerMessages messages)
    : ServerRequestHandler<WatchCommand>(messages)
{
    /// <inheritdoc/>
    protected override async Task<Outcome> AnswerAsync(
        WatchCommand request, JsonElement payload, CancellationToken cancellationToken)
    {
        if (CommandQuestions.TryReadId(payload, out string id) is { } wrong)
            return Outcome.Rejected(wrong);
        if (!payload.TryReadNumber("after", 0, long.MaxValue, 0, out long after))
            return Outcome.Rejected(Refusals.Of("payload.after", CommandQuestions.AfterRule));
        var answer = await mediator
            .Send(new ReadCommand(request.Message.GroupId, id, 0, 1), cancellationToken).ConfigureAwait(false);
        if (answer.Rejection is not null)
            return Outcome.Rejected(CommandQuestions.InPayload(answer.Rejection));
        var command = answer.Value.Command;
        return Reply(request, writer => CommandWriter.WriteStanding(writer, command))
            .With(new WatchingCommand(request.Message.GroupId, id, Math.Min(after, command.Version)));
    }
}

/// <summary>Reads what several of these requests have.</summary>
internal static class CommandQuestions
{
    /// <summary>What stands before the name of a field of the payload.</summary>
    public const string Prefix = "payload.";

    /// <summary>What <c>after</c> has to be.</summary>
    public const string AfterRule = "must be a version: a whole number from 0";

    /// <summary>What <c>status</c> has to be.</summary>
    public static readonly string StatusRule =
        "must be " + NameTable<Role>.List([.. Enum.GetValues<CommandStatus>().Select(static one => one.ToWire())]);

    /// <summary>Reads which command is meant.</summary>
    public static Rejection? TryReadId(JsonElement payload, out string id)
    {
        id = payload.Text("command_id") ?? "";
        return ExecutionId.IsCommandId(id) ? null : Refusals.Of("payload.command_id", CommandRejections.IdRule);
    }

    /// <summary>Reads which page is asked for.</summary>
    public static Rejection? TryReadPage(JsonElement payload, out int offset, out int limit)
    {
        limit = PageRules.MaxLimit;
        if (!payload.TryReadNumber("offset", 0, out offset))
            return Refusals.Of("payload.offset", PageRules.OffsetRule);
        return payload.TryReadNumber("limit", PageRules.MaxLimit, out limit)
            ? null
            : Refusals.Of("payload.limit", PageRules.LimitRule);
    }

    /// <summary>The same with its field where a client has it.</summary>
    public static Rejection InPayload(Rejection rejection) =>
        rejection is { Field: "command_id" or "to" or "cmd" or "offset" or "limit" }
            ? rejection.InPayload()
            : rejection;
}
