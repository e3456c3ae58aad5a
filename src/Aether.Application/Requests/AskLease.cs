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
internal sealed record AskLease(Sender Sender, Message Message) : ISendCommand;

/// <summary>Carries out what was asked, and answers with the lease as it is then.</summary>
internal sealed class AskLeaseHandler(
    [FromKeyedServices(OwnMediator.Key)] IMediator mediator, ServerMessages messages)
    : IRequestHandler<AskLease, Outcome>
{
    /// <inheritdoc/>
    public async Task<Outcome> Handle(AskLease request, CancellationToken cancellationToken)
    {
        var (sender, question) = (request.Sender, request.Message);
        if (LeaseQuestion.TryRead(question, out var asked) is { } wrong)
            return Outcome.Rejected(wrong);
        var answer = await mediator.Send(asked!, cancellationToken).ConfigureAwait(false);
        return answer.Rejection is { } rejection
            ? Outcome.Rejected(Told(rejection))
            : Outcome.Answer(messages.Reply(
                sender.ClientId, sender.GroupId, question.Id!, LeaseWriter.Payload(answer.Value)));
    }

    // What is wrong is in the payload, and the message that asked was a valid one.
    private static Rejection Told(Rejection rejection) => rejection with
    {
        Field = rejection.Field is { } field ? "payload." + field : null,
        IsForgiven = true,
    };
}

/// <summary>What a client asks of a lease.</summary>
internal static class LeaseQuestion
{
    private const string TermRule = "must be a whole number from 1";

    /// <summary>Whether a command is one of these.</summary>
    public static bool Is(string? cmd) => cmd is "lease.acquire" or "lease.renew" or "lease.release" or "lease.get";

    /// <summary>Reads what a client asks.</summary>
    /// <returns>What is wrong with it, if anything.</returns>
    public static Rejection? TryRead(Message question, out ILeaseRequest? asked)
    {
        asked = null;
        using var document = JsonDocument.Parse(question.Payload);
        var payload = document.RootElement;
        var (group, client) = (question.GroupId, question.FromId);
        if (!(payload.TryGetProperty("name", out var text) && text.ValueKind == JsonValueKind.String
                && VisionId.TryParse(text.GetString(), out var name)))
            return Refusals.Of("payload.name", VisionId.Rule);
        if (question.Cmd == "lease.get")
        {
            asked = new ReadLease(group, name);
            return null;
        }
        if (question.Cmd == "lease.acquire")
        {
            if (!(Number(payload, "ttl_ms") is { } number && number.TryGetInt32(out int ttlMs)))
                return Refusals.Of("payload.ttl_ms", AcquireLeaseValidator.TtlRule);
            asked = new AcquireLease(group, name, client, ttlMs);
            return null;
        }
        if (!(Number(payload, "term") is { } given && given.TryGetInt64(out long term) && term > 0))
            return Refusals.Of("payload.term", TermRule);
        asked = question.Cmd == "lease.renew"
            ? new RenewLease(group, name, client, term)
            : new ReleaseLease(group, name, client, term);
        return null;
    }

    private static JsonElement? Number(JsonElement payload, string name) =>
        payload.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value : null;
}
