using System.Text.Json;
using Aether.Application.Pipeline;
using Aether.Application.Wire;
using MediatR;

namespace Aether.Application.Requests;

/// <summary>Answers what a client asks the server itself: reads the payload, and writes the reply.</summary>
/// <typeparam name="TRequest">The request.</typeparam>
internal abstract class ServerRequestHandler<TRequest>(ServerMessages messages) : IRequestHandler<TRequest, Outcome>
    where TRequest : IMessageCommand
{
    /// <inheritdoc/>
    public async Task<Outcome> Handle(TRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        using var payload = JsonDocument.Parse(request.Message.Payload);
        return await AnswerAsync(request, payload.RootElement, cancellationToken).ConfigureAwait(false);
    }

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
