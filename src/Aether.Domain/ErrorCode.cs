namespace Aether.Domain;

/// <summary>
/// Why a message was not taken, as a program reads it. Every code, and whether sending the same message again can
/// help, is spelled here and nowhere else.
/// </summary>
public sealed class ErrorCode
{
    private ErrorCode(string name, bool retryable)
    {
        Name = name;
        Retryable = retryable;
    }

    /// <summary>A field breaks a rule of the schema.</summary>
    public static ErrorCode InvalidMessage { get; } = new("invalid_message", retryable: false);

    /// <summary>The sender lacks the permission.</summary>
    public static ErrorCode Forbidden { get; } = new("forbidden", retryable: false);

    /// <summary>The sender is over its rate limit; the message was dropped.</summary>
    public static ErrorCode RateLimited { get; } = new("rate_limited", retryable: true);

    /// <summary>No instance has a connection of the client that a direct message is for.</summary>
    public static ErrorCode RecipientOffline { get; } = new("recipient_offline", retryable: true);

    /// <summary>The backplane cannot be reached; nothing was published.</summary>
    public static ErrorCode BackplaneUnavailable { get; } = new("backplane_unavailable", retryable: true);

    /// <summary>A fault of the server's own.</summary>
    public static ErrorCode Internal { get; } = new("internal", retryable: true);

    /// <summary>The code on the wire.</summary>
    public string Name { get; }

    /// <summary>Whether the same message may succeed later.</summary>
    public bool Retryable { get; }

    /// <summary>Finds a code by its name on the wire.</summary>
    /// <exception cref="ArgumentException">There is no such code.</exception>
    public static ErrorCode Parse(string name) => name switch
    {
        "invalid_message" => InvalidMessage,
        "forbidden" => Forbidden,
        "rate_limited" => RateLimited,
        "recipient_offline" => RecipientOffline,
        "backplane_unavailable" => BackplaneUnavailable,
        "internal" => Internal,
        _ => throw new ArgumentException("no such error code", nameof(name)),
    };

    /// <summary>The code on the wire.</summary>
    public override string ToString() => Name;
}
