using System.Text.Json;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Domain.Commands;

namespace Aether.Application.Commands;

/// <summary>
/// Takes answers of members that know nothing of executions for what they are: a message to the giver that replies to the
/// execution says that it succeeded or failed.
/// </summary>
internal sealed class PlainReports(ICommandStore store, CommandRunner runner)
{
    private const string Failed = "failed";

    // As many seconds, in which the message itself is held.
    private const int Tries = 10;

    /// <summary>Whether a message may be such an answer. It is asked for every direct message that replies to another.</summary>
    public static bool MayBe(Message message, out ExecutionId execution)
    {
        execution = default;
        return message is { Type: MessageType.Cmd, Target: Target.Direct, Cmd: "reply" or "reply_error" }
            && ExecutionId.TryParse(message.ReplyTo, out execution);
    }

    /// <summary>Takes it, without making the message wait: it is passed on as well.</summary>
    public void Take(Message message, ExecutionId execution, string connection) =>
        runner.Run(runner.InsistAsync(Tries, () => TakeAsync(message, execution, connection)));

    /// <summary>Takes it.</summary>
    /// <returns>What became of it; <see langword="null"/>: it is no answer of the member's to its giver.</returns>
    public async Task<CommandChange?> TakeAsync(Message message, ExecutionId execution, string connection)
    {
        // Such a member does not know which attempt it answers: it is the one that there is.
        var page = await store.GetAsync(
            message.GroupId, execution.CommandId, execution.Index, 1, CancellationToken.None).ConfigureAwait(false);
        if (page.Status is CommandFound.Unavailable or CommandFound.Unknown)
            return new CommandChange(page.Status, null, new Transition(Verdict.Unknown, []));
        if (page is not { Command: { } command, Executions: [{ Attempt: > 0 } found, ..] }
            || command.Order.FromId != message.ToId || found.Index != execution.Index || found.Member != message.FromId)
            return null;
        bool isGood = message.Cmd == "reply";
        var report = new ExecutionReport
        {
            Index = execution.Index,
            Member = message.FromId,
            By = connection,
            Attempt = found.Attempt,
            Status = isGood ? ExecutionStatus.Succeeded : ExecutionStatus.Failed,
            // What is too long or too deep for a result reaches the giver in the message itself.
            Result = isGood && IsResult(message.Payload.Span) ? message.Payload : default,
            Error = isGood ? null : ErrorOf(message),
        };
        return await runner.ApplyAsync(
            message.GroupId, execution.CommandId, new MemberReported(report), CancellationToken.None).ConfigureAwait(false);
    }

    private static bool IsResult(ReadOnlySpan<byte> payload) =>
        payload.Length <= ExecutionReport.MaxResultBytes && JsonDepth.IsWithin(payload, ExecutionReport.MaxDepth);

    private static ExecutionError ErrorOf(Message message)
    {
        using var document = JsonDocument.Parse(message.Payload);
        string? code = TextOf(document.RootElement, "code");
        string? text = TextOf(document.RootElement, "message") ?? message.Msg;
        return new ExecutionError(
            code is { Length: > 0 and <= ExecutionError.MaxCodeLength } ? code : Failed,
            text is { Length: > ExecutionError.MaxMessageLength } ? text[..ExecutionError.MaxMessageLength] : text);
    }

    private static string? TextOf(JsonElement payload, string name) =>
        payload.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
