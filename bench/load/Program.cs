using System.Runtime.InteropServices;
using Aether.Load.Reporting;
using Aether.Load.Scenarios;

namespace Aether.Load;

/// <summary>The load driver.</summary>
internal static class Program
{
    private const int Good = 0, NotOk = 1, WrongUsage = 2, Stopped = 130;

    /// <summary>Somebody has asked it to end.</summary>
    public static volatile bool IsStopping;

    private static int Main(string[] arguments)
    {
        if (arguments.Length == 0 || arguments.Any(argument => argument is "--help" or "-h" or "help"))
        {
            Console.WriteLine(Help.Text);
            return arguments.Length == 0 ? WrongUsage : Good;
        }
        try
        {
            return Run(arguments[0], arguments[1..]);
        }
        catch (UsageException wrong)
        {
            Console.Error.WriteLine($"{wrong.Message}\nAether.Load --help says more");
            return WrongUsage;
        }
        catch (IOException fault)
        {
            Console.Error.WriteLine(fault.Message);
            return NotOk;
        }
    }

    private static int Run(string command, string[] arguments) => command switch
    {
        "fanout" or "direct" => Measure(command, arguments, options => new TrafficScenario(options).Run()),
        "storm" => Measure(command, arguments, options => new StormScenario(options).Run()),
        "idle" => Measure(command, arguments, options => new IdleScenario(options).Run()),
        "table" when arguments is [var folder] => Comparison.Print(folder),
        "growth" when arguments is [var folder, var results] => Growth.Collect(folder, results),
        "plot" when arguments is [var json, var svg] => SvgPlot.Draw(json, svg),
        "table" or "growth" or "plot" => throw new UsageException($"{command}: wrong number of arguments"),
        _ => throw new UsageException($"there is no command {command}"),
    };

    private static int Measure(string scenario, string[] arguments, Func<Options, RunResult> run)
    {
        var options = Options.Parse(scenario, arguments);
        if (!OperatingSystem.IsLinux())
            throw new UsageException("the driver needs Linux: epoll and /proc");
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        var result = run(options);
        ResultTable.Print(result);
        if (options.Json is { } path)
            result.Save(path);
        return IsStopping ? Stopped : result.Ok ? Good : NotOk;
    }

    private static void Stop(PosixSignalContext signal)
    {
        signal.Cancel = true;
        IsStopping = true;
    }
}
