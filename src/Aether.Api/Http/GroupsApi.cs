using Aether.Api.Access;
using Aether.Application.History;
using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Application.Presence;
using Aether.Application.Wire;
using Aether.Domain;
using MediatR;
using Microsoft.AspNetCore.Mvc;

namespace Aether.Api.Http;

/// <summary>
/// Who is present in a group, and the end of it: what is below <c>/v3/groups</c>. Needs the permission admin.
/// </summary>
internal sealed class GroupsApi(
    HttpCallers callers,
    [FromKeyedServices(OwnMediator.Key)] IMediator mediator)
{
    private const string StatePrefix = "state.";

    /// <summary>How long the messages of one answer are together; what is left is on the next page.</summary>
    private const int MostBytes = 1024 * 1024;

    public async Task<IResult> ReadRosterAsync(
        [FromRoute(Name = "group_id")] string groupId,
        string? role,
        string? sort,
        string? offset,
        string? limit,
        HttpContext context,
        CancellationToken cancellationToken)
    {
        var admitted = await callers.AdmitAsync(context, groupId).ConfigureAwait(false);
        if (admitted.Refusal is not null)
            return admitted.Refusal;
        if (!TryReadQuery(context.Request.Query, role, sort, offset, limit, out var query, out var refusal))
            return refusal;
        var answer = await mediator.Send(new ReadRoster(admitted.Group, query), cancellationToken).ConfigureAwait(false);
        return answer.Rejection is { } rejection
            ? Problems.Of(context, rejection)
            : JsonObjects.Answer(writer => RosterWriter.WritePage(writer, answer.Value.Page));
    }

    public async Task<IResult> ReadClientAsync(
        [FromRoute(Name = "group_id")] string groupId,
        [FromRoute(Name = "client_id")] string clientId,
        HttpContext context,
        CancellationToken cancellationToken)
    {
        var admitted = await callers.AdmitAsync(context, groupId, clientId).ConfigureAwait(false);
        if (admitted.Refusal is not null)
            return admitted.Refusal;
        var (group, client) = (admitted.Group, admitted.Client);
        var answer = await mediator.Send(new ReadClient(group, client), cancellationToken).ConfigureAwait(false);
        return answer.Rejection is { } rejection
            ? Problems.Of(context, rejection)
            : JsonObjects.Answer(writer => MemberWriter.WriteMember(writer, answer.Value));
    }

    public async Task<IResult> ReadMessagesAsync(
        [FromRoute(Name = "group_id")] string groupId,
        string? after,
        string? limit,
        HttpContext context,
        CancellationToken cancellationToken)
    {
        var admitted = await callers.AdmitAsync(context, groupId).ConfigureAwait(false);
        if (admitted.Refusal is not null)
            return admitted.Refusal;
        foreach (var (name, values) in context.Request.Query)
        {
            if (name is not ("after" or "limit"))
                return Problems.BadRequest("query", "may hold after and limit");
            if (values.Count != 1)
                return Problems.BadRequest("query", "must hold each of its parameters once");
        }
        var position = default(Position);
        if (after is not null && !Position.TryParse(after, out position))
            return Problems.BadRequest("after", Position.Rule);
        if (!QueryText.TryReadNumber(limit, ReadMessages.DefaultLimit, out int most))
            return Problems.BadRequest("limit", PageRules.LimitRule);
        var answer = await mediator.Send(new ReadMessages(ChannelName.Group(admitted.Group), position, most), cancellationToken)
            .ConfigureAwait(false);
        if (answer.Rejection is { } rejection)
            return Problems.Of(context, rejection);
        return answer.Value.Status == HistoryStatus.Found
            ? JsonObjects.Answer(writer => HistoryWriter.WritePage(writer, answer.Value, MostBytes))
            : Problems.Gone("after: what follows this position is not there any more as a whole", answer.Value);
    }

    public async Task<IResult> RemoveClientAsync(
        [FromRoute(Name = "group_id")] string groupId,
        [FromRoute(Name = "client_id")] string clientId,
        HttpContext context,
        CancellationToken cancellationToken)
    {
        var admitted = await callers.AdmitAsync(context, groupId, clientId).ConfigureAwait(false);
        if (admitted.Refusal is not null)
            return admitted.Refusal;
        var (group, client) = (admitted.Group, admitted.Client);
        var outcome = await mediator.Send(new Disconnect(group, client), cancellationToken).ConfigureAwait(false);
        return outcome.Rejection is { } rejection
            ? Problems.Of(context, rejection)
            : Published.Answer(outcome);
    }

    private static bool TryReadQuery(
        IQueryCollection parameters,
        string? roleName,
        string? sortName,
        string? offsetText,
        string? limitText,
        out RosterQuery query,
        out IResult refusal)
    {
        query = new RosterQuery();
        var filters = new List<StateFilter>();
        foreach (var (name, values) in parameters)
        {
            bool isState = name.StartsWith(StatePrefix, StringComparison.Ordinal);
            // Without this a misspelled filter would answer with everybody.
            if (!isState && name is not ("role" or "sort" or "offset" or "limit"))
                return QueryText.Refuse("query", "may hold role, state.{key}, sort, offset and limit", out refusal);
            if (values.Count != 1)
                return QueryText.Refuse("query", "must hold each of its parameters once", out refusal);
            if (isState)
                filters.Add(new StateFilter(name[StatePrefix.Length..], values[0] ?? ""));
        }
        Role? role = null;
        if (roleName is not null)
        {
            if (!RoleNames.TryParse(roleName, out var only) || only == Role.None)
                return QueryText.Refuse("role", RoleNames.Rule, out refusal);
            role = only;
        }
        var sort = default(RosterSort);
        if (sortName is not null && !RosterSort.TryParse(sortName, out sort))
            return QueryText.Refuse("sort", RosterSort.Rule, out refusal);
        if (!QueryText.TryReadPage(offsetText, limitText, out var page, out refusal))
            return false;
        query = new RosterQuery { Role = role, State = filters, Sort = sort, Offset = page.Offset, Limit = page.Limit };
        return true;
    }
}
