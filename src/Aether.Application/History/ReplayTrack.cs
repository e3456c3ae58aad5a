using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Application.History;

/// <summary>How far one connection has come in one of its channels.</summary>
internal sealed class ReplayTrack(ChannelKind kind, ChannelPlace? place, Position after, int rewind)
{
    private KeptPage? first;
    private Position read;
    private Position stop;
    private Position attachedAt;
    private int limit;
    private bool isThrough = rewind == 0 && after.IsEmpty;

    /// <summary>Which of its channels.</summary>
    public ChannelKind Kind => kind;

    /// <summary>Whether it asks for what it missed there.</summary>
    public bool IsAsked => rewind > 0 || !after.IsEmpty;

    /// <summary>The position that it goes on from.</summary>
    public Position From { get; private set; }

    /// <summary>The last position that it has got, or needs not get.</summary>
    public Position At { get; private set; }

    /// <summary>Why it gets nothing; <see langword="null"/>: it gets all.</summary>
    public HistoryStatus? Lost { get; private set; }

    /// <summary>How many messages it was sent.</summary>
    public int Count { get; set; }

    /// <summary>Whether it has all that came before it was attached: the rest comes live.</summary>
    public bool IsThrough => isThrough;

    /// <summary>Whether something may still come that it has got already.</summary>
    public bool MayRepeat { get; private set; }

    /// <summary>
    /// Notes where the channel was when the connection began to hear it, and reads the first page of what it asks for.
    /// </summary>
    /// <returns>Whether it could be read.</returns>
    public async Task<bool> BeginAsync()
    {
        From = At = stop = attachedAt = place?.Last ?? default;
        if (!IsAsked)
            return true;
        if (place is null)
        {
            // Nothing is kept: there is nothing to go back to, and no stream that a position could be of.
            if (!after.IsEmpty)
                Lost = HistoryStatus.Epoch;
            isThrough = true;
            return true;
        }
        limit = rewind > 0 ? rewind : place.Shared.Reads.FirstLimit;
        var page = rewind > 0 ? place.TryReadLast(rewind) : place.TryRead(after);
        page ??= await place.Shared.Reads.ReadAsync(
            place.Name, rewind > 0 ? new HistoryRange(default, rewind, rewind) : new HistoryRange(after, limit), stop)
            .ConfigureAwait(false);
        switch (page.Status)
        {
            case HistoryStatus.Unavailable:
                return false;
            case HistoryStatus.Found:
                From = At = page.From;
                // What others have read may end before the last message that came here: the rest is behind that one.
                if (rewind > 0 && (page.End.Epoch != stop.Epoch || page.End.Seq > stop.Seq))
                    stop = page.End;
                first = page;
                return true;
            default:
                Lost = page.Status;
                isThrough = true;
                return true;
        }
    }

    /// <summary>The next page; <see langword="null"/> if it is not there as a whole.</summary>
    public async ValueTask<KeptPage?> NextAsync()
    {
        var page = first ?? await place!.Shared.Reads.ReadAsync(place.Name, new HistoryRange(read, limit), stop)
            .ConfigureAwait(false);
        first = null;
        if (page.Status != HistoryStatus.Found)
            return null;
        (read, limit) = (page.To, page.NextLimit);
        isThrough = page.IsComplete || (page.To.Epoch == stop.Epoch && page.To.Seq >= stop.Seq);
        return page;
    }

    /// <summary>The page is on its way; only in the connection's loop.</summary>
    public void Advance(KeptPage page)
    {
        At = page.To;
        // What this instance had not heard when the connection was attached comes once more: it may have heard it by now,
        // and the loop not have come to it. That holds as well for an epoch that it had not heard of.
        MayRepeat = attachedAt.Epoch != At.Epoch || attachedAt.Seq < At.Seq;
    }

    /// <summary>Whether a message of the channel is one that it has not got; only in the connection's loop.</summary>
    public bool Admits(Position position)
    {
        if (position.Epoch == At.Epoch && position.Seq <= At.Seq)
            return false;
        MayRepeat = false;
        return true;
    }
}
