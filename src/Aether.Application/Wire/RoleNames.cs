using Aether.Domain;

namespace Aether.Application.Wire;

/// <summary>How roles are spelled in queries and messages.</summary>
internal static class RoleNames
{
    /// <summary>What the name of a role has to be.</summary>
    public static string Rule => WireNames.Roles.Rule;

    /// <summary>The names of all roles that a client may have.</summary>
    public static IReadOnlyList<string> All => WireNames.Roles.Names;

    /// <summary>The name of a role; empty for none.</summary>
    public static string Of(Role role) => role == Role.None ? "" : WireNames.Roles[role];

    /// <summary>Reads the name of a role; no name is no role.</summary>
    public static bool TryParse(string? name, out Role role)
    {
        if (!string.IsNullOrEmpty(name))
            return WireNames.Roles.TryFind(name, out role);
        role = Role.None;
        return true;
    }
}
