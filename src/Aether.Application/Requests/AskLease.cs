using System.Text.Json;
using Aether.Application.Leases;
using Aether.Application.Pipeline;
using Aether.Application.Wire;
using Aether.Domain;
using MediatR;
using Microsoft.Extensions.DependencyInjection;

namespace Aether.Application.Requests;

/// <summary><c>lease.acquire</c> and its like: a client asks for a lease of its group, or about one.</summary>
/// <param name="Sender">On whose behalf.</param>
/// <param name="Message">The question; its cmd says what, its payload holds name, and ttl_ms or term.</param>
internal sealed record AskLease(Sender Sender, Message Message) : IMessageCommand;

/// <summary>Carries out what was asked, and answers with the lease as it is then.</summary>
internal sealed class AskLeaseHandler(
    [FromKeyedServices(OwnMediator.Key)] IMediator mediator, ServerMessages messages, LeaseGuard? guard = null)
    : ServerRequestHandler<AskLease>(messages, guard)
{
    /// <inheritdoc/>
    protected override bool IsChange(Message question) => question.Cmd != "lease.get";

    /// <inheritdoc/>
    protected override async Task<Outcome> AnswerAsync(
        AskLease request, JsonElement payload, CancellationToken cancellationToken)
    {
        if (LeaseQuestion.TryRead(request.Message, payload, out var asked) is { } wrong)
            return Outcome.Rejected(wrong);
        var answer = await mediator.Send(asked!, cancellationToken).ConfigureAwait(false);
        if (answer.Rejection is not { } rejection)
            return Reply(request, LeaseWriter.Payload(answer.Value));
        return Outcome.Rejected(rejection.Field is null ? rejection with { IsForgiven = true } : rejection.InPayload());
    }
}

/// <summary>What a client asks of a lease.</summary>
internal static class LeaseQuestion
{
    private const string TermRule = "must be a whole number from 1";

    /// <summary>Whether a command is one of these.</summary>
    public static bool Is(string? cmd) => cmd is "lease.acquire" or "lease.renew" or "lease.release" or "lease.get";

    /// <summary>Reads what a client asks.</summary>
    /// <returns>What is wrong with it, if anything.</returns>
    public static Rejection? TryRead(Message question, JsonElement payload, out IRequest<Answer<LeaseInfo>>? asked)
    {
        asked = null;
        var (group, client) = (question.GroupId, question.FromId);
        if (!VisionId.TryParse(payload.Text("name"), out var name))
            return Refusals.Of("payload.name", VisionId.Rule);
        if (question.Cmd == "lease.get")
        {
            asked = new ReadLease(group, name);
            return null;
        }
        if (question.Cmd == "lease.acquire")
        {
            if (!payload.Has("ttl_ms", out _) || !payload.TryReadNumber("ttl_ms", 0, out int ttlMs))
                return Refusals.Of("payload.ttl_ms", AcquireLeaseValidator.TtlRule);
            asked = new AcquireLease(group, name, client, ttlMs);
            return null;
        }
        if (!payload.Has("term", out _) || !payload.TryReadNumber("term", 1, long.MaxValue, 0, out long term))
            return Refusals.Of("payload.term", TermRule);
        asked = question.Cmd == "lease.renew"
            ? new RenewLease(group, name, client, term)
            : new ReleaseLease(group, name, client, term);
        return null;
    }
}
