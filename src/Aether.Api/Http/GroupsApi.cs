using System.Globalization;
using System.Text.Json;
using Aether.Api.Access;
using Aether.Application.Presence;
using Aether.Application.Wire;
using Aether.Domain;
using MediatR;
using Microsoft.AspNetCore.Mvc;

namespace Aether.Api.Http;

/// <summary>
/// Who is present in a group, and the end of it: what is below <c>/v3/groups</c>. Needs the permission admin.
/// </summary>
internal sealed class GroupsApi(HttpCallers callers, IMediator mediator)
{
    private const string StatePrefix = "state.";

    public async Task<IResult> ReadRosterAsync(
        [FromRoute(Name = "group_id")] string groupId,
        string? role,
        string? sort,
        string? offset,
        string? limit,
        HttpContext context,
        CancellationToken cancellationToken)
    {
        if (!TryAdmit(context, groupId, out var group, out var refusal))
            return refusal;
        if (!TryReadQuery(context.Request.Query, role, sort, offset, limit, out var query, out refusal))
            return refusal;
        var answer = await mediator.Send(new ReadRoster(group, query), cancellationToken).ConfigureAwait(false);
        return answer.Rejection is { } rejection
            ? Problems.Of(context, rejection)
            : Json(writer => RosterWriter.WritePage(writer, answer.Value));
    }

    public async Task<IResult> ReadClientAsync(
        [FromRoute(Name = "group_id")] string groupId,
        [FromRoute(Name = "client_id")] string clientId,
        HttpContext context,
        CancellationToken cancellationToken)
    {
        if (!TryAdmit(context, groupId, out var group, out var refusal))
            return refusal;
        if (!VisionId.TryParse(clientId, out var client))
            return Problems.BadRequest("client_id", VisionId.Rule);
        var answer = await mediator.Send(new ReadClient(group, client), cancellationToken).ConfigureAwait(false);
        return answer.Rejection is { } rejection
            ? Problems.Of(context, rejection)
            : Json(writer => RosterWriter.WriteMember(writer, answer.Value));
    }

    public async Task<IResult> RemoveClientAsync(
        [FromRoute(Name = "group_id")] string groupId,
        [FromRoute(Name = "client_id")] string clientId,
        HttpContext context,
        CancellationToken cancellationToken)
    {
        if (!TryAdmit(context, groupId, out var group, out var refusal))
            return refusal;
        if (!VisionId.TryParse(clientId, out var client))
            return Problems.BadRequest("client_id", VisionId.Rule);
        var outcome = await mediator.Send(new Disconnect(group, client), cancellationToken).ConfigureAwait(false);
        return outcome.Rejection is { } rejection
            ? Problems.Of(context, rejection)
            : Results.Json(new Published(outcome.Instances), statusCode: StatusCodes.Status202Accepted);
    }

    private bool TryAdmit(HttpContext context, string groupId, out VisionId group, out IResult refusal)
    {
        group = default;
        if (callers.Find(context, out refusal) is not { } access)
            return false;
        if (!access.Has(Permissions.Admin))
            refusal = Problems.Forbidden("this needs the permission admin");
        else if (!VisionId.TryParse(groupId, out group))
            refusal = Problems.BadRequest("group_id", VisionId.Rule);
        else if (!access.Covers(group))
            refusal = Problems.Forbidden("this API key is not good for this group");
        else
            return true;
        return false;
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
                return Refuse("query", "may hold role, state.{key}, sort, offset and limit", out refusal);
            if (values.Count != 1)
                return Refuse("query", "must hold each of its parameters once", out refusal);
            if (isState)
                filters.Add(new StateFilter(name[StatePrefix.Length..], values[0] ?? ""));
        }
        Role? role = null;
        if (roleName is not null)
        {
            if (!RoleNames.TryParse(roleName, out var only) || only == Role.None)
                return Refuse("role", "must be controller, worker or observer", out refusal);
            role = only;
        }
        var sort = default(RosterSort);
        if (sortName is not null && !RosterSort.TryParse(sortName, out sort))
            return Refuse("sort", RosterSort.Rule, out refusal);
        if (!TryReadNumber(offsetText, query.Offset, out int offset))
            return Refuse("offset", ReadRosterValidator.OffsetRule, out refusal);
        if (!TryReadNumber(limitText, query.Limit, out int limit))
            return Refuse("limit", ReadRosterValidator.LimitRule, out refusal);
        query = new RosterQuery { Role = role, State = filters, Sort = sort, Offset = offset, Limit = limit };
        refusal = Results.Empty;
        return true;
    }

    private static bool Refuse(string field, string rule, out IResult refusal)
    {
        refusal = Problems.BadRequest(field, rule);
        return false;
    }

    private static bool TryReadNumber(string? text, int otherwise, out int number)
    {
        number = otherwise;
        return text is null || int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }

    // Not through the host's serializer: its settings may drop nulls, and a member's state is JSON already.
    private static IResult Json(Action<Utf8JsonWriter> write)
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>(1_024);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }
        return Results.Bytes(buffer.WrittenMemory, "application/json");
    }
}
