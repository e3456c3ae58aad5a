using System.Text.Json;
using System.Text.Json.Serialization;
using Aether.Load.Measuring;

namespace Aether.Load.Reporting;

/// <summary>What one run found out.</summary>
internal sealed record RunResult
{
    public required string Scenario { get; init; }

    public required string System { get; init; }

    /// <summary>The case in tables.</summary>
    public required string Name { get; init; }

    /// <summary>The system's name in tables.</summary>
    public required string Label { get; init; }

    /// <summary>Runs of one round were close in time.</summary>
    public int Round { get; init; }

    /// <summary>Where it is in a plot.</summary>
    public double? X { get; init; }

    /// <summary>When it began.</summary>
    public required DateTimeOffset Began { get; init; }

    /// <summary>How it was run.</summary>
    public required RunSettings Settings { get; init; }

    public bool Ok { get; set; }

    /// <summary>What was wrong first.</summary>
    public string? Fault { get; set; }

    /// <summary>What is counted: deliveries, connections opened and closed, or connections held.</summary>
    public string Unit { get; set; } = "";

    public int Connections { get; set; }

    /// <summary>How often a server said 503 while all connected; they came again.</summary>
    public int Refusals { get; set; }

    public long Sent { get; set; }

    public long Expected { get; set; }

    public long Count { get; set; }

    public long Lost { get; set; }

    public long Late { get; set; }

    public long Duplicates { get; set; }

    public long Misdirected { get; set; }

    public double BytesPerDelivery { get; set; }

    /// <summary>Length of the counted part.</summary>
    public double Seconds { get; set; }

    /// <summary>Closed loop: mostly queueing. Storm: until ready.</summary>
    public Quantiles? LatencyUs { get; set; }

    /// <summary>Open loop: how late the driver sent.</summary>
    public Quantiles? SendLagUs { get; set; }

    public Resources? Resources { get; set; }

    public double PerSecond => Seconds > 0 ? Count / Seconds : 0;

    /// <summary>CPU of all servers for one of what is counted, in µs; null where nobody measured it.</summary>
    public double? ServerUs => PerUnit(Servers.Sum(process => process.CpuSeconds) * 1e6);

    /// <summary>The same for Redis.</summary>
    public double? RedisUs => PerUnit(Redis.Sum(process => process.CpuSeconds) * 1e6);

    /// <summary>The same for this driver.</summary>
    public double? DriverUs => PerUnit((Resources?.DriverCpuSeconds ?? 0) * 1e6);

    /// <summary>Memory that the servers gained for each connection, in kB.</summary>
    public double? ServerKb => PerUnit(Servers.Sum(process => process.RssKb - process.RssKbAtFirst));

    /// <summary>Memory of the servers, in MB.</summary>
    public double? ServerRssMb => Resources is { Processes.Count: > 0 } ? Servers.Sum(p => p.RssKb) / 1024.0 : null;

    private IEnumerable<ProcessResources> Servers =>
        Resources?.Processes.Where(process => process is { IsRedis: false, IsLoad: false }) ?? [];

    private IEnumerable<ProcessResources> Redis => Resources?.Processes.Where(process => process.IsRedis) ?? [];

    /// <summary>An empty result for what was asked for.</summary>
    public static RunResult For(Options options) => new()
    {
        Scenario = options.Scenario,
        System = options.System,
        Name = options.Name ?? options.Scenario,
        Label = options.Label ?? options.System,
        Round = options.Round,
        X = options.X,
        Began = TimeProvider.System.GetUtcNow(),
        Settings = RunSettings.Of(options),
    };

    /// <summary>Reads one.</summary>
    public static RunResult Load(string path) =>
        JsonSerializer.Deserialize(File.ReadAllText(path), ReportingJson.Default.RunResult)
        ?? throw new UsageException($"{path} is no result of a run");

    /// <summary>All that are in a folder, in the order in which they were run.</summary>
    public static IReadOnlyList<RunResult> LoadAll(string folder)
    {
        if (!Directory.Exists(folder))
            throw new UsageException($"there is no folder {folder}");
        return [.. Directory.EnumerateFiles(folder, "*.json").Select(Load).OrderBy(run => run.Began)];
    }

    /// <summary>Writes it.</summary>
    public void Save(string path) =>
        File.WriteAllText(path, JsonSerializer.Serialize(this, ReportingJson.Default.RunResult) + "\n");

    private double? PerUnit(double amount) =>
        Resources is { Processes.Count: > 0 } && Count > 0 ? amount / Count : null;
}

/// <summary>How a run was made.</summary>
internal sealed record RunSettings
{
    public int Instances { get; init; }

    public bool Cross { get; init; }

    public int Groups { get; init; }

    public int Fan { get; init; }

    public int Publishers { get; init; }

    public int Pairs { get; init; }

    public int Payload { get; init; }

    public int Window { get; init; }

    public double? Rate { get; init; }

    public int Concurrency { get; init; }

    public double WarmupSeconds { get; init; }

    public double DurationSeconds { get; init; }

    /// <summary>Those of the command line.</summary>
    public static RunSettings Of(Options options) => new()
    {
        Instances = options.Urls.Count,
        Cross = options.Cross,
        Groups = options.Groups,
        Fan = options.Fan,
        Publishers = options.Publishers,
        Pairs = options.Pairs,
        Payload = options.Payload,
        Window = options.Window,
        Rate = options.Rate,
        Concurrency = options.Concurrency,
        WarmupSeconds = options.Warmup.TotalSeconds,
        DurationSeconds = options.Duration.TotalSeconds,
    };
}

/// <summary>CPU and memory over the counted part.</summary>
internal sealed record Resources
{
    public required IReadOnlyList<ProcessResources> Processes { get; init; }

    public double DriverCpuSeconds { get; init; }

    /// <summary>Share of the machine that neither servers nor Redis nor driver took; null where that is not known.</summary>
    public double? OthersPercent { get; init; }

    /// <summary>CPU time of a fixed piece of work at that time.</summary>
    public double CalibrationMs { get; init; }
}

/// <summary>What one process took.</summary>
internal sealed record ProcessResources
{
    public required string Label { get; init; }

    public bool IsRedis { get; init; }

    public bool IsLoad { get; init; }

    public bool Alive { get; init; }

    public double CpuSeconds { get; init; }

    public long RssKbAtFirst { get; init; }

    public long RssKb { get; init; }
}

/// <summary>How a time is spread, in µs.</summary>
internal sealed record Quantiles(double P50, double P90, double P99, double P999, double Max)
{
    /// <summary>Those of a histogram in ns.</summary>
    public static Quantiles Of(Histogram times) => new(
        times.Percentile(0.5) / 1e3, times.Percentile(0.9) / 1e3, times.Percentile(0.99) / 1e3,
        times.Percentile(0.999) / 1e3, times.Max / 1e3);
}

/// <summary>How results look in files.</summary>
[JsonSourceGenerationOptions(
    WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(RunResult))]
[JsonSerializable(typeof(PlotData))]
internal sealed partial class ReportingJson : JsonSerializerContext;
