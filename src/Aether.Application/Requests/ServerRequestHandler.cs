using System.Text.Json;
using Aether.Application.Leases;
using Aether.Application.Pipeline;
using Aether.Application.Wire;
using Aether.Domain;
using MediatR;

namespace Aether.Application.Requests;

/// <summary>Answers what a client asks the server itself: reads the payload, and writes the reply.</summary>
/// <typeparam name="TRequest">The request.</typeparam>
/// <param name="messages">What the server says.</param>
/// <param name="guard">Who holds the lease that a question names.</param>
internal abstract class ServerRequestHandler<TRequest>(ServerMessages messages, LeaseGuard? guard = null)
    : IRequestHandler<TRequest, Outcome>
    where TRequest : IMessageCommand
{
    /// <inheritdoc/>
    public async Task<Outcome> Handle(TRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (IsChange(request.Message)
            && await (guard ?? LeaseGuard.Closed).CheckAsync(request.Message, cancellationToken).ConfigureAwait(false)
                is { } refused)
            return Outcome.Rejected(refused);
        using var payload = JsonDocument.Parse(request.Message.Payload);
        return await AnswerAsync(request, payload.RootElement, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Whether it changes something here, which a lease that it names has to allow; where the store itself looks at the
    /// lease it is for that to say.
    /// </summary>
    protected virtual bool IsChange(Message question) => false;

    /// <summary>Carries it out.</summary>
    protected abstract Task<Outcome> AnswerAsync(
        TRequest request, JsonElement payload, CancellationToken cancellationToken);

    /// <summary>A reply with this payload.</summary>
    protected Outcome Reply(TRequest request, Action<Utf8JsonWriter> write, int cost = 0) =>
        Reply(request, PayloadWriter.Write(write), cost);

    /// <summary>A reply with this payload.</summary>
    protected Outcome Reply(TRequest request, ReadOnlyMemory<byte> payload, int cost = 0)
    {
        var (sender, question) = (request.Sender, request.Message);
        return Outcome.Answer(
            messages.Reply(sender.ClientId, sender.GroupId, question.Id!, payload), cost);
    }
}
