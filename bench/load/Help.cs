using System.Globalization;

namespace Aether.Load;

/// <summary>What <c>--help</c> says.</summary>
internal static class Help
{
    /// <summary>All of it.</summary>
    public static string Text => string.Create(CultureInfo.InvariantCulture, $"""
        Load driver for Aether Realtime and SignalR.

          Aether.Load fanout --urls URL[,URL...] [options]   messages to groups
          Aether.Load direct --urls URL[,URL...] [options]   messages between pairs of clients, both ways
          Aether.Load storm  --urls URL[,URL...] [options]   connections opened and properly closed
          Aether.Load idle   --urls URL[,URL...] [options]   connections that are held; memory of the servers

          Aether.Load table FOLDER                 one markdown table of the runs (--json) in a folder, with ratios
          Aether.Load growth FOLDER RESULTS        series of the runs (--x) in a folder: growth.csv, one JSON a plot
          Aether.Load plot FILE.json FILE.svg      draws one of them

        Servers
          --urls LIST           http://127.0.0.1:5080, one for each instance; clients are spread over them
          --system NAME         aether (V3, default), legacy (V1 and V2), signalr (hub of bench/peers/signalr)
          --cross               who sends is on the first instance, who receives on the others
          --server-pids LIST    label=pid,...: measures CPU and memory of these processes. Labels that begin with
                                redis or load are counted on their own

        Load
          --groups N            fanout: groups ({Options.DefaultGroups})
          --fan N               fanout: deliveries of each message ({Options.DefaultFan}). Where who sends hears itself, it is one of them
          --publishers N        fanout: how many send to each group (1)
          --join-publishers     fanout: SignalR's publishers join their groups too, as members do in Aether
          --pairs N             direct: pairs ({Options.DefaultPairs})
          --payload BYTES       payload of a message, without the envelope of its protocol ({Options.DefaultPayload})
          --window N            closed loop: so many messages of each sender on their way ({Options.DefaultWindow})
          --in-flight N         closed loop: no more than that over all; senders take turns
          --rate N              open loop: messages a second, over all senders. Latency counts from when one was due
          --connections N       idle: how many ({Options.DefaultConnections})
          --concurrency N       connections in their handshake at once ({Options.DefaultConcurrency})
          --prefix TEXT         in front of the names of groups and clients, for several drivers at once

        Time, in seconds
          --warmup S            the same load, not counted ({Options.DefaultWarmup}); .NET needs some seconds
          --duration S          counted part ({Options.DefaultDuration}); idle: how long connections are held
          --drain S             wait for the last deliveries at most that long ({Options.DefaultDrain})

        Output
          --json FILE           the result, for table and growth
          --name, --label, --round, --x
                                go into it: the case, the system's name in tables, the round, the value on the x axis
          --ready-file FILE     idle: is created when all connections are open
          --quiet               no progress

        Every delivery is checked: each receiver gets all messages of its senders, in order, once, and no others.
        Exit code 0: the run is good. 1: it is not, and the result says why. 2: wrong usage. 130: stopped.
        Needs Linux. More than about 20,000 connections take further source addresses 127.0.0.x; mind ulimit -n.
        """);
}
