using Aether.Application.Handlers;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Api.WebSockets;

/// <summary>What a client asks for when it connects.</summary>
/// <param name="Group">The group that it wants to be in.</param>
/// <param name="Client">Who it says it is.</param>
/// <param name="Profile">What it wants to hear.</param>
/// <param name="Resume">What it missed and wants to have.</param>
internal readonly record struct Handshake(VisionId Group, VisionId Client, Profile Profile, ResumeRequest Resume)
{
    /// <summary>Reads it from the request.</summary>
    /// <returns>What is wrong with it, if anything.</returns>
    public static MessageError? TryRead(HttpContext context, out Handshake handshake)
    {
        handshake = default;
        var query = context.Request.Query;
        if (!VisionId.TryParse(context.GetRouteValue("group_id") as string, out var group))
            return new("group_id", VisionId.Rule);
        if (!VisionId.TryParse(context.GetRouteValue("client_id") as string, out var client))
            return new("client_id", VisionId.Rule);
        if (!TryReadOne(query, "role", out string? name) || !RoleNames.TryParse(name, out var role))
            return new("role", RoleNames.Rule);
        if (!TryReadOne(query, "echo", out string? echo) || echo is not (null or "on" or "off"))
            return new("echo", "must be on or off");
        if (ResumeQuery.TryRead(query, out var resume) is { } wrong)
            return wrong;
        var profile = new Profile(
            Full: context.WebSockets.WebSocketRequestedProtocols.Contains(Access.Subprotocols.Full),
            Echo: echo != "off",
            role);
        handshake = new(group, client, profile, resume);
        return null;
    }

    /// <summary>
    /// Reads a parameter that may be there once. One that is there twice is joined where it is read as a text, and an
    /// empty one is left out of that.
    /// </summary>
    private static bool TryReadOne(IQueryCollection query, string name, out string? value)
    {
        value = query.TryGetValue(name, out var values) && values.Count == 1 ? values[0] : null;
        return values.Count <= 1;
    }

    /// <summary>Takes the only role that is granted, unless another one was asked for.</summary>
    /// <param name="only">It; <see langword="null"/>: any.</param>
    /// <param name="granted">What is asked for, with the role.</param>
    public bool TryTake(Role? only, out Handshake granted)
    {
        granted = only is { } role ? this with { Profile = Profile with { Role = role } } : this;
        return only is null || Profile.Role == Role.None || Profile.Role == only;
    }

    /// <summary>The connection as the host's handlers see it.</summary>
    /// <param name="id">Its name; empty while it has none.</param>
    /// <param name="access">What it may do.</param>
    /// <param name="context">The request.</param>
    public RealtimeConnection Seen(string id, Domain.Access access, HttpContext context) => new(
        id,
        Group.Value,
        Client.Value,
        Profile.Role,
        access.Permissions,
        // Not the one without a name that every request has.
        context.User.Identity is { IsAuthenticated: true } ? context.User : null);
}
