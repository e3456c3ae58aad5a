using System.Collections.Concurrent;

namespace EmbeddingHost;

/// <summary>What the workers of each group have reported.</summary>
internal sealed class JobBoard
{
    private readonly ConcurrentDictionary<string, ConcurrentQueue<Done>> groups = new();

    public void Add(string group, Done done) => groups.GetOrAdd(group, _ => []).Enqueue(done);

    public IReadOnlyCollection<Done> Of(string group) => groups.GetValueOrDefault(group) ?? [];
}

/// <summary>A job that a worker has done.</summary>
internal sealed record Done(string Worker, int Pages);
