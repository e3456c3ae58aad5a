using Aether.Application.Delivery;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>When a thread pool gets more threads, how many, and when it is left alone.</summary>
public sealed class PoolReliefTests
{
    private const int Configured = 2;

    private readonly FakePool pool = new(Configured);
    private readonly LogOf<DeliveryLoops> log = new();
    private readonly PoolRelief relief;

    public PoolReliefTests() => relief = new PoolRelief(pool, log);

    [Fact]
    public void Look_ChangesNothing_GivenAPoolThatRunsWhatItGets()
    {
        Look(times: 10_000);
        Assert.Empty(pool.Given);
        Assert.Empty(log.Lines);
        // Every second look, so ten times a second.
        Assert.Equal(5_000, pool.Queued);
    }

    [Fact]
    public void Look_AsksNothing_GivenAPoolThatIsSeenToRun()
    {
        for (int i = 0; i < 1_000; i++)
            relief.Look(poolRuns: true);
        Assert.Equal(0, pool.Queued);
        // Nothing is seen any more: nothing has to be done, or it is blocked.
        pool.IsBlocked = true;
        Look(PoolRelief.Patience + 2);
        Assert.Equal([Configured + PoolRelief.ThreadsAtOnce], pool.Given);
    }

    [Fact]
    public void Look_GivesMore_GivenAnItemThatWaitsAlthoughThePoolIsSeenToRun()
    {
        pool.IsBlocked = true;
        Look(times: 2);
        for (int i = 0; i < PoolRelief.Patience; i++)
            relief.Look(poolRuns: true);
        Assert.Equal([Configured + PoolRelief.ThreadsAtOnce], pool.Given);
    }

    [Fact]
    public void Look_ChangesNothing_GivenAPoolThatIsSlow()
    {
        for (int i = 0; i < 100; i++)
        {
            pool.IsBlocked = true;
            Look(PoolRelief.Patience);
            pool.IsBlocked = false;
        }
        Assert.Empty(pool.Given);
    }

    [Fact]
    public void Look_AsksOnlyOnce_GivenAPoolThatIsBlocked()
    {
        pool.IsBlocked = true;
        Look(times: 1_000);
        Assert.Equal(1, pool.Queued);
    }

    [Fact]
    public void Look_GivesMoreWithEachLook_UntilThePoolGetsOn()
    {
        pool.IsBlocked = true;
        Look(PoolRelief.Patience + 2);
        Assert.Equal([Configured + PoolRelief.ThreadsAtOnce], pool.Given);
        Look(times: 2);
        Assert.Equal(Configured + (3 * PoolRelief.ThreadsAtOnce), pool.MinThreads);
        pool.IsBlocked = false;
        Look(times: 50);
        Assert.Equal(3, pool.Given.Count);
    }

    [Fact]
    public void Look_StopsAtTheMost_GivenAPoolThatIsBlockedForGood()
    {
        pool.IsBlocked = true;
        Look(times: 10_000);
        Assert.Equal(PoolRelief.MaxThreads, pool.MinThreads);
    }

    [Fact]
    public void Look_TakesThemBack_AfterHalfAMinuteOfCalmAndNotBefore()
    {
        Block();
        int given = pool.MinThreads;
        Look(PoolRelief.Aftercare - 10);
        Assert.Equal(given, pool.MinThreads);
        Look(times: 20);
        Assert.Equal(Configured, pool.MinThreads);
    }

    [Fact]
    public void Look_CountsTheCalmAnew_GivenThatThePoolIsBlockedAgain()
    {
        Block();
        Look(PoolRelief.Aftercare - 100);
        Block();
        Look(PoolRelief.Aftercare - 100);
        Assert.NotEqual(Configured, pool.MinThreads);
        Look(times: 200);
        Assert.Equal(Configured, pool.MinThreads);
    }

    [Fact]
    public void Look_TakesThemBackToTheFirstNumber_GivenSeveralSteps()
    {
        pool.IsBlocked = true;
        Look(times: 20);
        pool.IsBlocked = false;
        Look(2 * PoolRelief.Aftercare);
        Assert.Equal(Configured, pool.MinThreads);
    }

    [Fact]
    public void Look_LeavesANumberThatTheHostHasSetMeanwhile()
    {
        Block();
        pool.MinThreads = 300;
        Look(2 * PoolRelief.Aftercare);
        Assert.Equal(300, pool.MinThreads);
    }

    [Fact]
    public void Look_NeverTakesThreadsAway_GivenAHostThatHasMore()
    {
        pool.MinThreads = 2_000;
        pool.Given.Clear();
        Block();
        Look(2 * PoolRelief.Aftercare);
        Assert.Empty(pool.Given);
    }

    [Fact]
    public void Look_TellsItOnce_UntilItWasCalmForLong()
    {
        for (int i = 0; i < 20; i++)
        {
            Block();
            Look(times: 50);
        }
        string line = Assert.Single(log.Lines);
        Assert.Contains("blocks its threads", line, StringComparison.Ordinal);
        Assert.Contains("at least 66 threads", line, StringComparison.Ordinal);
        Look(2 * PoolRelief.Aftercare);
        Block();
        Assert.Equal(2, log.Lines.Count);
    }

    [Fact]
    public void Look_TellsThatItCannotHelp_GivenANumberThatIsConfigured()
    {
        pool.IsFixed = true;
        // For a moment it is no news.
        Block();
        Look(times: 50);
        Assert.Empty(log.Lines);
        for (int i = 0; i < 3; i++)
        {
            pool.IsBlocked = true;
            Look(2 * PoolRelief.PatienceOfNoHelp);
            pool.IsBlocked = false;
            Look(times: 50);
        }
        Assert.Contains("cannot be given more threads", Assert.Single(log.Lines), StringComparison.Ordinal);
        Assert.Contains("ThreadPoolMinThreads", Assert.Single(log.Lines), StringComparison.Ordinal);
        Look(2 * PoolRelief.Aftercare);
        Assert.Equal(Configured, pool.MinThreads);
    }

    private void Block()
    {
        pool.IsBlocked = true;
        Look(PoolRelief.Patience + 2);
        pool.IsBlocked = false;
    }

    private void Look(int times)
    {
        for (int i = 0; i < times; i++)
            relief.Look();
    }

    /// <summary>Runs what it gets at once, or when it is no longer blocked; it has the threads that it is given.</summary>
    private sealed class FakePool(int threads) : IWorkerPool
    {
        private IThreadPoolWorkItem? waiting;
        private bool blocked;
        private int min = threads;

        public List<int> Given { get; } = [];

        public int Queued { get; private set; }

        /// <summary>Whether it takes no other number.</summary>
        public bool IsFixed { get; set; }

        public bool IsBlocked
        {
            set
            {
                blocked = value;
                if (!blocked)
                    Interlocked.Exchange(ref waiting, null)?.Execute();
            }
        }

        public int Threads => min;

        public int MinThreads
        {
            get => min;
            set
            {
                Given.Add(value);
                if (!IsFixed)
                    min = value;
            }
        }

        public void Queue(IThreadPoolWorkItem item)
        {
            Queued++;
            if (blocked)
                waiting = item;
            else
                item.Execute();
        }
    }
}
