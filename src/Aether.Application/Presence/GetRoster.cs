using System.Text.Json;
using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;
using FluentValidation;
using MediatR;

namespace Aether.Application.Presence;

/// <summary>A client asks who is present in its group.</summary>
/// <param name="Sender">On whose behalf.</param>
/// <param name="Message">The question; its payload may hold role, offset and limit.</param>
internal sealed record GetRoster(Sender Sender, Message Message) : ISendCommand;

/// <summary>The question has to be one that can be answered.</summary>
internal sealed class GetRosterValidator : SendCommandValidator<GetRoster>
{
    /// <summary>Adds the rules.</summary>
    public GetRosterValidator()
    {
        RuleFor(command => command.Message.Target)
            .Must(target => target == Target.Echo)
            .WithErrorCode(ErrorCode.InvalidMessage.Name)
            .OverridePropertyName("target")
            .WithMessage("must be group to update or echo to ask for the roster, for msg_type presence");
        RuleFor(command => command.Message.Cmd)
            .Must(cmd => cmd == "roster")
            .WithErrorCode(ErrorCode.InvalidMessage.Name)
            .OverridePropertyName("cmd")
            .WithMessage("must be roster for msg_type presence and target echo");
        RuleFor(command => command.Message.Payload)
            .Must(payload => RosterPayload.TryRead(payload, out _))
            .WithErrorCode(ErrorCode.InvalidMessage.Name)
            .OverridePropertyName("payload")
            .WithMessage("may hold role, offset >= 0 and limit 1 to 500");
    }
}

/// <summary>
/// Reads the members of the group and answers with the page that was asked for. Whoever asks finds what it said of
/// itself before.
/// </summary>
internal sealed class GetRosterHandler(
    IPresenceStore presence, StateUpdates updates, RosterTurns turns, ServerMessages messages)
    : IRequestHandler<GetRoster, Outcome>
{
    /// <summary>For so many members in the answer the question counts as one message more.</summary>
    public const int MembersForOneMessage = 5;

    /// <inheritdoc/>
    public async Task<Outcome> Handle(GetRoster request, CancellationToken cancellationToken)
    {
        var question = request.Message;
        await updates.KeptAsync(request.Sender.GroupId, request.Sender.ClientId).ConfigureAwait(false);
        var members = await presence.GetMembersAsync(question.GroupId, cancellationToken).ConfigureAwait(false);
        if (members is null)
            return Outcome.Rejected(Rejection.PresenceUnavailable);
        RosterPayload.TryRead(question.Payload, out var query);
        var page = MembersSnapshot.PageOf(members, query);
        await turns.TakeAsync(page.Roster.Members.Count).ConfigureAwait(false);
        return Outcome.Answered(
            messages.Roster(question, page.Payload), page.Roster.Members.Count / MembersForOneMessage);
    }
}

/// <summary>Reads which page of the roster a message asks for.</summary>
internal static class RosterPayload
{
    public static bool TryRead(ReadOnlyMemory<byte> payload, out RosterQuery query)
    {
        query = new RosterQuery();
        using var document = JsonDocument.Parse(payload);
        Role? role = null;
        if (document.RootElement.TryGetProperty("role", out var name) && name.ValueKind != JsonValueKind.Null)
        {
            if (name.ValueKind != JsonValueKind.String || !RoleNames.TryParse(name.GetString(), out var only))
                return false;
            role = only;
        }
        if (!TryReadInt(document.RootElement, "offset", 0, int.MaxValue, 0, out int offset)
            || !TryReadInt(document.RootElement, "limit", 1, RosterQuery.MaxLimit, RosterQuery.MaxLimit, out int limit))
            return false;
        query = new RosterQuery { Role = role, Offset = offset, Limit = limit };
        return true;
    }

    private static bool TryReadInt(JsonElement payload, string name, int from, int to, int otherwise, out int value)
    {
        value = otherwise;
        if (!payload.TryGetProperty(name, out var element) || element.ValueKind == JsonValueKind.Null)
            return true;
        return element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out value) && value >= from
            && value <= to;
    }
}
