using System.Collections.Frozen;

namespace Aether.Domain;

/// <summary>What a sender may do beyond talking inside its own group.</summary>
[Flags]
public enum Permissions
{
    /// <summary>Nothing more.</summary>
    None = 0,

    /// <summary>Send to every connection of the platform.</summary>
    Broadcast = 1,

    /// <summary>Send to groups other than its own.</summary>
    CrossGroup = 2,

    /// <summary>Send to any group, read and remove clients over HTTP, and use the console.</summary>
    Admin = 4,
}

/// <summary>What a credential grants: permissions, and the groups that they and it are limited to.</summary>
public sealed class Access
{
    private readonly FrozenSet<VisionId>? groups;

    /// <summary>Grants permissions in the given groups, or in every group.</summary>
    /// <param name="permissions">What may be done.</param>
    /// <param name="groups">Where; <see langword="null"/> means everywhere.</param>
    public Access(Permissions permissions, IEnumerable<VisionId>? groups = null)
    {
        Permissions = permissions;
        this.groups = groups?.ToFrozenSet();
    }

    /// <summary>Everything, everywhere: what the host's own code has.</summary>
    public static Access Full { get; } = new(Permissions.Broadcast | Permissions.CrossGroup | Permissions.Admin);

    /// <summary>What may be done.</summary>
    public Permissions Permissions { get; }

    /// <summary>Where it is good; <see langword="null"/> means everywhere.</summary>
    public IReadOnlyCollection<VisionId>? Groups => groups;

    /// <summary>The same groups with more permissions.</summary>
    public Access With(Permissions more) => new(Permissions | more, groups);

    /// <summary>Whether all of the given permissions are granted.</summary>
    public bool Has(Permissions permissions) => (Permissions & permissions) == permissions;

    /// <summary>Whether the group is one that this access is good for.</summary>
    public bool Covers(VisionId group) => groups is null || groups.Contains(group);
}
