namespace Aether.Api.WebSockets;

/// <summary>Milliseconds that only go forward; never 0, so that 0 can mean "not".</summary>
internal sealed class Clock(TimeProvider time)
{
    private readonly long start = time.GetTimestamp();

    /// <summary>Now.</summary>
    public long NowMs => 1 + (long)time.GetElapsedTime(start).TotalMilliseconds;
}
