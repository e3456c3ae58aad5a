using Microsoft.Extensions.Logging;

namespace Aether.Application.Delivery;

/// <summary>What delivery logs.</summary>
internal static partial class DeliveryLog
{
    [LoggerMessage(1, LogLevel.Warning,
        "The shared thread pool got to nothing for a fifth of a second: code of this process blocks its threads, or the "
        + "machine is overloaded. For now the pool has at least {Threads} threads, and messages may be late. Look for "
        + ".Result, .Wait() and synchronous calls in the code of this process. Told once until it has been well for 30 s.")]
    public static partial void PoolRelieved(this ILogger logger, int threads);

    [LoggerMessage(2, LogLevel.Warning,
        "The shared thread pool got to nothing for seconds: code of this process blocks its threads, or the "
        + "machine is overloaded. It cannot be given more threads, so messages may be late and members of this instance may "
        + "be told to have left: its least number, {Threads}, is configured (ThreadPoolMinThreads), or is the most that helps. "
        + "Take that setting out in a process whose code blocks. Told once until it has been well for 30 s.")]
    public static partial void PoolCannotBeRelieved(this ILogger logger, int threads);

    [LoggerMessage(3, LogLevel.Error, "A channel could not be repaired: {Error}. It is tried again.")]
    public static partial void RepairFailed(this ILogger logger, string error);
}
