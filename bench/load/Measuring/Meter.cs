using System.Diagnostics;
using Aether.Load.Reporting;

namespace Aether.Load.Measuring;

/// <summary>Measures processes and machine over the counted part of a run.</summary>
internal sealed class Meter(IReadOnlyList<MeasuredProcess> processes)
{
    private readonly Dictionary<string, ProcessUse?> atFirst = Read(processes);
    private Dictionary<string, ProcessUse?> before = [];
    private (double Busy, double Total) machineBefore;
    private double ownBefore, calibration;

    /// <summary>The counted part begins.</summary>
    public void Start()
    {
        calibration = Calibration.Measure();
        before = Read(processes);
        machineBefore = ProcessUse.ReadMachine();
        ownBefore = OwnCpu();
    }

    /// <summary>The counted part has ended.</summary>
    public Resources Stop()
    {
        var after = Read(processes);
        var machine = ProcessUse.ReadMachine();
        double own = OwnCpu() - ownBefore;
        calibration = (calibration + Calibration.Measure()) / 2;
        var used = processes.Select(process => new ProcessResources
        {
            Label = process.Label,
            IsRedis = process.IsRedis,
            IsLoad = process.IsLoad,
            Alive = after[process.Label] is not null,
            CpuSeconds = (after[process.Label]?.CpuSeconds ?? 0) - (before[process.Label]?.CpuSeconds ?? 0),
            RssKbAtFirst = atFirst[process.Label]?.RssKb ?? 0,
            RssKb = after[process.Label]?.RssKb ?? 0,
        }).ToList();
        own += used.Where(process => process.IsLoad).Sum(process => process.CpuSeconds);
        double servers = used.Where(process => !process.IsLoad).Sum(process => process.CpuSeconds);
        double total = machine.Total - machineBefore.Total;
        double others = machine.Busy - machineBefore.Busy - own - servers;
        return new Resources
        {
            Processes = used,
            DriverCpuSeconds = own,
            // Without the pids of the servers nobody knows who "others" are.
            OthersPercent = processes.Count == 0 || total <= 0 ? null : Math.Max(0, 100 * others / total),
            CalibrationMs = calibration,
        };
    }

    private static Dictionary<string, ProcessUse?> Read(IReadOnlyList<MeasuredProcess> processes) =>
        processes.ToDictionary(process => process.Label, process => ProcessUse.Read(process.Id));

    private static double OwnCpu()
    {
        using var self = Process.GetCurrentProcess();
        return self.TotalProcessorTime.TotalSeconds;
    }
}
