using System.Text.Json;
using Aether.Application.History;
using Aether.Application.Pipeline;
using Aether.Application.Presence;
using Aether.Application.Wire;
using Aether.Domain;
using MediatR;
using Microsoft.Extensions.DependencyInjection;

namespace Aether.Application.Requests;

/// <summary><c>history.read</c>: a client reads what was kept on one of its own channels.</summary>
/// <param name="Sender">On whose behalf.</param>
/// <param name="Message">The question; its payload holds channel, after and limit.</param>
internal sealed record ReadOwnHistory(Sender Sender, Message Message) : IMessageCommand;

/// <summary>Reads the page that was asked for, no longer than a message may be.</summary>
internal sealed class ReadOwnHistoryHandler(
    [FromKeyedServices(OwnMediator.Key)] IMediator mediator,
    AnswerPacing pacing,
    ServerMessages messages,
    RealtimeOptions? options = null)
    : ServerRequestHandler<ReadOwnHistory>(messages)
{
    /// <summary>For so many messages in the answer the question counts as one message more.</summary>
    public const int MessagesForOneMessage = 5;

    // What an answer is longer than the messages in it: its ten fields, three ids, an id, pos and a reason.
    private const int AroundMessages = 640;

    private readonly int maxBytes = (options ?? new RealtimeOptions()).MaxMessageBytes - AroundMessages;

    /// <inheritdoc/>
    protected override async Task<Outcome> AnswerAsync(
        ReadOwnHistory request, JsonElement payload, CancellationToken cancellationToken)
    {
        var sender = request.Sender;
        if (TryRead(payload, sender, out var asked) is { } wrong)
            return Outcome.Rejected(wrong);
        var answer = await mediator.Send(asked!, cancellationToken).ConfigureAwait(false);
        if (answer.Rejection is { } rejection)
            return Outcome.Rejected(rejection.Field is null ? rejection : rejection.InPayload());
        var page = answer.Value;
        await pacing.WaitAsync(page.Messages.Count).ConfigureAwait(false);
        int count = 0;
        // Only what this connection would have got: another group of its client, or another role, is not its business.
        var written = PayloadWriter.Write(writer => count = HistoryWriter.WritePage(
            writer, page, maxBytes, message => message.IsFor(sender.GroupId, sender.Role)));
        return Reply(request, written, count / MessagesForOneMessage);
    }

    private static Rejection? TryRead(JsonElement payload, Sender sender, out ReadMessages? asked)
    {
        asked = null;
        ChannelName? channel = payload.Text("channel") switch
        {
            "group" => ChannelName.Group(sender.GroupId),
            "client" => ChannelName.Client(sender.ClientId),
            "broadcast" => ChannelName.Broadcast,
            _ => null,
        };
        if (channel is not { } found)
            return Refusals.Of("payload.channel", "must be group, client or broadcast");
        var after = default(Position);
        if (payload.Has("after", out _) && !Position.TryParse(payload.Text("after"), out after))
            return Refusals.Of("payload.after", Position.Rule);
        if (!payload.TryReadNumber("limit", ReadMessages.DefaultLimit, out int limit))
            return Refusals.Of("payload.limit", PageRules.LimitRule);
        asked = new ReadMessages(found, after, limit);
        return null;
    }
}
