using Aether.Api.Access;
using Aether.Application;
using Aether.Application.Messaging;
using Aether.Application.Pipeline;
using Aether.Application.Wire;
using Aether.Domain;
using MediatR;
using Microsoft.Extensions.Options;

namespace Aether.Api.Http;

/// <summary>
/// <c>POST /v3/messages</c>: a message as a client would send it, read by the same rules, carried out by the same
/// command. The caller may speak for anybody, and has no group of its own.
/// </summary>
internal sealed class MessagesApi(
    HttpCallers callers,
    [FromKeyedServices(OwnMediator.Key)] IMediator mediator,
    IOptions<RealtimeOptions> options)
{
    private readonly int maxBytes = options.Value.MaxMessageBytes;

    public async Task<IResult> SendAsync(HttpContext context, CancellationToken cancellationToken)
    {
        bool isAskedLater = callers.DependOnWhatIsAsked(context.Request);
        var caller = isAskedLater ? default : await callers.FindAsync(context).ConfigureAwait(false);
        if (caller.Refusal is not null)
            return caller.Refusal;
        if (JsonBody.Refuse(context) is { } unsupported)
            return unsupported;
        if (await JsonBody.ReadAsync(context.Request, maxBytes, cancellationToken).ConfigureAwait(false) is not { } body)
            return JsonBody.TooLarge(maxBytes);
        if (!MessageReader.TryRead(body, default, default, out var message, out var error))
            return Problems.BadRequest(error.Field, error.Rule);
        if (WhatIsWrongHere(message) is { } wrong)
            return Problems.BadRequest(wrong.Field, wrong.Rule);
        if (isAskedLater)
            caller = await callers.FindAsync(context, message.GroupId, message.FromId).ConfigureAwait(false);
        if (caller.Access is not { } access)
            return caller.Refusal!;
        if (!caller.Speaker.IsEmpty && message.FromId != caller.Speaker)
            return Caller.NotTheSpeaker;
        var outcome = await mediator
            .Send(MessageCommands.From(GroupSender.Of(access, caller.Speaker), message), cancellationToken)
            .ConfigureAwait(false);
        // Over a socket this is an error, for the one who waits for the answer of a client; here the number says it.
        if (outcome.Rejection is { } rejection && rejection.Code != ErrorCode.RecipientOffline)
            return Problems.Of(context, rejection);
        return Published.Answer(outcome);
    }

    /// <summary>What a client may send over its connection but nobody can without one.</summary>
    private static MessageError? WhatIsWrongHere(Message message) => message switch
    {
        { Type: MessageType.Heartbeat or MessageType.Presence } =>
            new("msg_type", "must be msg or cmd: the others speak of a connection, and there is none"),
        { Target: Target.Echo } =>
            new("target", "must not be echo, which goes back to a connection, and there is none"),
        { Target: not Target.Broadcast, GroupId.IsEmpty: true } =>
            new("group_id", "is required for every target but broadcast"),
        { Lease: not null, GroupId.IsEmpty: true } =>
            new("group_id", "is required beside lease, which is one of a group"),
        _ => null,
    };
}
