namespace Aether.Domain;

/// <summary>
/// Why a message was not taken, as a program reads it. Every code, and whether sending the same message again can
/// help, is spelled here and nowhere else; a host may
/// add its own.
/// </summary>
public sealed class ErrorCode
{
    private const int MaxNameLength = 64;

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

    /// <summary>The backplane did not take it; nothing was published.</summary>
    public static ErrorCode BackplaneUnavailable { get; } = new("backplane_unavailable", retryable: true);

    /// <summary>The server knows no request of this name.</summary>
    public static ErrorCode UnknownCommand { get; } = new("unknown_command", retryable: false);

    /// <summary>There is nothing of this id, or no more.</summary>
    public static ErrorCode NotFound { get; } = new("not_found", retryable: false);

    /// <summary>Nobody is there whom a command is for.</summary>
    public static ErrorCode NoRecipients { get; } = new("no_recipients", retryable: true);

    /// <summary>As many commands run in the group as may.</summary>
    public static ErrorCode TooManyCommands { get; } = new("too_many_commands", retryable: true);

    /// <summary>What a member says is of an older attempt, or another of its connections has the execution.</summary>
    public static ErrorCode StaleAttempt { get; } = new("stale_attempt", retryable: false);

    /// <summary>The sender does not hold the lease in this term.</summary>
    public static ErrorCode StaleTerm { get; } = new("stale_term", retryable: false);

    /// <summary>Another client holds the lease.</summary>
    public static ErrorCode LeaseHeld { get; } = new("lease_held", retryable: true);

    /// <summary>The group has leases of as many names as it may.</summary>
    public static ErrorCode TooManyLeases { get; } = new("too_many_leases", retryable: false);

    /// <summary>A fault of the server's own.</summary>
    public static ErrorCode Internal { get; } = new("internal", retryable: true);

    /// <summary>The code on the wire.</summary>
    public string Name { get; }

    /// <summary>Whether the same message may succeed later.</summary>
    public bool Retryable { get; }

    /// <summary>Finds a code by its name on the wire.</summary>
    /// <exception cref="ArgumentException">There is no such code.</exception>
    public static ErrorCode Parse(string name) =>
        Find(name) ?? throw new ArgumentException("no such error code", nameof(name));

    /// <summary>A code of the protocol's, or one that a host gives a meaning of its own.</summary>
    /// <param name="name">The code on the wire: at most 64 of a-z, 0-9 and _, the first a letter.</param>
    /// <param name="retryable">
    /// Whether the same message may succeed later. The protocol's codes say that themselves.
    /// </param>
    /// <exception cref="ArgumentException">The name is not of that form.</exception>
    public static ErrorCode Of(string name, bool retryable)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (Find(name) is { } known)
            return known;
        bool good = name is { Length: >= 1 and <= MaxNameLength } && char.IsAsciiLetterLower(name[0])
            && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_');
        return good
            ? new ErrorCode(name, retryable)
            : throw new ArgumentException(
                "an error code is 1 to 64 of a-z, 0-9 and _, the first a letter", nameof(name));
    }

    private static ErrorCode? Find(string name) => name switch
    {
        "invalid_message" => InvalidMessage,
        "forbidden" => Forbidden,
        "rate_limited" => RateLimited,
        "recipient_offline" => RecipientOffline,
        "backplane_unavailable" => BackplaneUnavailable,
        "unknown_command" => UnknownCommand,
        "not_found" => NotFound,
        "no_recipients" => NoRecipients,
        "too_many_commands" => TooManyCommands,
        "stale_attempt" => StaleAttempt,
        "stale_term" => StaleTerm,
        "lease_held" => LeaseHeld,
        "too_many_leases" => TooManyLeases,
        "internal" => Internal,
        _ => null,
    };

    /// <summary>The code on the wire.</summary>
    public override string ToString() => Name;
}
