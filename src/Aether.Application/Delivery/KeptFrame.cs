using Aether.Domain;

namespace Aether.Application.Delivery;

/// <summary>The frame of a kept message. It knows where it is kept, so that nobody gets it twice.</summary>
internal sealed class KeptFrame : Frame
{
    /// <summary>Creates the frame of a message that has a position.</summary>
    internal KeptFrame(Message message)
        : base(message)
    {
        Position = message.Position;
        Kind = message.Channel?.Kind ?? throw new ArgumentException("an echo is never kept", nameof(message));
    }

    /// <summary>Where the message is kept.</summary>
    public Position Position { get; }

    /// <summary>
    /// Tells it from another message that has got the same number; the same for the same message within this process, and
    /// never 0.
    /// </summary>
    internal int Fingerprint
    {
        get
        {
            var hash = default(HashCode);
            hash.AddBytes(Bytes.Span);
            return hash.ToHashCode() | 1;
        }
    }

    /// <summary>In the stream of which channel.</summary>
    public ChannelKind Kind { get; }
}
