using System.Globalization;
using Aether.Load.Measuring;
using Aether.Load.Net;
using Aether.Load.Traffic;

namespace Aether.Load;

/// <summary>What the command line of a run says. <see cref="Help"/> describes each of them.</summary>
internal sealed record Options
{
    // Shared with the help text, so that it cannot say something else.
    internal const int DefaultGroups = 10, DefaultFan = 100, DefaultPairs = 50, DefaultPayload = 256, DefaultWindow = 4;
    internal const int DefaultConnections = 1_000, DefaultConcurrency = 64;
    internal const double DefaultDuration = 5, DefaultWarmup = 8, DefaultDrain = 15;

    private const int MostConcurrent = 512; // the backlog of a listening socket in .NET
    private const int LongestPayload = 60_000;

    public required string Scenario { get; init; }

    public IReadOnlyList<Endpoint> Urls { get; private set; } = [];

    public string System { get; private set; } = "aether";

    public int Groups { get; private set; } = DefaultGroups;

    public int Fan { get; private set; } = DefaultFan;

    public int Publishers { get; private set; } = 1;

    public int Pairs { get; private set; } = DefaultPairs;

    public int Payload { get; private set; } = DefaultPayload;

    public int Window { get; private set; } = DefaultWindow;

    public long InFlight { get; private set; } = long.MaxValue;

    public double? Rate { get; private set; }

    public TimeSpan Duration { get; private set; } = TimeSpan.FromSeconds(DefaultDuration);

    public TimeSpan Warmup { get; private set; } = TimeSpan.FromSeconds(DefaultWarmup);

    public TimeSpan Drain { get; private set; } = TimeSpan.FromSeconds(DefaultDrain);

    public int Connections { get; private set; } = DefaultConnections;

    public int Concurrency { get; private set; } = DefaultConcurrency;

    public bool Cross { get; private set; }

    public bool JoinPublishers { get; private set; }

    public string Prefix { get; private set; } = "";

    public string? ReadyFile { get; private set; }

    public IReadOnlyList<MeasuredProcess> Processes { get; private set; } = [];

    public string? Json { get; private set; }

    public bool Quiet { get; private set; }

    public string? Name { get; private set; }

    public string? Label { get; private set; }

    public int Round { get; private set; }

    public double? X { get; private set; }

    /// <summary>Reads what follows the scenario.</summary>
    /// <exception cref="UsageException">It is no set of options.</exception>
    public static Options Parse(string scenario, IReadOnlyList<string> arguments)
    {
        var options = new Options { Scenario = scenario };
        for (int i = 0; i < arguments.Count; i++)
        {
            if (options.TrySwitch(arguments[i]))
                continue;
            if (i + 1 == arguments.Count)
                throw new UsageException($"{arguments[i]} needs a value");
            options.Set(arguments[i], arguments[++i]);
        }
        options.Check();
        return options;
    }

    private bool TrySwitch(string option)
    {
        switch (option)
        {
            case "--cross": Cross = true; return true;
            case "--join-publishers": JoinPublishers = true; return true;
            case "--quiet": Quiet = true; return true;
            default: return false;
        }
    }

    private void Set(string option, string value)
    {
        switch (option)
        {
            case "--urls": Urls = [.. value.Split(',').Select(Endpoint.Parse)]; break;
            case "--system": System = value; break;
            case "--groups": Groups = Count(option, value); break;
            case "--fan": Fan = Count(option, value); break;
            case "--publishers": Publishers = Count(option, value); break;
            case "--pairs": Pairs = Count(option, value); break;
            case "--payload": Payload = Count(option, value); break;
            case "--window": Window = Count(option, value); break;
            case "--in-flight": InFlight = Count(option, value); break;
            case "--rate": Rate = Number(option, value); break;
            case "--duration": Duration = TimeSpan.FromSeconds(Number(option, value)); break;
            case "--warmup": Warmup = TimeSpan.FromSeconds(Number(option, value)); break;
            case "--drain": Drain = TimeSpan.FromSeconds(Number(option, value)); break;
            case "--connections": Connections = Count(option, value); break;
            case "--concurrency": Concurrency = Count(option, value); break;
            case "--prefix": Prefix = value; break;
            case "--ready-file": ReadyFile = value; break;
            case "--server-pids": Processes = MeasuredProcess.ParseAll(value); break;
            case "--json": Json = value; break;
            case "--name": Name = value; break;
            case "--label": Label = value; break;
            case "--round": Round = Count(option, value); break;
            case "--x": X = Number(option, value); break;
            default: throw new UsageException($"there is no option {option}");
        }
    }

    private void Check()
    {
        if (Urls.Count == 0)
            throw new UsageException("--urls is needed");
        if (Cross && Urls.Count < 2)
            throw new UsageException("--cross needs two instances or more in --urls");
        if (Payload is < Stamp.ShortestPayload or > LongestPayload)
            throw new UsageException($"--payload: from {Stamp.ShortestPayload} to {LongestPayload} bytes");
        if (Concurrency > MostConcurrent)
            throw new UsageException($"--concurrency: at most {MostConcurrent}");
        if (Publishers > Fan)
            throw new UsageException("--publishers: no more than --fan");
        if (Rate <= 0)
            throw new UsageException("--rate: more than 0");
    }

    private static int Count(string option, string value) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count > 0
            ? count
            : throw new UsageException($"{option}: '{value}' is no positive whole number");

    private static double Number(string option, string value) =>
        double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number)
            ? number
            : throw new UsageException($"{option}: '{value}' is no number");
}
