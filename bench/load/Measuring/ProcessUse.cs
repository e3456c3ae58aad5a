using System.Globalization;

namespace Aether.Load.Measuring;

/// <summary>A process to measure.</summary>
/// <param name="Label">What it is called in results. <c>redis…</c> and <c>load…</c> are counted on their own.</param>
/// <param name="Id">Its id.</param>
internal sealed record MeasuredProcess(string Label, int Id)
{
    /// <summary>Whether it is a Redis.</summary>
    public bool IsRedis => Label.StartsWith("redis", StringComparison.Ordinal);

    /// <summary>Whether it is another load driver.</summary>
    public bool IsLoad => Label.StartsWith("load", StringComparison.Ordinal);

    /// <summary>Reads <c>label=id,label=id</c>.</summary>
    /// <exception cref="UsageException">It is none.</exception>
    public static IReadOnlyList<MeasuredProcess> ParseAll(string text)
    {
        var processes = new List<MeasuredProcess>();
        foreach (string entry in text.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = entry.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1 || !int.TryParse(entry[(equals + 1)..], CultureInfo.InvariantCulture, out int id))
                throw new UsageException($"--server-pids: '{entry}' is not label=pid");
            if (!Directory.Exists($"/proc/{id}"))
                throw new UsageException($"--server-pids: there is no process {id}");
            processes.Add(new MeasuredProcess(entry[..equals], id));
        }
        return processes;
    }
}

/// <summary>What a process has used, as the kernel counts it.</summary>
/// <param name="CpuSeconds">User and system time.</param>
/// <param name="RssKb">Memory that is resident now.</param>
internal readonly record struct ProcessUse(double CpuSeconds, long RssKb)
{
    // USER_HZ is 100 on every Linux that .NET runs on.
    private const double TicksPerSecond = 100;

    /// <summary>Reads it; null if the process is gone.</summary>
    public static ProcessUse? Read(int id)
    {
        try
        {
            string stat = File.ReadAllText($"/proc/{id}/stat");
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' '); // from field 3 of proc(5)
            long rss = File.ReadLines($"/proc/{id}/status")
                .Where(line => line.StartsWith("VmRSS:", StringComparison.Ordinal))
                .Select(line => Long(line[6..].Replace(" kB", "", StringComparison.Ordinal)))
                .FirstOrDefault();
            return fields[0] is "Z" or "X"
                ? null
                : new ProcessUse((Long(fields[11]) + Long(fields[12])) / TicksPerSecond, rss);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Seconds in which the processors of the machine worked, and in which they could have.</summary>
    public static (double Busy, double Total) ReadMachine()
    {
        // user nice system idle iowait irq softirq steal; what the hypervisor took is somebody else's work too
        long[] times = [.. File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Skip(1).Take(8).Select(Long)];
        long total = times.Sum();
        return ((total - times[3] - times[4]) / TicksPerSecond, total / TicksPerSecond);
    }

    private static long Long(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
