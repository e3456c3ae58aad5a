using Aether.Domain;

namespace Aether.Application;

/// <summary>How permissions are spelled in the configuration and in tokens.</summary>
internal static class PermissionNames
{
    public const string Rule = "must be broadcast, cross_group or admin";

    public static bool IsKnown(string name) => name is "broadcast" or "cross_group" or "admin";

    public static Permissions Parse(IEnumerable<string> names) =>
        names.Aggregate(Permissions.None, (all, name) => all | name switch
        {
            "broadcast" => Permissions.Broadcast,
            "cross_group" => Permissions.CrossGroup,
            "admin" => Permissions.Admin,
            _ => Permissions.None,
        });
}
