using System.Text.Json;

namespace Aether.Application.Handlers;

/// <summary>What is to become of a client's message.</summary>
public sealed class MessageResult
{
    private MessageResult()
    {
    }

    /// <summary>It goes its way: to the next handler, and then to its receivers.</summary>
    public static MessageResult Continue { get; } = new();

    /// <summary>Why it goes no further; <see langword="null"/> where it is not refused.</summary>
    public Refusal? Refusal { get; private init; }

    /// <summary>What its sender is answered, as a JSON object in UTF-8; <see langword="null"/> where it is not.</summary>
    public ReadOnlyMemory<byte>? Answer { get; private init; }

    /// <summary>It goes no further, and its sender gets an error frame.</summary>
    /// <inheritdoc cref="Handlers.Refusal(string, string, bool)"/>
    public static MessageResult Refuse(string text, string code = "forbidden", bool retryable = false) =>
        Refuse(new Refusal(text, code, retryable));

    /// <summary>It goes no further, and its sender gets an error frame.</summary>
    /// <param name="refusal">Why.</param>
    public static MessageResult Refuse(Refusal refusal)
    {
        ArgumentNullException.ThrowIfNull(refusal);
        return new() { Refusal = refusal };
    }

    /// <summary>
    /// It is done with: it goes no further, and where it has an id its sender gets <c>cmd: "reply"</c>.
    /// </summary>
    /// <param name="payload">
    /// Anything that serialises to a JSON object, not longer than a message may be; <see langword="null"/> is the empty
    /// one.
    /// </param>
    /// <param name="options">How; not set: <see cref="JsonSerializerOptions.Web"/>.</param>
    /// <exception cref="ArgumentException">It serialises to something else.</exception>
    public static MessageResult Reply(object? payload = null, JsonSerializerOptions? options = null)
    {
        byte[] json = payload is null
            ? "{}"u8.ToArray()
            : JsonSerializer.SerializeToUtf8Bytes(payload, options ?? JsonSerializerOptions.Web);
        if (json is not [(byte)'{', ..])
            throw new ArgumentException("must serialise to a JSON object", nameof(payload));
        return new() { Answer = json };
    }
}
