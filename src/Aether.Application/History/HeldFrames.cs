using Aether.Application.Delivery;
using Aether.Application.Wire;

namespace Aether.Application.History;

/// <summary>
/// What came on a channel while what goes before it is read out of its stream. Bounded: over that, kept ones are left to
/// the stream, and of others it is known which types are missing. Guarded by whoever has it.
/// </summary>
internal sealed class HeldFrames
{
    private const int MostFrames = 1_024;
    private const int MostBytes = 1024 * 1024;

    private readonly Queue<Held> frames = new();
    private int bytes;
    private long added;

    /// <summary>The types of those that had no room and are in no stream.</summary>
    public GapTypes Lost { get; set; }

    /// <summary>Whether kept ones had no room: they have to be read.</summary>
    public bool IsShort { get; set; }

    /// <summary>How many came so far: what comes later has a higher number.</summary>
    public long Added => added;

    /// <summary>Takes a frame.</summary>
    public void Add(Frame frame, GapTypes type)
    {
        if (frames.Count >= MostFrames || (bytes > 0 && bytes + frame.Bytes.Length > MostBytes))
        {
            while (TryTake(out var one))
                Leave(one);
        }
        frames.Enqueue(new Held(frame, type, ++added));
        bytes += frame.Bytes.Length;
    }

    /// <summary>Looks at the first one.</summary>
    public bool TryPeek(out Held first) => frames.TryPeek(out first);

    /// <summary>Takes the first one out.</summary>
    public bool TryTake(out Held first)
    {
        if (!frames.TryDequeue(out first))
            return false;
        bytes -= first.Frame.Bytes.Length;
        return true;
    }

    private void Leave(Held one)
    {
        if (one.Frame is KeptFrame)
            IsShort = true;
        else
            Lost |= one.Type;
    }

    /// <summary>A frame, the type of its message, and its number in the order in which they came.</summary>
    internal readonly record struct Held(Frame Frame, GapTypes Type, long Number);
}
