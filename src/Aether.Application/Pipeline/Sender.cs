using Aether.Domain;
using Aether.Domain.Tokens;

namespace Aether.Application.Pipeline;

/// <summary>On whose behalf a command is carried out: a connection, or the host's own code.</summary>
/// <param name="ClientId">The client; empty for the host, which may speak for anybody.</param>
/// <param name="GroupId">The group of the connection.</param>
/// <param name="Access">What it may do.</param>
/// <param name="Role">What the connection is in its group.</param>
internal sealed record Sender(VisionId ClientId, VisionId GroupId, Access Access, Role Role = Role.None)
{
    /// <summary>
    /// The connection, where that matters: its instance, a slash, and a name that no other has on any instance. Empty for
    /// the host.
    /// </summary>
    public string ConnectionId { get; init; } = "";

    /// <summary>The token that the connection stays by; <see langword="null"/>: it needs none.</summary>
    public Token? Token { get; init; }

    /// <summary>The host's own code: everything is allowed.</summary>
    public static Sender Host { get; } = new(default, default, Access.Full);

    /// <summary>Whether messages may be scoped to the group: the sender's own, or any within its reach.</summary>
    public bool Reaches(VisionId group) =>
        group == GroupId || (Access.Has(Permissions.CrossGroup) && Access.Covers(group));
}
