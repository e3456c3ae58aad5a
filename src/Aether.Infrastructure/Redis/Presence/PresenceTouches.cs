using System.Collections.Concurrent;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis.Presence;

/// <summary>
/// Signs of life that wait to be written, many of them in one round trip. Of a client one is written in 10 s, the last
/// that it gave; as what it was, and not as of now.
/// </summary>
internal sealed class PresenceTouches(PresenceScripts scripts, TimeProvider time)
{
    /// <summary>How often those that wait are written.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(2);

    // A script stops Redis for as long as it runs: 500 clients take it about half a millisecond.
    private const int ClientsAtOnce = 500;
    private static readonly TimeSpan PerClient = TimeSpan.FromSeconds(10);

    private readonly ConcurrentQueue<LocalMember> waiting = [];
    private readonly long every = (long)(PerClient.TotalSeconds * time.TimestampFrequency);

    /// <summary>Notes a sign of life.</summary>
    public void Add(LocalMember member)
    {
        if (member.Signs.Note(time.GetTimestamp()))
            waiting.Enqueue(member);
    }

    /// <summary>
    /// Writes those that wait and may be written now. One that fails is not written again: the client's next one comes
    /// soon, and its presence hangs on the lease and not on this.
    /// </summary>
    public async Task WriteAsync()
    {
        long now = time.GetTimestamp();
        var groups = new Dictionary<LocalGroup, List<RedisValue>>();
        for (int count = waiting.Count; count > 0 && waiting.TryDequeue(out var member); count--)
        {
            if (!member.Signs.TryTake(now, every, out long at))
            {
                waiting.Enqueue(member);
                continue;
            }
            if (!groups.TryGetValue(member.Group, out var clients))
                groups.Add(member.Group, clients = []);
            clients.Add(member.Client.Value);
            clients.Add((long)time.GetElapsedTime(at, now).TotalMilliseconds);
        }
        var writes = new List<Task>(groups.Count);
        foreach (var (group, clients) in groups)
        {
            foreach (var some in clients.Chunk(2 * ClientsAtOnce))
                writes.Add(scripts.TouchAsync(group.Id, some));
        }
        await Task.WhenAll(writes).ConfigureAwait(false);
    }

    /// <summary>Forgets those that wait: for a store that cannot be reached.</summary>
    public void Clear()
    {
        while (waiting.TryDequeue(out var member))
            member.Signs.Forget();
    }
}
