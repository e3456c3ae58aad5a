using System.Runtime.InteropServices;
using System.Text.Json;
using Aether.Application.Commands;
using Aether.Application.Leases;
using Aether.Application.Pipeline;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Domain.Commands;
using MediatR;
using Microsoft.Extensions.DependencyInjection;

namespace Aether.Application.Requests;

/// <summary><c>execution.update</c>: a member says how far it is.</summary>
internal sealed record UpdateExecution(Sender Sender, Message Message) : IMessageCommand;

/// <summary>Lets it in, and says whether the member has to stop.</summary>
internal sealed class UpdateExecutionHandler(
    [FromKeyedServices(OwnMediator.Key)] IMediator mediator, ServerMessages messages, LeaseGuard? guard = null)
    : ServerRequestHandler<UpdateExecution>(messages, guard)
{
    /// <inheritdoc/>
    protected override bool IsChange(Message question) => true;

    /// <inheritdoc/>
    protected override async Task<Outcome> AnswerAsync(
        UpdateExecution request, JsonElement payload, CancellationToken cancellationToken)
    {
        var (sender, message) = (request.Sender, request.Message);
        if (!ExecutionId.TryParse(message.ReplyTo, out var execution))
            return Outcome.Rejected(Refusals.Of("reply_to", "must be the id of an execution"));
        if (ExecutionReportReader.TryRead(payload, out var read) is { } wrong)
            return Outcome.Rejected(wrong);
        var report = read! with { Index = execution.Index, Member = message.FromId, By = sender.ConnectionId };
        var answer = await mediator
            .Send(new ReportExecution(message.GroupId, execution.CommandId, report), cancellationToken)
            .ConfigureAwait(false);
        if (answer.Rejection is { } rejection)
            return Refuse(rejection, message.GroupId, execution, report.Status);
        return Reply(request, writer =>
        {
            writer.WriteString("status"u8, answer.Value.Status.ToWire());
            writer.WriteBoolean("cancel"u8, answer.Value.IsCanceled);
        }).With(new HoldingExecution(
            message.GroupId, execution, IsOpen: answer.Value.Status == ExecutionStatus.InProgress));
    }

    private static Outcome Refuse(Rejection rejection, VisionId group, ExecutionId execution, ExecutionStatus said)
    {
        var refused = Outcome.Rejected(rejection);
        if (rejection.Code != ErrorCode.BackplaneUnavailable)
            return refused.With(new HoldingExecution(group, execution, IsOpen: false));
        // It may have been let in. That it is left at the end of a connection which does not have it does no harm.
        return said == ExecutionStatus.InProgress
            ? refused.With(new HoldingExecution(group, execution, IsOpen: true))
            : refused;
    }
}

/// <summary>
/// An answer by hand of a member to the server, which gave the command itself: over HTTP, or out of the host's code.
/// </summary>
internal sealed record AnswerByHand(Sender Sender, Message Message, ExecutionId Execution) : IMessageCommand;

/// <summary>Takes it for a report.</summary>
internal sealed class AnswerByHandHandler(PlainReports reports, ServerMessages messages, LeaseGuard? guard = null)
    : IRequestHandler<AnswerByHand, Outcome>
{
    /// <inheritdoc/>
    public async Task<Outcome> Handle(AnswerByHand request, CancellationToken cancellationToken)
    {
        var (sender, message) = (request.Sender, request.Message);
        if (await (guard ?? LeaseGuard.Closed).CheckAsync(message, cancellationToken).ConfigureAwait(false) is { } refused)
            return Outcome.Rejected(refused);
        var change = await reports.TakeAsync(message, request.Execution, sender.ConnectionId).ConfigureAwait(false);
        if (change is not { } taken)
            return Outcome.Rejected(CommandRejections.NoExecution);
        if (CommandRejections.Of(taken.Status, taken.Fault) is { } rejection)
            return Outcome.Rejected(rejection);
        if (taken.Transition.Verdict == Verdict.Stale)
            return Outcome.Rejected(CommandRejections.StaleAttempt);
        return message.Id is null
            ? Outcome.Done
            : Outcome.Answer(messages.ExecutionTaken(sender.ClientId, sender.GroupId, message.Id, taken.Transition));
    }
}

/// <summary>Reads what a member says of its execution.</summary>
internal static class ExecutionReportReader
{
    private const string StatusRule = "must be in_progress, succeeded, failed, rejected or canceled";
    private const string ErrorRule = "must be an object with code, 1 to 64 characters, and maybe message, at most 1024";

    private static readonly string ProgressRule = ObjectRule(ExecutionReport.MaxProgressBytes);
    private static readonly string ResultRule = ObjectRule(ExecutionReport.MaxResultBytes);

    /// <summary>Reads it; whose it is, and which execution is meant, does not stand there.</summary>
    /// <returns>What is wrong with it, if anything.</returns>
    public static Rejection? TryRead(JsonElement payload, out ExecutionReport? report)
    {
        report = null;
        if (!payload.Has("attempt", out _)
            || !payload.TryReadNumber("attempt", 1, CommandPlan.MaxAttempts, 0, out long attempt))
            return Refusals.Of("payload.attempt", "must be a whole number from 1 to 10");
        if (!ExecutionStatusNames.TryParse(payload.Text("status"), out var status) || !status.CanBeSaid())
            return Refusals.Of("payload.status", StatusRule);
        if (!TryReadObject(payload, "progress", ExecutionReport.MaxProgressBytes, out var progress))
            return Refusals.Of("payload.progress", ProgressRule);
        if (!TryReadObject(payload, "result", ExecutionReport.MaxResultBytes, out var result))
            return Refusals.Of("payload.result", ResultRule);
        if (!TryReadError(payload, out var error))
            return Refusals.Of("payload.error", ErrorRule);
        report = new ExecutionReport
        {
            Index = 0,
            Member = default,
            By = "",
            Attempt = (int)attempt,
            Status = status,
            Progress = progress,
            Result = result,
            Error = error,
        };
        return null;
    }

    private static string ObjectRule(int most) =>
        $"must be an object of at most {most} bytes, nested at most {ExecutionReport.MaxDepth} deep";

    private static bool TryReadObject(JsonElement payload, string name, int most, out ReadOnlyMemory<byte> read)
    {
        read = default;
        if (!payload.Has(name, out var value))
            return true;
        if (value.ValueKind != JsonValueKind.Object)
            return false;
        var raw = JsonMarshal.GetRawUtf8Value(value);
        if (raw.Length > most || !JsonDepth.IsWithin(raw, ExecutionReport.MaxDepth))
            return false;
        read = raw.ToArray();
        return true;
    }

    private static bool TryReadError(JsonElement payload, out ExecutionError? error)
    {
        error = null;
        if (!payload.Has("error", out var value))
            return true;
        if (value.ValueKind != JsonValueKind.Object
            || value.Text("code") is not { Length: > 0 and <= ExecutionError.MaxCodeLength } code)
            return false;
        string? text = value.Text("message");
        if ((text is null && value.Has("message", out _)) || text?.Length > ExecutionError.MaxMessageLength)
            return false;
        error = new ExecutionError(code, text);
        return true;
    }
}
