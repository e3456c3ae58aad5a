using Aether.Domain;

namespace Aether.Application.History;

/// <summary>
/// Keeps direct messages to one client in order while one of them waits to hear whether the client is there. Costs one
/// look when nothing waits, which is nearly always.
/// </summary>
internal sealed class SendOrder
{
    private readonly Dictionary<VisionId, Ticket> last = [];
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
    /// Takes the next ticket to send to a client: whoever takes one later waits for the end of this one. It has to be ended,
    /// whatever happens.
    /// </summary>
    internal Ticket Take(VisionId client)
    {
        lock (last)
        {
            var ticket = new Ticket(this, client, last.TryGetValue(client, out var before) ? before.Ended : Task.CompletedTask);
            last[client] = ticket;
            waiting = last.Count;
            return ticket;
        }
    }

    private void End(Ticket ticket)
    {
        lock (last)
        {
            if (last.TryGetValue(ticket.Client, out var newest) && newest == ticket)
                last.Remove(ticket.Client);
            waiting = last.Count;
        }
    }

    /// <summary>A place in the line of those who send to one client.</summary>
    internal sealed class Ticket(SendOrder order, VisionId client, Task before)
    {
        private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public VisionId Client => client;

        /// <summary>Completes when those before it have ended.</summary>
        public Task Ready => before;

        public Task Ended => ended.Task;

        /// <summary>Lets the next one go on. A second time changes nothing.</summary>
        public void End()
        {
            order.End(this);
            ended.TrySetResult();
        }
    }
}
