using System.Text.Json;
using Aether.Application.Pipeline;
using Aether.Domain;
using FluentValidation;
using MediatR;

namespace Aether.Application.Presence;

/// <summary>A client says something of itself to its group.</summary>
/// <param name="Sender">On whose behalf.</param>
/// <param name="Message">The message; its payload holds the state.</param>
internal sealed record UpdateState(Sender Sender, Message Message) : IMessageCommand
{
    /// <summary>The longest state, in bytes of its JSON.</summary>
    public const int MaxStateBytes = 2_048;
}

/// <summary>A client speaks of itself in its own group only.</summary>
internal sealed class UpdateStateValidator : MessageCommandValidator<UpdateState>
{
    /// <summary>Adds the rules.</summary>
    public UpdateStateValidator()
    {
        RuleFor(command => command.Message.Cmd)
            .Must(cmd => cmd == "update")
            .WithErrorCode(ErrorCode.InvalidMessage.Name)
            .OverridePropertyName("cmd")
            .WithMessage("must be update for msg_type presence and target group");
        RuleFor(command => command.Message.GroupId)
            .Must((command, group) => group == command.Sender.GroupId)
            .WithErrorCode(ErrorCode.InvalidMessage.Name)
            .OverridePropertyName("group_id")
            .WithMessage("must be the connection's own group for msg_type presence");
    }
}

/// <summary>Keeps the state, an object of a size that a roster can hold many of, and tells the group.</summary>
internal sealed class UpdateStateHandler(StateUpdates updates) : IRequestHandler<UpdateState, Outcome>
{
    private static readonly Rejection WrongState =
        new(ErrorCode.InvalidMessage, "must hold state, an object of at most 2,048 bytes", "payload");

    /// <inheritdoc/>
    public Task<Outcome> Handle(UpdateState request, CancellationToken cancellationToken)
    {
        var (sender, message) = (request.Sender, request.Message);
        var state = ClientState.Of(message.Payload);
        return state.Length is > 0 and <= UpdateState.MaxStateBytes
            ? updates.SetAsync(sender.GroupId, sender.ClientId, state, answered: message.Id is not null)
            : Task.FromResult(Outcome.Rejected(WrongState));
    }
}

/// <summary>Finds what a client says of itself in the payload of its message.</summary>
internal static class ClientState
{
    /// <summary>The bytes of the object <c>state</c>; empty if there is none.</summary>
    public static ReadOnlyMemory<byte> Of(ReadOnlyMemory<byte> payload)
    {
        var reader = new Utf8JsonReader(payload.Span);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool wanted = reader.ValueTextEquals("state"u8);
            reader.Read();
            int start = (int)reader.TokenStartIndex;
            bool isObject = reader.TokenType == JsonTokenType.StartObject;
            reader.Skip();
            if (wanted)
                return isObject ? payload[start..(int)reader.BytesConsumed] : default;
        }
        return default;
    }
}
