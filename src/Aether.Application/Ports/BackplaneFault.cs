using Aether.Domain;

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

/// <summary>What a fault of the backplane means for whoever wanted to send.</summary>
internal static class BackplaneFaults
{
    private static readonly Rejection[] Rejections = Array.ConvertAll(
        Enum.GetValues<BackplaneFault>(),
        static fault => new Rejection(
            ErrorCode.BackplaneUnavailable, Words(fault) + "; nothing was sent", RetryAfter: TimeSpan.FromSeconds(1)));

    /// <summary>The backplane did not take it.</summary>
    public static Rejection ToRejection(this BackplaneFault fault) => Rejections[(int)fault];

    private static string Words(BackplaneFault fault) => fault switch
    {
        BackplaneFault.Unverified => "the backplane is not verified yet",
        BackplaneFault.Full => "the backplane is full",
        BackplaneFault.ReadOnly => "the backplane is read-only",
        BackplaneFault.Loading => "the backplane is loading its data",
        BackplaneFault.Forbidden => "the backplane does not permit it",
        BackplaneFault.Refused => "the backplane refuses it now",
        BackplaneFault.Unreachable => "the backplane cannot be reached",
    };
}
