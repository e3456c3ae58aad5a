using System.Text.Json;
using Aether.Domain;

namespace Aether.Application.Handlers;

/// <summary>A message or a command as a client sent it.</summary>
public sealed class ReceivedMessage
{
    private readonly Message message;

    /// <summary>Shows a message.</summary>
    /// <param name="message">It, with its group resolved.</param>
    public ReceivedMessage(Message message)
    {
        ArgumentNullException.ThrowIfNull(message);
        this.message = message;
    }

    /// <summary>Whom it is for.</summary>
    public Target Target => message.Target;

    /// <summary>The receiver of a direct message; <see langword="null"/> where there is none.</summary>
    public string? ToId => message.ToId.IsEmpty ? null : message.ToId.Value;

    /// <summary>
    /// Whether it asks the server itself, as a direct message to <c>aether</c>. Where no handler answers, it is told that
    /// the command is unknown.
    /// </summary>
    public bool IsForServer => message is { Target: Target.Direct } && message.ToId == VisionId.Server;

    /// <summary>The group that it is scoped to.</summary>
    public string GroupId => message.GroupId.Value;

    /// <summary>The command, at most 256 characters; <see langword="null"/> where it is none.</summary>
    public string? Cmd => message.Cmd;

    /// <summary>Text for people.</summary>
    public string? Msg => message.Msg;

    /// <summary>A JSON object in UTF-8, as its sender wrote it. It may be kept.</summary>
    public ReadOnlyMemory<byte> Payload => message.Payload;

    /// <summary>When its sender sent it, by the sender's clock, in UTC.</summary>
    public DateTime SentAt => message.SentAt;

    /// <summary>The sender's name for it; one that has it is answered.</summary>
    public string? Id => message.Id;

    /// <summary>The <see cref="Id"/> of the message that this one answers.</summary>
    public string? ReplyTo => message.ReplyTo;

    /// <summary>Reads the payload.</summary>
    /// <typeparam name="T">What it is to be.</typeparam>
    /// <param name="options">How; not set: <see cref="JsonSerializerOptions.Web"/>.</param>
    /// <exception cref="JsonException">It is nothing of the kind.</exception>
    public T? ReadPayload<T>(JsonSerializerOptions? options = null) =>
        JsonSerializer.Deserialize<T>(Payload.Span, options ?? JsonSerializerOptions.Web);
}
