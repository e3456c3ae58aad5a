using Aether.Application.Delivery;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>Which loops are run although the thread pool does not get to them.</summary>
public sealed class LoopRescueTests
{
    [Fact]
    public async Task Look_RunsALoop_GivenThatItWaitsSinceTheLastLook()
    {
        using var loop = new FakeLoop { WaitsSince = 7 };
        var rescue = new LoopRescue(1);
        rescue.Look([loop]);
        Assert.Equal(0, loop.Runs);
        rescue.Look([loop]);
        await Eventually.HoldsAsync(() => loop.Runs == 1, "it is run");
    }

    [Fact]
    public void Look_LeavesALoopAlone_GivenThatThePoolGetsToIt()
    {
        using var loop = new FakeLoop();
        var rescue = new LoopRescue(1);
        for (uint run = 1; run < 100; run += 2)
        {
            // In line at every look, and run in between.
            loop.WaitsSince = run;
            rescue.Look([loop]);
        }
        Assert.Equal(0, loop.Started);
    }

    [Fact]
    public void Look_LeavesALoopAlone_GivenThatItRests()
    {
        using var loop = new FakeLoop();
        var rescue = new LoopRescue(1);
        for (int i = 0; i < 100; i++)
            rescue.Look([loop]);
        Assert.Equal(0, loop.Started);
        Assert.Equal(100, loop.Releases);
    }

    [Fact]
    public async Task Look_GoesOnToTheOthers_GivenALoopThatDoesNotComeToAnEnd()
    {
        using var busy = new FakeLoop { WaitsSince = 1 };
        using var other = new FakeLoop { WaitsSince = 1 };
        busy.Gate.Reset();
        var rescue = new LoopRescue(2);
        rescue.Look([busy, other]);
        rescue.Look([busy, other]);
        await Eventually.HoldsAsync(() => other.Runs == 1, "the other is run");
        Assert.Equal(0, busy.Runs);
    }

    [Fact]
    public void Watcher_Ends_WithItsLoops()
    {
        // A process may have one host after the other, and each would leave a thread behind that adds to the pool.
        var loops = new DeliveryLoops(1);
        Assert.True(loops.Watcher.IsAlive);
        loops.Dispose();
        Assert.True(loops.Watcher.Join(TimeSpan.FromSeconds(60)));
    }

    [Fact]
    public async Task RunIfQueued_RunsWhatIsInLine_OnceForAllWhoTry()
    {
        var loop = new DeliveryLoop(0, 8, TimeSpan.Zero, 1, TimeProvider.System);
        int turns = 0;
        loop.Run(() => turns++);
        // Whoever comes first, the pool or one of these.
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(((IRescuable)loop).RunIfQueued)));
        await Eventually.HoldsAsync(() => ((IRescuable)loop).WaitsSince == 0 && turns > 0, "it was run");
        Assert.Equal(1, turns);
    }

    [Fact]
    public void Look_TellsThatThePoolRuns_GivenThatItHasRunALoop()
    {
        using var quiet = new FakeLoop();
        using var other = new FakeLoop();
        var rescue = new LoopRescue(2);
        Assert.False(rescue.Look([quiet, other]));
        other.IsRunByPool = true;
        Assert.True(rescue.Look([quiet, other]));
        Assert.False(rescue.Look([quiet, other]));
    }

    [Fact]
    public async Task TakeRunByPool_TellsOfARunOnce()
    {
        var loop = new DeliveryLoop(0, 8, TimeSpan.Zero, 1, TimeProvider.System);
        bool ran = false;
        loop.Run(() => Volatile.Write(ref ran, true));
        await Eventually.HoldsAsync(() => Volatile.Read(ref ran), "it was run");
        Assert.True(((IRescuable)loop).TakeRunByPool());
        Assert.False(((IRescuable)loop).TakeRunByPool());
    }

    private sealed class FakeLoop : IRescuable, IDisposable
    {
        private int runs;
        private int started;
        private int releases;

        /// <summary>A run ends when it is open.</summary>
        public ManualResetEventSlim Gate { get; } = new(initialState: true);

        public uint WaitsSince { get; set; }

        public bool IsRunByPool { get; set; }

        public int Started => Volatile.Read(ref started);

        public int Runs => Volatile.Read(ref runs);

        public int Releases => releases;

        public void RunIfQueued()
        {
            Interlocked.Increment(ref started);
            Gate.Wait();
            Interlocked.Increment(ref runs);
        }

        public bool TakeRunByPool()
        {
            bool taken = IsRunByPool;
            IsRunByPool = false;
            return taken;
        }

        public void ReleaseOverdue(TimeSpan late) => releases++;

        // A thread may still wait for it.
        public void Dispose() => Gate.Set();
    }
}
