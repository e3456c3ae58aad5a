using Aether.Application.Presence;
using Aether.Domain;

namespace Aether.Api.WebSockets;

/// <summary>
/// Lets a new connection take the place of those before it, also where its order is refused, or lost on its way back.
/// </summary>
internal static class TakeOver
{
    /// <summary>How long to wait after an order that the backplane refused.</summary>
    internal static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>How long after it was taken an order is heard, if it is heard at all.</summary>
    internal static readonly TimeSpan Lost = TimeSpan.FromSeconds(5);

    /// <summary>Gives the order. Completes when it was given once; what has to be done after that goes on.</summary>
    public static async Task BeginAsync(ConnectionServices services, ClientConnection connection)
    {
        bool taken = await OrderAsync(services, connection).ConfigureAwait(false);
        _ = GoOnAsync(services, connection, taken);
    }

    private static async Task GoOnAsync(ConnectionServices services, ClientConnection connection, bool taken)
    {
        while (!taken)
        {
            await Task.Delay(Pause, services.Time).ConfigureAwait(false);
            if (connection.Reason is not null || connection.HasLeft || Volatile.Read(ref connection.HasTakenOver))
                return;
            // An order now would close the one that came later.
            if (Volatile.Read(ref connection.IsPassed))
            {
                connection.Close(CloseReason.Superseded);
                return;
            }
            taken = await OrderAsync(services, connection).ConfigureAwait(false);
        }
        // Given once more it could come behind that of a later one. It is enough that a later one closes this one.
        await Task.Delay(Lost, services.Time).ConfigureAwait(false);
        if (!Volatile.Read(ref connection.HasTakenOver))
            connection.Loop.Run(() => connection.HasTakenOver = true);
    }

    private static async Task<bool> OrderAsync(ConnectionServices services, ClientConnection connection)
    {
        try
        {
            var told = await services.Mediator.Send(
                new Disconnect(connection.GroupId, connection.ClientId, connection.Id), CancellationToken.None)
                .ConfigureAwait(false);
            return told.Rejection is null;
        }
        catch (Exception fault)
        {
            services.Logger.CommandFailed(fault.GetType().Name);
            return false;
        }
    }
}
