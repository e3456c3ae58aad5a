namespace Aether.Application.History;

/// <summary>
/// Whether the store may have lost its newest messages, from when that was first feared until it was looked at. What is
/// heard meanwhile may have got a number that was given before.
/// </summary>
internal sealed class StoreDoubts
{
    private long raised;
    private long settled;

    /// <summary>The number of the last doubt; 0: there was none yet.</summary>
    public long Last => Volatile.Read(ref raised);

    /// <summary>From here on it may be so.</summary>
    public void Raise() => Interlocked.Increment(ref raised);

    /// <summary>All that was feared up to this doubt has been looked at.</summary>
    public void Settle(long doubt) => Volatile.Write(ref settled, doubt);

    /// <summary>Whether that doubt has not been looked at.</summary>
    public bool IsOpen(long doubt) => doubt > Volatile.Read(ref settled);
}
