using Aether.Application.Delivery;
using Aether.Domain;

namespace Aether.Application.History;

/// <summary>
/// The last kept frames of one channel, so that whoever was away for a moment costs the store nothing. Guarded by whoever
/// has it.
/// </summary>
internal sealed class FrameRing(HistoryServices shared)
{
    private const int MostBytes = 64 * 1024;

    // Or an instance would give more than a channel keeps.
    private readonly int mostFrames = Math.Min(64, shared.Kept.Limits.Messages);

    private readonly Queue<(KeptFrame Frame, long At)> frames = new();
    private int bytes;

    /// <summary>Adds the frame that comes behind the last one.</summary>
    public void Add(KeptFrame frame)
    {
        int length = frame.Bytes.Length;
        if (length > MostBytes || !shared.Budget.TryTake(length))
        {
            // What is left would end before the last one.
            Clear();
            return;
        }
        frames.Enqueue((frame, shared.Time.GetTimestamp()));
        bytes += length;
        while (frames.Count > mostFrames || bytes > MostBytes)
            DropFirst();
    }

    /// <summary>Lets go of all of them.</summary>
    public void Clear()
    {
        while (frames.Count > 0)
            DropFirst();
    }

    /// <summary>
    /// The frames after a position, if all of them are here; the last one here is the last one there is.
    /// </summary>
    public KeptPage? TryRead(Position after, Position last)
    {
        Expire();
        if (frames.Count == 0 || after.Epoch != last.Epoch || after.Seq >= last.Seq
            || frames.Peek().Frame.Position is var first && (first.Epoch != last.Epoch || first.Seq > after.Seq + 1))
            return null;
        return new KeptPage(
            after, last, last, [.. frames.Where(one => one.Frame.Position.Seq > after.Seq).Select(one => one.Frame)]);
    }

    /// <summary>The last frames, if there are so many here.</summary>
    public KeptPage? TryReadLast(int count, Position last)
    {
        Expire();
        return frames.Count < count ? null : TryRead(last.At(last.Seq - count), last);
    }

    // Or an instance would give what is no longer kept.
    private void Expire()
    {
        while (frames.Count > 0 && shared.Time.GetElapsedTime(frames.Peek().At) > shared.Kept.Limits.Ttl)
            DropFirst();
    }

    private void DropFirst()
    {
        int length = frames.Dequeue().Frame.Bytes.Length;
        bytes -= length;
        shared.Budget.GiveBack(length);
    }
}
