namespace Aether.Application.Ports;

/// <summary>Why the backplane did not do what it was asked.</summary>
internal enum BackplaneFault
{
    /// <summary>It cannot be reached, or does not answer.</summary>
    Unreachable,

    /// <summary>It may be reached, and yet what it holds of this instance is not known to be whole.</summary>
    Unverified,

    /// <summary>It has no room for more.</summary>
    Full,

    /// <summary>It takes no writes: it is a replica, cannot save, or misses its own replicas.</summary>
    ReadOnly,

    /// <summary>It still reads its data in.</summary>
    Loading,

    /// <summary>Its access control forbids it, or does not know who asks.</summary>
    Forbidden,

    /// <summary>It answers, and refuses for a reason of its own.</summary>
    Refused,
}
