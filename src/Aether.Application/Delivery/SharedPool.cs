namespace Aether.Application.Delivery;

/// <summary>What <see cref="PoolRelief"/> asks of a thread pool.</summary>
internal interface IWorkerPool
{
    /// <summary>How many threads it has.</summary>
    int Threads { get; }

    /// <summary>How many threads it makes without hesitating. A pool may refuse to be given another number.</summary>
    int MinThreads { get; set; }

    /// <summary>Lets it run something behind what waits already.</summary>
    void Queue(IThreadPoolWorkItem item);
}

/// <summary>The thread pool of the process.</summary>
internal sealed class SharedPool : IWorkerPool
{
    /// <inheritdoc/>
    public int Threads => ThreadPool.ThreadCount;

    /// <inheritdoc/>
    public int MinThreads
    {
        get
        {
            ThreadPool.GetMinThreads(out int workers, out _);
            return workers;
        }

        set
        {
            ThreadPool.GetMinThreads(out _, out int completions);
            ThreadPool.SetMinThreads(value, completions);
        }
    }

    /// <inheritdoc/>
    public void Queue(IThreadPoolWorkItem item) => ThreadPool.UnsafeQueueUserWorkItem(item, preferLocal: false);
}
