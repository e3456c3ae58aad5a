using Aether.Domain;

namespace Aether.Api.Access;

/// <summary>
/// Turns a request into what its user may do. It is asked for each handshake of a WebSocket and each request of the HTTP
/// API that shows neither an API key nor a token of ours, and nothing is remembered for the next one.
/// </summary>
/// <param name="context">The request. Its services are those of its scope.</param>
/// <param name="groupId">The group it is about; <see langword="null"/>: none in particular.</param>
/// <param name="clientId">
/// The client: who wants to connect, who speaks in a message that is posted, or whom the request asks about;
/// <see langword="null"/>: none in particular.
/// </param>
/// <returns>A grant or a refusal. What fails, or returns <see langword="null"/>, lets nobody in.</returns>
public delegate ValueTask<RealtimeAuthorization> RealtimeAuthorizer(
    HttpContext context, string? groupId, string? clientId);

/// <summary>What a user of the host's may do, or why not.</summary>
public sealed class RealtimeAuthorization
{
    private const Permissions All = Permissions.Broadcast | Permissions.CrossGroup | Permissions.Admin;

    private RealtimeAuthorization()
    {
    }

    /// <summary>Whether it is a grant.</summary>
    public bool IsGranted => RefusalText is null;

    /// <summary>What the user may do beyond talking inside the group.</summary>
    public Permissions Permissions { get; private init; }

    /// <summary>The only role that the user may take; <see langword="null"/>: any.</summary>
    public Role? Role { get; private init; }

    /// <summary>The groups that the permissions reach beside the one that was asked about, or <c>*</c>.</summary>
    public IReadOnlyList<string> Groups { get; private init; } = [];

    /// <summary>The HTTP status of a refusal.</summary>
    public int RefusalStatus { get; private init; }

    /// <summary>Why not, as a person reads it; <see langword="null"/> where it is a grant.</summary>
    public string? RefusalText { get; private init; }

    /// <summary>The user may, in the group that was asked about.</summary>
    /// <param name="permissions">
    /// What it may do beyond talking inside that group. <see cref="Permissions.Admin"/> is what most of the HTTP API needs.
    /// </param>
    /// <param name="role">
    /// The only role that it may take, which it has also if it asks for none; <see langword="null"/>: any.
    /// </param>
    /// <param name="groups">
    /// The groups that its permissions reach beside the one that was asked about, or <c>*</c> for every one;
    /// <see langword="null"/>: none.
    /// </param>
    /// <exception cref="ArgumentException">There is no such permission or role, or a group is no Vision ID.</exception>
    public static RealtimeAuthorization Grant(
        Permissions permissions = Permissions.None, Role? role = null, IEnumerable<string>? groups = null)
    {
        if ((permissions & ~All) != 0)
            throw new ArgumentException("there is Broadcast, CrossGroup and Admin", nameof(permissions));
        if (role is { } only && !Enum.IsDefined(only))
            throw new ArgumentException("there is None, Controller, Worker and Observer", nameof(role));
        string[] reached = [.. groups ?? []];
        if (!reached.All(group => group == "*" || VisionId.TryParse(group, out _)))
            throw new ArgumentException("must be Vision IDs or *", nameof(groups));
        return new() { Permissions = permissions, Role = role, Groups = reached };
    }

    /// <summary>The user may not.</summary>
    /// <param name="text">Why not, as a person reads it. The user gets it as it is.</param>
    /// <param name="status">The HTTP status, 400 to 599: 401 where logging in would help.</param>
    /// <exception cref="ArgumentException">The text is empty, or the status is not one of an error.</exception>
    public static RealtimeAuthorization Refuse(string text, int status = StatusCodes.Status403Forbidden)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(text);
        if (status is < 400 or > 599)
            throw new ArgumentException("must be 400 to 599", nameof(status));
        return new() { RefusalText = text, RefusalStatus = status };
    }
}
