using System.Text.Json;
using Aether.Application.Commands;
using Aether.Application.History;
using Aether.Application.Leases;
using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Application.Presence;
using Aether.Application.Tokens;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Domain.Tokens;
using MediatR;
using Microsoft.Extensions.DependencyInjection;

namespace Aether.Application.Messaging;

/// <summary>Turns what the host says into the commands that frames become, so that both obey the same rules.</summary>
internal sealed partial class Realtime(
    [FromKeyedServices(OwnMediator.Key)] IMediator mediator,
    CommandWatches watches,
    TimeProvider time) : IRealtime
{
    public Task<Outcome> ToGroup(
        string groupId, RealtimeMessage message, CancellationToken cancellationToken = default) =>
        Send(Build(message, Target.Group) with { GroupId = Id(groupId, nameof(groupId)) }, cancellationToken);

    public Task<Outcome> ToRole(
        string groupId, Role role, RealtimeMessage message, CancellationToken cancellationToken = default)
    {
        if (!WireNames.Roles.Values.Contains(role))
            throw new ArgumentException(WireNames.Roles.Rule, nameof(role));
        return Send(
            Build(message, Target.Role) with { GroupId = Id(groupId, nameof(groupId)), ToRole = role },
            cancellationToken);
    }

    public Task<Outcome> ToClient(
        string groupId, string clientId, RealtimeMessage message, CancellationToken cancellationToken = default) =>
        Send(
            Build(message, Target.Direct) with
            {
                GroupId = Id(groupId, nameof(groupId)),
                ToId = Id(clientId, nameof(clientId)),
            },
            cancellationToken);

    public Task<Outcome> Broadcast(RealtimeMessage message, CancellationToken cancellationToken = default) =>
        Send(Build(message, Target.Broadcast), cancellationToken);

    public Task<Answer<RosterPage>> Roster(
        string groupId, RosterQuery? query = null, CancellationToken cancellationToken = default) =>
        ToPageAsync(mediator.Send(
            new ReadRoster(Id(groupId, nameof(groupId)), query ?? new RosterQuery()), cancellationToken));

    public Task<Answer<Member>> Client(
        string groupId, string clientId, CancellationToken cancellationToken = default) =>
        mediator.Send(
            new ReadClient(Id(groupId, nameof(groupId)), Id(clientId, nameof(clientId))), cancellationToken);

    public Task<Answer<int>> Count(string groupId, Role? role = null, CancellationToken cancellationToken = default) =>
        mediator.Send(new CountClients(Id(groupId, nameof(groupId)), role), cancellationToken);

    public Task<Answer<HistoryPage>> Messages(
        string groupId,
        string? after = null,
        int limit = ReadMessages.DefaultLimit,
        CancellationToken cancellationToken = default)
    {
        var position = default(Position);
        if (after is not null && !Position.TryParse(after, out position))
            throw new ArgumentException(Position.Rule, nameof(after));
        return mediator.Send(new ReadMessages(ChannelName.Group(Id(groupId, nameof(groupId))), position, limit), cancellationToken);
    }

    public Task<Answer<LeaseInfo>> Lease(string groupId, string name, CancellationToken cancellationToken = default) =>
        mediator.Send(new ReadLease(Id(groupId, nameof(groupId)), Id(name, nameof(name))), cancellationToken);

    public Task<Answer<LeaseInfo>> TakeLease(
        string groupId, string name, CancellationToken cancellationToken = default) =>
        mediator.Send(new TakeLease(Id(groupId, nameof(groupId)), Id(name, nameof(name))), cancellationToken);

    public Task<Outcome> Disconnect(string groupId, string clientId, CancellationToken cancellationToken = default) =>
        mediator.Send(
            new Disconnect(Id(groupId, nameof(groupId)), Id(clientId, nameof(clientId))), cancellationToken);

    public Task<Outcome> RevokeToken(string tokenId, CancellationToken cancellationToken = default) =>
        Revocation.IsTokenId(tokenId)
            ? ToOutcomeAsync(mediator.Send(new RevokeTokens(tokenId), cancellationToken))
            : throw new ArgumentException(Revocation.IdRule, nameof(tokenId));

    public Task<Outcome> RevokeTokens(
        string clientId, DateTimeOffset issuedBefore, CancellationToken cancellationToken = default) =>
        ToOutcomeAsync(mediator.Send(
            new RevokeTokens(null, Id(clientId, nameof(clientId)), issuedBefore.UtcDateTime), cancellationToken));

    private static async Task<Outcome> ToOutcomeAsync<T>(Task<Answer<T>> asking)
    {
        var answer = await asking.ConfigureAwait(false);
        return answer.Rejection is { } rejection ? Outcome.Rejected(rejection) : Outcome.Done;
    }

    private static async Task<Answer<RosterPage>> ToPageAsync(Task<Answer<RosterReply>> reading)
    {
        var answer = await reading.ConfigureAwait(false);
        return answer.Rejection is { } rejection ? rejection : answer.Value.Page;
    }

    private Task<Outcome> Send(Message message, CancellationToken cancellationToken) =>
        mediator.Send(MessageCommands.From(Sender.Host, message), cancellationToken);

    private Message Build(RealtimeMessage message, Target target)
    {
        ArgumentNullException.ThrowIfNull(message);
        var built = new Message
        {
            Type = message.Cmd is null ? MessageType.Msg : MessageType.Cmd,
            Target = target,
            FromId = VisionId.Server,
            Cmd = message.Cmd,
            Msg = message.Msg,
            Payload = message.Payload is null
                ? ServerMessages.EmptyPayload
                : JsonSerializer.SerializeToUtf8Bytes(
                    message.Payload, message.JsonOptions ?? JsonSerializerOptions.Web),
            SentAt = time.GetUtcNow().UtcDateTime,
            Id = message.Id,
        };
        // The host's words pass the same reader as a client's: there is one place that knows what a message may be.
        byte[] written = MessageWriter.Write(built with { Target = Target.Echo });
        if (!MessageReader.TryRead(written, default, default, out _, out var error))
            throw new ArgumentException(error.ToString(), nameof(message));
        // No instance would deliver it.
        if (written.Length > MessageSize.MaxAccepted)
            throw new ArgumentException($"message: must be at most {MessageSize.MaxAccepted} bytes", nameof(message));
        return built;
    }

    private static VisionId Id(string text, string parameter) =>
        VisionId.TryParse(text, out var id) ? id : throw new ArgumentException(VisionId.Rule, parameter);
}
