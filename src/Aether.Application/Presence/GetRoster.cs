using System.Text.Json;
using Aether.Application.Pipeline;
using Aether.Application.Wire;
using Aether.Domain;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.DependencyInjection;

namespace Aether.Application.Presence;

/// <summary>A client asks who is present in its group.</summary>
/// <param name="Sender">On whose behalf.</param>
/// <param name="Message">The question; its payload may hold role, offset and limit.</param>
internal sealed record GetRoster(Sender Sender, Message Message) : IMessageCommand;

/// <summary>The question has to be one that there is.</summary>
internal sealed class GetRosterValidator : MessageCommandValidator<GetRoster>
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
    }
}

/// <summary>
/// Reads the page that was asked for, and answers with it. Whoever asks finds what it said of itself before.
/// </summary>
internal sealed class GetRosterHandler(
    [FromKeyedServices(OwnMediator.Key)] IMediator mediator,
    StateUpdates updates,
    AnswerPacing pacing,
    ServerMessages messages)
    : IRequestHandler<GetRoster, Outcome>
{
    /// <summary>For so many members in the answer the question counts as one message more.</summary>
    public const int MembersForOneMessage = 5;

    private static readonly Rejection WrongPayload =
        new(ErrorCode.InvalidMessage, "may hold role, offset >= 0 and limit 1 to 500", "payload");

    /// <inheritdoc/>
    public async Task<Outcome> Handle(GetRoster request, CancellationToken cancellationToken)
    {
        var question = request.Message;
        if (!TryRead(question.Payload, out var query))
            return Outcome.Rejected(WrongPayload);
        await updates.KeptAsync(request.Sender.GroupId, request.Sender.ClientId).ConfigureAwait(false);
        var answer = await mediator.Send(new ReadRoster(question.GroupId, query), cancellationToken).ConfigureAwait(false);
        if (answer.Rejection is { } rejection)
            return Outcome.Rejected(rejection.Code == ErrorCode.InvalidMessage ? WrongPayload : rejection);
        int members = answer.Value.Page.Members.Count;
        await pacing.WaitAsync(members).ConfigureAwait(false);
        return Outcome.Answered(messages.Roster(question, answer.Value.Payload), members / MembersForOneMessage);
    }

    private static bool TryRead(ReadOnlyMemory<byte> json, out RosterQuery query)
    {
        query = new RosterQuery();
        using var document = JsonDocument.Parse(json);
        var payload = document.RootElement;
        Role? role = null;
        if (payload.Has("role", out var name))
        {
            // An empty name is no role, as over HTTP, and not those who have none.
            if (name.ValueKind != JsonValueKind.String || !RoleNames.TryParse(name.GetString(), out var only)
                || only == Role.None)
                return false;
            role = only;
        }
        if (!payload.TryReadNumber("offset", 0, out int offset)
            || !payload.TryReadNumber("limit", PageRules.MaxLimit, out int limit))
            return false;
        query = new RosterQuery { Role = role, Offset = offset, Limit = limit };
        return true;
    }
}
