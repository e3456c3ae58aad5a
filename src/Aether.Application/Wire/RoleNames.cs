using Aether.Domain;

namespace Aether.Application.Wire;

/// <summary>How roles are spelled in queries and messages.</summary>
public static class RoleNames
{
    /// <summary>The name of a role; empty for none.</summary>
    public static string Of(Role role) => role switch
    {
        Role.Controller => "controller",
        Role.Worker => "worker",
        Role.Observer => "observer",
        _ => "",
    };

    /// <summary>Reads the name of a role; no name is no role.</summary>
    public static bool TryParse(string? name, out Role role)
    {
        switch (name)
        {
            case null or "":
                role = Role.None;
                return true;
            case "controller":
                role = Role.Controller;
                return true;
            case "worker":
                role = Role.Worker;
                return true;
            case "observer":
                role = Role.Observer;
                return true;
            default:
                role = Role.None;
                return false;
        }
    }
}
