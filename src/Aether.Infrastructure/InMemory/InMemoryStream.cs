using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Infrastructure.InMemory;

/// <summary>
/// The kept messages of one channel, guarded by a lock on this object. There is one for each channel that is heard, so one
/// in which nothing was kept has only its epoch.
/// </summary>
internal sealed class InMemoryStream(string epoch)
{
    private Queue<(Message Message, long At)>? messages;
    private Dictionary<(VisionId From, string Id), long>? ids;
    private Queue<(VisionId From, string Id, long At)>? idsByAge;
    private long seq;

    /// <summary>When somebody asked for it last, as a timestamp of the clock; 0: never.</summary>
    public long UsedAt { get; set; }

    /// <summary>Where it ends.</summary>
    public Position End => new(epoch, seq);

    private int Count => messages?.Count ?? 0;

    /// <summary>Numbers a message and keeps it, as one of so many at most.</summary>
    public Message Append(Message message, long now, int most)
    {
        var kept = message with { Position = new Position(epoch, ++seq) };
        messages ??= new Queue<(Message, long)>();
        messages.Enqueue((kept, now));
        if (messages.Count > most)
            messages.Dequeue();
        if (message.Id is not null)
        {
            ids ??= [];
            idsByAge ??= new Queue<(VisionId, string, long)>();
            ids[(message.FromId, message.Id)] = seq;
            idsByAge.Enqueue((message.FromId, message.Id, now));
        }
        return kept;
    }

    /// <summary>Says where a message was kept, if its id is known.</summary>
    public bool TryFind(VisionId from, string id, out Position first)
    {
        first = default;
        if (ids is null || !ids.TryGetValue((from, id), out long found))
            return false;
        first = new Position(epoch, found);
        return true;
    }

    /// <summary>Lets go of what was kept before a time.</summary>
    public void Expire(long before)
    {
        while (messages is { Count: > 0 } && messages.Peek().At < before)
            messages.Dequeue();
        if (messages is { Count: 0 })
            messages = null;
        while (idsByAge is { Count: > 0 } && idsByAge.Peek().At < before)
        {
            var (from, id, _) = idsByAge.Dequeue();
            ids!.Remove((from, id));
        }
        if (idsByAge is { Count: 0 })
            (idsByAge, ids) = (null, null);
    }

    /// <summary>Reads a part of it.</summary>
    public HistoryPage Read(HistoryRange range, int most)
    {
        long oldest = seq - Count;
        long from = range switch
        {
            { After.IsEmpty: false } => range.After.Seq,
            { Last: > 0 } => Math.Max(oldest, seq - range.Last),
            _ => oldest,
        };
        if (!range.After.IsEmpty)
        {
            if (range.After.Epoch != epoch || from > seq)
                return HistoryPage.Lost(HistoryStatus.Epoch, End);
            if (seq - from > most)
                return HistoryPage.Lost(HistoryStatus.TooMany, End);
            // One has to make room only for so many newer ones that the rule above holds: it was its time that was over.
            if (from < oldest)
                return HistoryPage.Lost(HistoryStatus.Expired, End);
        }
        var page = (messages ?? []).Skip((int)(from - oldest)).Take(range.Limit).Select(one => one.Message).ToList();
        return new HistoryPage(HistoryStatus.Found, End, page, End.At(from));
    }
}
