using System.Buffers;
using System.Text.Json;
using Aether.Application.History;
using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Application.Presence;
using Aether.Application.Wire;
using Aether.Domain;
using MediatR;

namespace Aether.Application.Requests;

/// <summary><c>history.read</c>: a client reads what was kept on one of its own channels.</summary>
/// <param name="Sender">On whose behalf.</param>
/// <param name="Message">The question; its payload holds channel, after and limit.</param>
internal sealed record ReadOwnHistory(Sender Sender, Message Message) : ISendCommand;

/// <summary>Reads the page that was asked for, no longer than a message may be.</summary>
internal sealed class ReadOwnHistoryHandler(
    KeptMessages kept, RosterTurns turns, ServerMessages messages, RealtimeOptions? options = null)
    : IRequestHandler<ReadOwnHistory, Outcome>
{
    /// <summary>For so many messages in the answer the question counts as one message more.</summary>
    public const int MessagesForOneMessage = 5;

    // What an answer is longer than the messages in it: its ten fields, three ids, an id, pos and a reason.
    private const int AroundMessages = 640;

    private readonly int maxBytes = (options ?? new RealtimeOptions()).MaxMessageBytes - AroundMessages;

    /// <inheritdoc/>
    public async Task<Outcome> Handle(ReadOwnHistory request, CancellationToken cancellationToken)
    {
        var (sender, question) = (request.Sender, request.Message);
        if (HistoryQuestion.TryRead(question.Payload, out var asked) is { } wrong)
            return Outcome.Rejected(wrong);
        var channel = asked.Channel switch
        {
            ChannelKind.Group => ChannelName.Group(sender.GroupId),
            ChannelKind.Client => ChannelName.Client(sender.ClientId),
            ChannelKind.Broadcast => ChannelName.Broadcast,
            ChannelKind.Trace => throw new InvalidOperationException("no client hears a trace"),
        };
        var page = await kept.ReadAsync(channel, asked.After, asked.Limit, cancellationToken).ConfigureAwait(false);
        if (page.Status == HistoryStatus.Unavailable)
            return Outcome.Rejected(Rejection.HistoryUnavailable);
        await turns.TakeAsync(page.Messages.Count).ConfigureAwait(false);
        var buffer = new ArrayBufferWriter<byte>(1_024);
        int count;
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            // Only what this connection would have got: another group of its client, or another role, is not its business.
            count = HistoryWriter.WritePage(
                writer, page, maxBytes, message => message.IsFor(sender.GroupId, sender.Role));
            writer.WriteEndObject();
        }
        return Outcome.Answer(
            messages.Reply(sender.ClientId, sender.GroupId, question.Id!, buffer.WrittenMemory),
            count / MessagesForOneMessage);
    }
}

/// <summary>What a client asks to read.</summary>
/// <param name="Channel">Of which of its channels.</param>
/// <param name="After">The position before the first message; empty: the oldest there is.</param>
/// <param name="Limit">How many messages at most.</param>
internal readonly record struct HistoryQuestion(ChannelKind Channel, Position After, int Limit)
{
    /// <summary>Reads it from a payload.</summary>
    /// <returns>What is wrong with it, if anything.</returns>
    public static Rejection? TryRead(ReadOnlyMemory<byte> payload, out HistoryQuestion question)
    {
        question = default;
        using var document = JsonDocument.Parse(payload);
        var root = document.RootElement;
        ChannelKind? channel = Text(root, "channel") switch
        {
            "group" => ChannelKind.Group,
            "client" => ChannelKind.Client,
            "broadcast" => ChannelKind.Broadcast,
            _ => null,
        };
        if (channel is null)
            return Refusals.Of("payload.channel", "must be group, client or broadcast");
        var after = default(Position);
        if (IsGiven(root, "after") && !Position.TryParse(Text(root, "after"), out after))
            return Refusals.Of("payload.after", Position.Rule);
        int limit = ReadMessages.DefaultLimit;
        if (IsGiven(root, "limit")
            && !(root.GetProperty("limit") is { ValueKind: JsonValueKind.Number } number && number.TryGetInt32(out limit)
                && limit is >= 1 and <= ReadMessages.MaxLimit))
            return Refusals.Of("payload.limit", ReadMessagesValidator.LimitRule);
        question = new(channel.Value, after, limit);
        return null;
    }

    private static bool IsGiven(JsonElement payload, string name) =>
        payload.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null;

    private static string? Text(JsonElement payload, string name) =>
        payload.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
