using Aether.Application.Delivery;
using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Application.History;

/// <summary>Frames of a stream, as they are sent to whoever missed them; shared by all who missed the same.</summary>
/// <param name="From">The position before the first one.</param>
/// <param name="To">How far the page goes.</param>
/// <param name="End">Where the stream ends.</param>
/// <param name="Frames">The frames.</param>
/// <param name="Status">Whether all of it is there; if not, there are no frames.</param>
internal sealed record KeptPage(
    Position From,
    Position To,
    Position End,
    IReadOnlyList<KeptFrame> Frames,
    HistoryStatus Status = HistoryStatus.Found)
{
    /// <summary>The most messages of a page.</summary>
    public const int MostMessages = 100;

    /// <summary>The most bytes of a page of more than one message.</summary>
    public const int MostBytes = 256 * 1024;

    /// <summary>How long its frames are together.</summary>
    public int Bytes { get; } = Frames.Sum(frame => frame.Bytes.Length);

    /// <summary>Whether the stream ends with it.</summary>
    public bool IsComplete => To == End;

    /// <summary>How many messages to read next: as many as fit if they are like those here.</summary>
    public int NextLimit => Frames.Count == 0
        ? MostMessages
        : (int)Math.Clamp((long)MostBytes * Frames.Count / Math.Max(1, Bytes), 1, MostMessages);

    /// <summary>Makes the frames of what was read, as many as fit.</summary>
    public static KeptPage Of(HistoryPage page)
    {
        var frames = new List<KeptFrame>(page.Messages.Count);
        int bytes = 0;
        foreach (var message in page.Messages)
        {
            var frame = new KeptFrame(message);
            bytes += frame.Bytes.Length;
            if (bytes > MostBytes && frames.Count > 0)
                break;
            frames.Add(frame);
        }
        return new KeptPage(
            page.From, frames.Count > 0 ? frames[^1].Position : page.From, page.End, frames, page.Status);
    }
}
