using Aether.Domain;

namespace Aether.Application.History;

/// <summary>
/// Keeps direct messages to one client in order while one of them waits to hear whether the client is there. Costs one
/// look when nothing waits, which is nearly always.
/// </summary>
internal sealed class DirectOrder
{
    private readonly Dictionary<VisionId, Turn> last = [];
    private volatile int waiting;

    /// <summary>Whether nobody waits.</summary>
    public bool IsEmpty => waiting == 0;

    /// <summary>Whether somebody waits to send to the client.</summary>
    internal bool IsHeldUp(VisionId client)
    {
        if (IsEmpty)
            return false;
        lock (last)
            return last.ContainsKey(client);
    }

    /// <summary>
    /// Takes the next turn to send to a client: whoever takes one later waits for the end of this one. It has to be ended,
    /// whatever happens.
    /// </summary>
    internal Turn Take(VisionId client)
    {
        lock (last)
        {
            var turn = new Turn(this, client, last.TryGetValue(client, out var before) ? before.Ended : Task.CompletedTask);
            last[client] = turn;
            waiting = last.Count;
            return turn;
        }
    }

    private void End(Turn turn)
    {
        lock (last)
        {
            if (last.TryGetValue(turn.Client, out var newest) && newest == turn)
                last.Remove(turn.Client);
            waiting = last.Count;
        }
    }

    /// <summary>A place in the line of those who send to one client.</summary>
    internal sealed class Turn(DirectOrder order, VisionId client, Task before)
    {
        private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public VisionId Client => client;

        /// <summary>Completes when it is this one's turn.</summary>
        public Task Before => before;

        public Task Ended => ended.Task;

        /// <summary>Lets the next one go on. A second time changes nothing.</summary>
        public void End()
        {
            order.End(this);
            ended.TrySetResult();
        }
    }
}
