using System.Text.Json;
using Aether.Api.Access;
using Aether.Application;
using Aether.Application.Commands;
using Aether.Application.Pipeline;
using Aether.Application.Requests;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Domain.Commands;
using MediatR;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;

namespace Aether.Api.Http;

/// <summary>
/// Commands without a connection: what is below <c>/v3/groups/{group_id}/commands</c>. Needs what sending a message to the
/// group does. Who gives a command here is <c>aether</c>, unless it says for whom it speaks.
/// </summary>
internal sealed class CommandsApi(
    HttpCallers callers,
    [FromKeyedServices(OwnMediator.Key)] IMediator mediator,
    IOptions<RealtimeOptions> options,
    IHostApplicationLifetime lifetime)
{
    /// <summary>How long the executions of one answer are together; what is left is on the next page.</summary>
    private const int MostBytes = 1024 * 1024;

    private const int MaxWaitSeconds = 30;

    private readonly int maxBytes = options.Value.MaxMessageBytes;

    public async Task<IResult> StartAsync(
        [FromRoute(Name = "group_id")] string groupId, HttpContext context, CancellationToken cancellationToken)
    {
        var admitted = await callers.AdmitSenderAsync(context, groupId).ConfigureAwait(false);
        if (admitted.Refusal is not null)
            return admitted.Refusal;
        if (JsonBody.Refuse(context) is { } unsupported)
            return unsupported;
        if (await JsonBody.ReadAsync(context.Request, maxBytes, cancellationToken).ConfigureAwait(false) is not { } body)
            return JsonBody.TooLarge(maxBytes);
        var speaker = admitted.Sender.ClientId;
        if (!TryRead(body, speaker.IsEmpty ? VisionId.Server : speaker, out var asked, out var refusal))
            return refusal;
        if (!speaker.IsEmpty && asked.From != speaker)
            return Caller.NotTheSpeaker;
        var answer = await mediator.Send(
            new StartCommand(admitted.Sender, admitted.Group, asked.From, asked.Id, asked.What), cancellationToken)
            .ConfigureAwait(false);
        return answer.Rejection is { } rejection ? Problems.Of(context, rejection) : Started(context, answer.Value, behind: 0);
    }

    public async Task<IResult> ListAsync(
        [FromRoute(Name = "group_id")] string groupId,
        string? status,
        string? offset,
        string? limit,
        HttpContext context,
        CancellationToken cancellationToken)
    {
        var admitted = await callers.AdmitSenderAsync(context, groupId).ConfigureAwait(false);
        if (admitted.Refusal is not null)
            return admitted.Refusal;
        if (!QueryText.Allows(context.Request.Query, ["status", "offset", "limit"], out var refusal)
            || !QueryText.TryReadPage(offset, limit, out var page, out refusal))
            return refusal;
        CommandStatus? only = null;
        if (status is not null)
        {
            if (!CommandStatusNames.TryParse(status, out var found))
                return Problems.BadRequest("status", CommandQuestions.StatusRule);
            only = found;
        }
        var answer = await mediator
            .Send(new ListCommands(admitted.Group, only, page.Offset, page.Limit), cancellationToken)
            .ConfigureAwait(false);
        return answer.Rejection is { } rejection
            ? Problems.Of(context, rejection)
            : JsonObjects.Answer(writer => CommandWriter.WriteListing(writer, answer.Value, MostBytes));
    }

    public async Task<IResult> ReadAsync(
        [FromRoute(Name = "group_id")] string groupId,
        [FromRoute(Name = "command_id")] string commandId,
        string? after,
        string? wait,
        string? offset,
        string? limit,
        HttpContext context,
        CancellationToken cancellationToken)
    {
        var admitted = await callers.AdmitSenderAsync(context, groupId).ConfigureAwait(false);
        if (admitted.Refusal is not null)
            return admitted.Refusal;
        if (!QueryText.Allows(context.Request.Query, ["after", "wait", "offset", "limit"], out var refusal))
            return refusal;
        bool isPage = after is null && wait is null;
        var answer = isPage
            ? await ReadPageAsync(admitted.Group, commandId, offset, limit, cancellationToken).ConfigureAwait(false)
            : await ReadChangesAsync(admitted.Group, commandId, after, wait, offset ?? limit, cancellationToken)
                .ConfigureAwait(false);
        return answer.Rejection is { } rejection
            ? Problems.Of(context, rejection)
            : JsonObjects.Answer(writer =>
            {
                if (isPage)
                    CommandWriter.WriteState(writer, answer.Value, MostBytes);
                else
                    CommandWriter.WriteChanges(writer, answer.Value, MostBytes);
            });
    }

    public Task<IResult> CancelAsync(
        [FromRoute(Name = "group_id")] string groupId,
        [FromRoute(Name = "command_id")] string commandId,
        HttpContext context,
        CancellationToken cancellationToken) =>
        ChangeAsync(
            groupId, context, admitted => new CancelCommand(admitted.Sender, admitted.Group, commandId), cancellationToken);

    public Task<IResult> ResumeAsync(
        [FromRoute(Name = "group_id")] string groupId,
        [FromRoute(Name = "command_id")] string commandId,
        HttpContext context,
        CancellationToken cancellationToken) =>
        ChangeAsync(
            groupId, context, admitted => new ResumeCommand(admitted.Sender, admitted.Group, commandId), cancellationToken);

    public async Task<IResult> RetryAsync(
        [FromRoute(Name = "group_id")] string groupId,
        [FromRoute(Name = "command_id")] string commandId,
        HttpContext context,
        CancellationToken cancellationToken)
    {
        var admitted = await callers.AdmitSenderAsync(context, groupId).ConfigureAwait(false);
        if (admitted.Refusal is not null)
            return admitted.Refusal;
        if (await JsonBody.ReadAsync(context.Request, maxBytes, cancellationToken).ConfigureAwait(false) is not { } body)
            return JsonBody.TooLarge(maxBytes);
        string? id = null;
        LeaseClaim? lease = null;
        // There need not be one.
        if (!body.IsEmpty)
        {
            if (JsonBody.Refuse(context) is { } unsupported)
                return unsupported;
            if (!TryReadRetry(body, out id, out lease, out var refusal))
                return refusal;
        }
        var answer = await mediator
            .Send(new RetryCommand(admitted.Sender, admitted.Group, commandId, id, lease), cancellationToken)
            .ConfigureAwait(false);
        return answer.Rejection is { } rejection ? Problems.Of(context, rejection) : Started(context, answer.Value, behind: 2);
    }

    private async Task<IResult> ChangeAsync(
        string groupId,
        HttpContext context,
        Func<GroupSender, IRequest<Answer<CommandSummary>>> change,
        CancellationToken cancellationToken)
    {
        var admitted = await callers.AdmitSenderAsync(context, groupId).ConfigureAwait(false);
        if (admitted.Refusal is not null)
            return admitted.Refusal;
        var answer = await mediator.Send(change(admitted), cancellationToken).ConfigureAwait(false);
        return answer.Rejection is { } rejection
            ? Problems.Of(context, rejection)
            : JsonObjects.Answer(writer => CommandWriter.WriteStanding(writer, answer.Value));
    }

    private async Task<Answer<CommandState>> ReadPageAsync(
        VisionId group, string id, string? offset, string? limit, CancellationToken cancellationToken)
    {
        if (!QueryText.TryReadNumber(offset, 0, out int from))
            return Refusals.Of("offset", PageRules.OffsetRule);
        if (!QueryText.TryReadNumber(limit, ReadCommand.MaxLimit, out int most))
            return Refusals.Of("limit", PageRules.LimitRule);
        return await mediator.Send(new ReadCommand(group, id, from, most) { MaxBytes = MostBytes }, cancellationToken)
            .ConfigureAwait(false);
    }

    private async Task<Answer<CommandState>> ReadChangesAsync(
        VisionId group, string id, string? after, string? wait, string? page, CancellationToken cancellationToken)
    {
        if (page is not null)
            return Refusals.Of("query", "must not hold offset or limit together with after or wait");
        long version = 0;
        if (after is not null && !Digits.TryParse(after, out version))
            return Refusals.Of("after", CommandQuestions.AfterRule);
        if (!QueryText.TryReadNumber(wait, 0, out int seconds) || seconds > MaxWaitSeconds)
            return Refusals.Of("wait", "must be a whole number of seconds from 0 to 30");
        return await mediator
            .Send(
                // A stop waits for what is answered: nobody may hold it up for half a minute.
                new ReadCommandChanges(group, id, version, TimeSpan.FromSeconds(seconds), lifetime.ApplicationStopping),
                cancellationToken)
            .ConfigureAwait(false);
    }

    /// <param name="context">The request.</param>
    /// <param name="command">What has begun.</param>
    /// <param name="behind">How many segments of its path stand behind that of all commands of the group.</param>
    private static IResult Started(HttpContext context, CommandSummary command, int behind)
    {
        // Where the host has put this layer is not known here, but the request came to it, in whatever case. The command
        // has begun: nothing may fail any more.
        context.Response.Headers.Location =
            Documents.Prefix(context.Request.PathBase + context.Request.Path, behind) + "/" + command.Order.Id;
        return JsonObjects.Answer(
            writer => CommandWriter.WriteStarted(writer, command), StatusCodes.Status201Created);
    }

    private static bool TryRead(
        ReadOnlyMemory<byte> body,
        VisionId otherwise,
        out (VisionId From, string? Id, CommandSpecification What) asked,
        out IResult refusal)
    {
        asked = default;
        // The same reader that a client's message passes: it knows depth, UTF-8 and surrogates.
        if (!MessageReader.TryReadObject(body, out var error))
            return QueryText.Refuse(error.Field, error.Rule, out refusal);
        using var document = JsonDocument.Parse(body);
        var root = document.RootElement;
        if (CommandSpecificationReader.TryRead(root, "", out var what, "from_id", "id") is { } wrong)
            return QueryText.Refuse(wrong.Field!, wrong.Text, out refusal);
        var from = otherwise;
        // As the server's own it may be given, although no client has that id.
        if (root.Has("from_id", out _) && !VisionId.TryParseSender(root.Text("from_id"), out from))
            return QueryText.Refuse("from_id", VisionId.Rule, out refusal);
        if (!TryReadId(root, out string? id, out refusal))
            return false;
        asked = (from, id, what!);
        return true;
    }

    /// <summary>Reads the body of a retry, which may name the new command, and the lease that its giver has to hold.</summary>
    private static bool TryReadRetry(
        ReadOnlyMemory<byte> body, out string? id, out LeaseClaim? lease, out IResult refusal)
    {
        (id, lease) = (null, null);
        if (!MessageReader.TryReadObject(body, out var error))
            return QueryText.Refuse(error.Field, error.Rule, out refusal);
        using var document = JsonDocument.Parse(body);
        var root = document.RootElement;
        var seen = new HashSet<string>();
        foreach (var field in root.EnumerateObject())
        {
            if (field.Name is not ("id" or "lease"))
                return QueryText.Refuse(field.Name, "is no field of a retry", out refusal);
            if (!seen.Add(field.Name))
                return QueryText.Refuse(field.Name, "must not be given twice", out refusal);
        }
        if (root.Has("lease", out var named))
        {
            if (!MessageParts.TryReadLease(named, out var claim))
                return QueryText.Refuse("lease", MessageParts.LeaseRule, out refusal);
            lease = claim;
        }
        return TryReadId(root, out id, out refusal);
    }

    private static bool TryReadId(JsonElement body, out string? id, out IResult refusal)
    {
        id = body.Text("id");
        refusal = Results.Empty;
        return !body.Has("id", out _) || MessageReader.IsId(id)
            || QueryText.Refuse("id", MessageReader.IdRule, out refusal);
    }
}
