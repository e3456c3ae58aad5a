using System.Collections.Concurrent;
using Aether.Application.Ports;
using Aether.Domain;
using Microsoft.Extensions.Logging;

namespace Aether.Application.Commands;

/// <summary>
/// Brings members what this instance may not have heard: each is looked after as if it had connected just now. What was
/// sent to it counts as sent, whether or not its instance heard it, so nobody else would send it again.
/// </summary>
internal sealed class MissedExecutions(
    ICommandStore store, CommandRunner runner, ILogger<MissedExecutions>? logger = null)
{
    /// <summary>How much is asked at a time: it comes when the store has just been away, and thousands may be here.</summary>
    internal const int AtOnce = 16;

    /// <summary>Looks after members that are connected here.</summary>
    /// <param name="here">They, each once for each of its roles.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task SendAgainAsync(IEnumerable<ConnectedMember> here, CancellationToken cancellationToken)
    {
        // Mostly nothing runs, which one answer tells of all members of a group. No answer: each of them is asked for.
        var concerned = new ConcurrentQueue<ConnectedMember>();
        await EachAsync(here.GroupBy(static one => one.Group), async group =>
        {
            if (await store.HasRunningAsync(group.Key, cancellationToken).ConfigureAwait(false) == false)
                return;
            foreach (var one in group)
                concerned.Enqueue(one);
        }, cancellationToken).ConfigureAwait(false);
        await EachAsync(
            concerned,
            one => runner.ConnectAsync(
                one.Group, one.Client, one.Role, () => !cancellationToken.IsCancellationRequested && one.IsThere()),
            cancellationToken).ConfigureAwait(false);
    }

    private Task EachAsync<T>(IEnumerable<T> all, Func<T, Task> work, CancellationToken cancellationToken) =>
        Parallel.ForEachAsync(
            all,
            new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken },
            async (one, cancel) =>
            {
                try
                {
                    await work(one).ConfigureAwait(false);
                }
                catch (Exception fault) when (!cancel.IsCancellationRequested)
                {
                    // The others need theirs all the same.
                    logger?.CommandWorkFailed(fault.GetType().Name);
                }
            });
}

/// <summary>A client that is connected to this instance.</summary>
/// <param name="Group">The group.</param>
/// <param name="Client">The client.</param>
/// <param name="Role">What it is in the group.</param>
/// <param name="IsThere">Whether it still is.</param>
internal sealed record ConnectedMember(VisionId Group, VisionId Client, Role Role, Func<bool> IsThere);
