using Aether.Domain;
using Aether.Domain.Commands;

namespace Aether.Infrastructure.Redis.Commands;

/// <summary>
/// What was ordered in commands that this instance has to do with, so that a word of a member does not bring the payload of
/// all along each time. An order stays as it was given; the one that was kept first goes first.
/// </summary>
internal sealed class KnownOrders
{
    private const long MaxBytes = 16 * 1024 * 1024;
    private const int BytesBeside = 1_024;

    private readonly Lock gate = new();
    private readonly Dictionary<(VisionId Group, string Id), CommandOrder> orders = [];
    private readonly Queue<CommandOrder> oldest = new();
    private long bytes;

    public CommandOrder? Find(VisionId group, string id)
    {
        lock (gate)
            return orders.GetValueOrDefault((group, id));
    }

    public void Keep(CommandOrder order)
    {
        lock (gate)
        {
            if (!orders.TryAdd((order.GroupId, order.Id), order))
                return;
            oldest.Enqueue(order);
            bytes += SizeOf(order);
            while (bytes > MaxBytes && oldest.TryDequeue(out var gone))
            {
                orders.Remove((gone.GroupId, gone.Id));
                bytes -= SizeOf(gone);
            }
        }
    }

    private static long SizeOf(CommandOrder order) =>
        BytesBeside + order.Payload.Length + (2 * (order.Cmd.Length + (order.Msg?.Length ?? 0)));
}
