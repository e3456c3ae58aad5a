using StackExchange.Redis;

namespace Aether.Infrastructure.Redis;

/// <summary>What the client library throws when Redis cannot be reached, hangs, or refuses.</summary>
internal static class RedisFaults
{
    /// <summary>Whether the exception is Redis's, and not a bug of ours.</summary>
    public static bool IsExpected(Exception exception) =>
        exception is RedisException or TimeoutException or ObjectDisposedException or OperationCanceledException;

    /// <summary>Lets a task fail without anybody waiting for it.</summary>
    public static void Observe(Task task) =>
        task.ContinueWith(
            static t => _ = t.Exception,
            CancellationToken.None,
            TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
}
