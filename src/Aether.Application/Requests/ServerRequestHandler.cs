using System.Buffers;
using System.Text.Json;
using Aether.Application.Messaging;
using Aether.Application.Wire;
using MediatR;

namespace Aether.Application.Requests;

/// <summary>Answers what a client asks the server itself: reads the payload, and writes the reply.</summary>
/// <typeparam name="TRequest">The request.</typeparam>
internal abstract class ServerRequestHandler<TRequest>(ServerMessages messages) : IRequestHandler<TRequest, Outcome>
    where TRequest : ISendCommand
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
    protected Outcome Reply(TRequest request, Action<Utf8JsonWriter> write, int cost = 0)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }
        return Reply(request, buffer.WrittenMemory, cost);
    }

    /// <summary>A reply with this payload.</summary>
    protected Outcome Reply(TRequest request, ReadOnlyMemory<byte> payload, int cost = 0)
    {
        var (sender, question) = (request.Sender, request.Message);
        return Outcome.Answer(
            messages.Reply(sender.ClientId, sender.GroupId, question.Id!, payload), cost);
    }
}

/// <summary>Reads fields of a payload.</summary>
internal static class PayloadFields
{
    /// <summary>A text; <see langword="null"/>: there is none, or it is something else.</summary>
    public static string? Text(this JsonElement payload, string name) =>
        payload.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>Whether a field is there and not null.</summary>
    public static bool Has(this JsonElement payload, string name, out JsonElement value) =>
        payload.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>Reads a whole number that may be left out.</summary>
    public static bool TryReadNumber(this JsonElement payload, string name, long from, long to, long otherwise, out long number)
    {
        number = otherwise;
        return !payload.Has(name, out var value)
            || (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out number) && number >= from && number <= to);
    }
}
