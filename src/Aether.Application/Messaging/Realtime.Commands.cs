using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Threading.Channels;
using Aether.Application.Commands;
using Aether.Application.Pipeline;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Domain.Commands;

namespace Aether.Application.Messaging;

/// <content>What the host does with commands.</content>
internal sealed partial class Realtime
{
    public Task<Answer<CommandSummary>> StartCommand(
        string groupId, RealtimeCommand command, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(command);
        var group = Id(groupId, nameof(groupId));
        return mediator.Send(
            new StartCommand(Sender.Host, group, VisionId.Server, command.Id, Specify(command)), cancellationToken);
    }

    public Task<Answer<CommandState>> GetCommand(
        string groupId, string commandId, int offset, int limit, CancellationToken cancellationToken) =>
        mediator.Send(
            new ReadCommand(Id(groupId, nameof(groupId)), commandId, offset, limit), cancellationToken);

    public Task<Answer<CommandListing>> ListCommands(
        string groupId, CommandStatus? status, int offset, int limit, CancellationToken cancellationToken) =>
        mediator.Send(new ListCommands(Id(groupId, nameof(groupId)), status, offset, limit), cancellationToken);

    public IAsyncEnumerable<CommandState> WatchCommand(
        string groupId, string commandId, long after, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(after);
        // Checked now, not when somebody begins to read.
        var group = Id(groupId, nameof(groupId));
        return ExecutionId.IsCommandId(commandId)
            ? WatchAsync(group, commandId, after, cancellationToken)
            : AsyncEnumerable.Empty<CommandState>();
    }

    public Task<Answer<CommandSummary>> CancelCommand(
        string groupId, string commandId, CancellationToken cancellationToken = default) =>
        mediator.Send(new CancelCommand(Sender.Host, Id(groupId, nameof(groupId)), commandId), cancellationToken);

    public Task<Answer<CommandSummary>> ResumeCommand(
        string groupId, string commandId, CancellationToken cancellationToken = default) =>
        mediator.Send(new ResumeCommand(Sender.Host, Id(groupId, nameof(groupId)), commandId), cancellationToken);

    public Task<Answer<CommandSummary>> RetryCommand(
        string groupId, string commandId, string? id = null, CancellationToken cancellationToken = default) =>
        id is null || MessageReader.IsId(id)
            ? mediator.Send(
                new RetryCommand(Sender.Host, Id(groupId, nameof(groupId)), commandId, id), cancellationToken)
            : throw new ArgumentException(MessageReader.IdRule, nameof(id));

    private async IAsyncEnumerable<CommandState> WatchAsync(
        VisionId group, string id, long after, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        // One that reads slowly holds up nothing but its own next page.
        var pages = Channel.CreateBounded<CommandState>(
            new BoundedChannelOptions(1) { SingleReader = true, SingleWriter = true });
        using var watch = watches.Watch(group, id, after, async page =>
        {
            if (page.Command is not { } command)
                return;
            try
            {
                await pages.Writer.WriteAsync(new CommandState(command, page.Executions), cancellationToken)
                    .ConfigureAwait(false);
            }
            catch (Exception e) when (e is OperationCanceledException or ChannelClosedException)
            {
                // The host reads no more, as it may.
            }
        });
        _ = watch.Over.ContinueWith(
            _ => pages.Writer.TryComplete(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        await foreach (var state in pages.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            yield return state;
    }

    private static CommandSpecification Specify(RealtimeCommand command)
    {
        // The host's words pass the same reader as a client's: there is one place that knows what a message may be.
        var built = new Message
        {
            Type = MessageType.Cmd,
            Target = Target.Echo,
            FromId = VisionId.Server,
            Cmd = command.Cmd,
            Msg = command.Msg,
            Payload = command.Payload is null
                ? ServerMessages.EmptyPayload
                : JsonSerializer.SerializeToUtf8Bytes(
                    command.Payload, command.JsonOptions ?? JsonSerializerOptions.Web),
            SentAt = DateTime.UnixEpoch,
            Id = command.Id,
        };
        if (!MessageReader.TryRead(MessageWriter.Write(built), default, default, out _, out var error))
            throw new ArgumentException(error.ToString(), nameof(command));
        if (command.Plan.FindFault() is { } fault)
            throw new ArgumentException(fault.Field + ": " + fault.Rule, nameof(command));
        if (command.To is { Count: 0 or > CommandSpecification.MaxNamed })
            throw new ArgumentException("to: must be 1 to 1000 client ids", nameof(command));
        if (command.To is not null && (command.Plan.IsContinuous || command.Plan.Role != Role.None))
            throw new ArgumentException("to: must not be given with a role or for a continuous command", nameof(command));
        return new CommandSpecification
        {
            Cmd = command.Cmd,
            Msg = command.Msg,
            Payload = built.Payload,
            To = command.To?.Select(id => Id(id, nameof(command))).Distinct().ToList(),
            Plan = command.Plan,
        };
    }
}
