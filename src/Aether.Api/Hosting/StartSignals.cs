using System.Runtime.InteropServices;

namespace Aether.Api.Hosting;

/// <summary>
/// Ends a start that is told to stop, at any moment of it: whoever stops a server that has not started yet has what he
/// wanted, so the code is 0. The host itself hears signals only once it is built, and then gives up with an exception.
/// </summary>
internal sealed class StartSignals : IDisposable
{
    private readonly PosixSignalRegistration[] registrations;
    private volatile bool stopped;
    private int told;

    public StartSignals() => registrations =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal),
        PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal),
        PosixSignalRegistration.Create(PosixSignal.SIGQUIT, OnSignal),
    ];

    /// <summary>Whether the server has started.</summary>
    public bool IsDone { get; private set; }

    /// <summary>The server has started; from now on the host ends it.</summary>
    public void Done()
    {
        IsDone = true;
        Dispose();
    }

    /// <summary>Says why there was no start, and gives the exit code.</summary>
    public int End(Exception failure)
    {
        // What a start says that is interrupted is no cause of anything.
        if (stopped || failure is OperationCanceledException)
            return Stop();
        StartFailure.Tell(failure);
        return 1;
    }

    public void Dispose()
    {
        foreach (var registration in registrations)
            registration.Dispose();
    }

    private void OnSignal(PosixSignalContext context)
    {
        if (IsDone || stopped)
            return;
        stopped = true;
        context.Cancel = true;
        // On a thread of the runtime's: the main thread may be in the middle of anything.
        Environment.Exit(Stop());
    }

    private int Stop()
    {
        // The host may have heard the signal, too.
        if (Interlocked.Exchange(ref told, 1) == 0)
            Console.Error.WriteLine("Told to stop before it had started.");
        return 0;
    }
}
