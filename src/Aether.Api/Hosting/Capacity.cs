using Aether.Api.WebSockets;
using Aether.Application;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;

namespace Aether.Api.Hosting;

/// <summary>
/// Holds what is configured against what the system allows: each connection is an open file. An operator has to hear of it
/// when the instance starts, and not when it is full.
/// </summary>
internal sealed class Capacity(
    IEnumerable<IConnectionListenerFactory> transports, IOptions<RealtimeOptions> options, ILogger<Capacity> logger)
{
    private readonly bool guarded = transports.Any(transport => transport is GuardedListenerFactory);

    /// <summary>Refuses a start after which nobody could connect.</summary>
    /// <exception cref="TooFewOpenFilesException">The limit leaves no room for a connection.</exception>
    public void RefuseStartWithoutRoom()
    {
        long limit = OpenFiles.Limit;
        if (guarded && limit != OpenFiles.Unlimited && Room(limit) <= 0)
            throw new TooFewOpenFilesException(limit, OpenFiles.Next(limit) + OpenFiles.Reserve(limit));
    }

    /// <summary>Logs how many connections there can be, if that is less than there may be.</summary>
    public void TellWhatDoesNotFit()
    {
        long limit = OpenFiles.Limit;
        if (!guarded || limit == OpenFiles.Unlimited)
            return;
        var own = options.Value;
        long wanted = (long)own.MaxConnections + (own.Legacy.Enabled ? ConnectionRegistry.MaxLegacy(own) : 0);
        long room = Room(limit);
        if (wanted <= room)
            return;
        // A number that somebody has chosen is missed; the default is only large.
        bool chosen = own.MaxConnections != new RealtimeOptions().MaxConnections;
        logger.ConnectionsDoNotFit(chosen ? LogLevel.Warning : LogLevel.Information, wanted, limit, room);
    }

    private static long Room(long limit) => limit - OpenFiles.Reserve(limit) - OpenFiles.Next(limit);
}

/// <summary>The process may open so few files that it could not serve a single connection.</summary>
internal sealed class TooFewOpenFilesException(long limit, long needed) : Exception(
    $"The limit of open files, {limit}, is too low: more than {needed} are needed to serve a connection. "
    + "Raise it (ulimit -n, LimitNOFILE).");
