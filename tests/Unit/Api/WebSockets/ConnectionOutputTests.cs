using System.IO.Pipelines;
using Aether.Api;
using Aether.Api.WebSockets;
using Aether.Application;
using Aether.Application.Commands;
using Aether.Application.Delivery;
using Aether.Application.History;
using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Infrastructure.InMemory;
using Aether.Tests.Unit.Commands;
using MediatR;
using Microsoft.Extensions.Logging.Abstractions;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>The way out of one connection, through the connection as the delivery loop uses it.</summary>
public sealed class ConnectionOutputTests
{
    private readonly DeliveryLoop loop = new DeliveryLoops(1).Next();
    private readonly WatchedPipe pipe = new();

    [Fact]
    public async Task Open_SendsTheFirstFrameAndThenWhatWaited()
    {
        var connection = Create();
        await SendAsync(connection, "1", "2");
        connection.Open(new PipeTransportWriter(pipe), Frame.OfText("welcome"u8));
        await SendAsync(connection, "3");
        await pipe.WrittenAsync("welcome", "1", "2", "3");
    }

    [Fact]
    public async Task Write_NeverTouchesThePipe_GivenAPendingFlush()
    {
        var connection = Create();
        connection.Open(new PipeTransportWriter(pipe), null);
        pipe.Block();
        await SendAsync(connection, "1");
        await pipe.WrittenAsync("1");
        await SendAsync(connection, "2", "3", "4");
        await LoopIsThroughAsync();
        Assert.Equal(["1"], pipe.Written);
        pipe.Unblock();
        await pipe.WrittenAsync("1", "2", "3", "4");
        // What waited goes out together, not one by one.
        Assert.Equal(2, pipe.Flushes);
    }

    [Fact]
    public async Task Write_KeepsTheOrder_GivenFlushesThatPendNowAndThen()
    {
        var connection = Create(messages: 100_000);
        connection.Open(new PipeTransportWriter(pipe), null);
        var expected = new List<string>();
        for (int i = 0; i < 2_000; i++)
        {
            if (i % 7 == 0)
                pipe.Block();
            expected.Add($"{i}");
            await SendAsync(connection, expected[^1]);
            if (i % 11 == 0)
                pipe.Unblock();
        }
        pipe.Unblock();
        await pipe.WrittenAsync([.. expected]);
    }

    [Fact]
    public async Task Write_ClosesAsTooSlow_GivenTooManyMessagesWait()
    {
        var connection = Create(messages: 3);
        connection.Open(new PipeTransportWriter(pipe), null);
        pipe.Block();
        await SendAsync(connection, "0", "1", "2", "3");
        await LoopIsThroughAsync();
        // One of them is in the pipe already, if the batch was flushed in between: three may wait in any case.
        Assert.Null(connection.Reason);
        await SendAsync(connection, "4", "5", "6", "7");
        await Eventually.HoldsAsync(() => connection.Reason is not null, "it is closed");
        Assert.Same(CloseReason.TooSlow, connection.Reason);
        pipe.Unblock();
        await Eventually.HoldsAsync(() => pipe.Closes.Count > 0, "the close frame goes out");
        // What waited is dropped: the peer is told at once, and loses nothing that it could have had in order.
        Assert.DoesNotContain("5", pipe.Written);
        await SendAsync(connection, "late");
        await LoopIsThroughAsync();
        Assert.DoesNotContain("late", pipe.Written);
        Assert.Equal([4101], pipe.Closes);
    }

    [Fact]
    public async Task Write_ClosesAsTooSlow_GivenTooManyBytesWait()
    {
        var connection = Create(bytes: 2_000);
        connection.Open(new PipeTransportWriter(pipe), null);
        pipe.Block();
        await SendAsync(connection, "in the pipe");
        await pipe.WrittenAsync("in the pipe");
        await SendAsync(connection, new string('a', 900), new string('b', 900));
        await LoopIsThroughAsync();
        Assert.Null(connection.Reason);
        await SendAsync(connection, new string('c', 900));
        await Eventually.HoldsAsync(() => connection.Reason is not null, "it is closed");
        Assert.Same(CloseReason.TooSlow, connection.Reason);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Write_TakesOneMessageHoweverLong_GivenThatNothingElseWaits(bool opened)
    {
        var connection = Create(bytes: 2_000);
        string tooLong = new('a', 50_000);
        if (opened)
        {
            connection.Open(new PipeTransportWriter(pipe), null);
            pipe.Block();
            await SendAsync(connection, "in the pipe");
            await pipe.WrittenAsync("in the pipe");
            // The queue has been used before, and is empty again.
            await SendAsync(connection, "short");
            await LoopIsThroughAsync();
            pipe.Unblock();
            await pipe.WrittenAsync("in the pipe", "short");
            pipe.Block();
            await SendAsync(connection, "in the pipe too");
            await pipe.WrittenAsync("in the pipe", "short", "in the pipe too");
        }
        int before = pipe.Written.Count;

        await SendAsync(connection, tooLong);
        await LoopIsThroughAsync();

        Assert.Null(connection.Reason);
        if (opened)
            pipe.Unblock();
        else
            connection.Open(new PipeTransportWriter(pipe), null);
        await Eventually.HoldsAsync(() => pipe.Written.Count == before + 1, "it is sent");
        Assert.Equal(tooLong, pipe.Written[^1]);
    }

    [Fact]
    public async Task WaitForRoom_WaitsUntilThePeerTakesMore_AndLeavesHalfToWhatCannotWait()
    {
        var connection = Create(bytes: 2_000);
        connection.Open(new PipeTransportWriter(pipe), null);
        pipe.Block();
        await SendAsync(connection, "in the pipe");
        await pipe.WrittenAsync("in the pipe");
        await connection.WaitForRoomAsync(900);
        await SendAsync(connection, new string('a', 900));

        var waiting = connection.WaitForRoomAsync(900).AsTask();
        await LoopIsThroughAsync();
        Assert.False(waiting.IsCompleted);
        await SendAsync(connection, new string('l', 900));
        await LoopIsThroughAsync();
        Assert.Null(connection.Reason);

        pipe.Unblock();
        await waiting.WaitAsync(Eventually.Soon, TestContext.Current.CancellationToken);
        Assert.Equal(3, pipe.Written.Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task WaitForRoom_EndsWithTheConnection(bool isClosed)
    {
        var connection = Create(bytes: 2_000);
        connection.Open(new PipeTransportWriter(pipe), null);
        pipe.Block();
        await SendAsync(connection, "in the pipe");
        await pipe.WrittenAsync("in the pipe");
        await SendAsync(connection, new string('a', 1_500));
        var waiting = connection.WaitForRoomAsync(900).AsTask();
        await LoopIsThroughAsync();
        Assert.False(waiting.IsCompleted);

        if (isClosed)
            connection.Close(CloseReason.Restarting);
        else
            pipe.Break();

        await waiting.WaitAsync(Eventually.Soon, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Watchers_AreToldAll_GivenAPeerThatReadsSlowly()
    {
        var token = TestContext.Current.CancellationToken;
        var store = new InMemoryCommandStore(
            new InMemoryLeaseStore(TimeProvider.System), new CommandOptions(), TimeProvider.System);
        using var watches = new CommandWatches(store, TimeProvider.System);
        var messages = new ServerMessages(TimeProvider.System);
        var runner = new CommandRunner(
            store, new FakeBus((_, _) => new(PublishResult.To(1))), messages, watches, TimeProvider.System);
        string[] ids = ["c1", "c2", "c3"];
        foreach (string id in ids)
            await EndedCommand.KeepAsync(store, Some.Group, id, members: 20, resultBytes: 16_000, isLastGood: true, token);
        var connection = Create(bytes: 65_536);
        connection.Open(new PipeTransportWriter(pipe), null);
        pipe.Block();

        var ties = new ConnectionTies(connection, "i1/1", watches, runner, messages, maxBytes: 60_000);
        foreach (string id in ids)
            ties.Take(new WatchingCommand(Some.Group, id, After: 0));

        // One send after the other, and each takes until the one before was looked at.
        await Eventually.HoldsAsync(
            () =>
            {
                pipe.Unblock();
                pipe.Block();
                return connection.Reason is not null || Told() == 3 * 20;
            },
            "all is told");
        Assert.Null(connection.Reason);
        Assert.Empty(pipe.Faults);

        int Told() => pipe.Written.Sum(static text => text.Split("\"status\":\"succeeded\",\"attempt\"").Length - 1);
    }

    [Fact]
    public async Task Write_ForgetsWhatWaited_GivenThePeerCaughtUp()
    {
        var connection = Create(messages: 3, bytes: 2_000);
        connection.Open(new PipeTransportWriter(pipe), null);
        for (int round = 0; round < 5; round++)
        {
            pipe.Block();
            await SendAsync(connection, "p");
            await LoopIsThroughAsync();
            await SendAsync(connection, new string('a', 600), new string('b', 600), "c");
            await LoopIsThroughAsync();
            int written = pipe.Written.Count;
            pipe.Unblock();
            await Eventually.HoldsAsync(() => pipe.Written.Count == written + 3, "it catches up");
        }
        Assert.Null(connection.Reason);
    }

    [Fact]
    public async Task Close_ComesAfterWhatWaits_AndNothingAfterIt()
    {
        var connection = Create();
        connection.Open(new PipeTransportWriter(pipe), null);
        pipe.Block();
        await SendAsync(connection, "1");
        await pipe.WrittenAsync("1");
        await SendAsync(connection, "2");
        connection.Close(CloseReason.Restarting);
        connection.Close(CloseReason.Idle);
        await SendAsync(connection, "3");
        await LoopIsThroughAsync();
        pipe.Unblock();
        await Eventually.HoldsAsync(() => pipe.Closes.Count > 0, "the close frame goes out");
        Assert.Equal(["1", "2"], pipe.Written);
        Assert.Equal([1012], pipe.Closes);
        Assert.Same(CloseReason.Restarting, connection.Reason);
    }

    [Fact]
    public async Task Close_IsSent_GivenThatItWasDecidedWhileWhatWasMissedIsRead()
    {
        using var keeping = new KeepingHub(new FakeHistory());
        var connection = Create();
        await SendAsync(connection, "live");
        connection.Close(CloseReason.Restarting);
        connection.GoOnFrom((await Resumption.BeginAsync(keeping.Hub, keeping.Services, connection, default))!);

        connection.Open(new PipeTransportWriter(pipe), Frame.OfText("welcome"u8));

        await Eventually.HoldsAsync(() => pipe.Closes.Count > 0, "the close frame goes out");
        await connection.EndAsync();
        Assert.Equal([1012], pipe.Closes);
        // What came live stands behind what was missed, which is not sent any more.
        Assert.Equal(["welcome"], pipe.Written);
    }

    [Fact]
    public async Task EndAsync_WaitsForWhatIsUnderWay_AndLeavesThePipeAloneAfterThat()
    {
        var connection = Create();
        connection.Open(new PipeTransportWriter(pipe), null);
        pipe.Block();
        await SendAsync(connection, "1");
        await pipe.WrittenAsync("1");
        await SendAsync(connection, "2");
        connection.Close(CloseReason.Normal);
        var ending = connection.EndAsync();
        await LoopIsThroughAsync();
        Assert.False(ending.IsCompleted);
        pipe.Unblock();
        await ending;
        Assert.Equal(["1", "2"], pipe.Written);
        Assert.Equal([1000], pipe.Closes);
        pipe.Forbid();
        await SendAsync(connection, "3");
        connection.Close(CloseReason.Idle);
        await LoopIsThroughAsync();
    }

    [Fact]
    public async Task EndAsync_SendsWhatCameJustBefore()
    {
        for (int i = 0; i < 200; i++)
        {
            var own = new WatchedPipe();
            var connection = Create();
            connection.Open(new PipeTransportWriter(own), null);
            await SendAsync(connection, "last words");
            connection.Close(CloseReason.Normal);
            await connection.EndAsync();
            Assert.Equal([1000], own.Closes);
            Assert.Equal(["last words"], own.Written);
            own.Forbid();
        }
        await LoopIsThroughAsync();
    }

    [Fact]
    public async Task EndAsync_Completes_GivenAConnectionThatNeverOpened()
    {
        var connection = Create();
        await SendAsync(connection, "1");
        await connection.EndAsync();
    }

    [Fact]
    public async Task Write_GoesOn_GivenAPipeThatBroke()
    {
        var connection = Create();
        connection.Open(new PipeTransportWriter(pipe), null);
        pipe.Block();
        await SendAsync(connection, "1");
        await pipe.WrittenAsync("1");
        await SendAsync(connection, "2");
        pipe.Break();
        await connection.EndAsync();
        Assert.Equal(["1"], pipe.Written);
        // The loop has survived it, and serves the others.
        await LoopIsThroughAsync();
    }

    private static async Task SendAsync(ClientConnection connection, params string[] texts)
    {
        foreach (string text in texts)
            await connection.Loop.SendAsync(connection, Frame.OfText(System.Text.Encoding.UTF8.GetBytes(text)));
    }

    private async Task LoopIsThroughAsync()
    {
        var mark = new FakeConnection(Some.Client, Some.Group, loop);
        await loop.SendAsync(mark, Frame.KeepAlive);
        await Eventually.HoldsAsync(() => mark is { IsFlushed: true, Frames.Count: 1 }, "the loop is through");
        Assert.Empty(pipe.Faults);
    }

    private ClientConnection Create(int messages = 1_024, int bytes = 1_048_576)
    {
        var options = new RealtimeOptions { SendQueue = new SendQueueOptions { Messages = messages, Bytes = bytes } };
        var services = new ConnectionServices(
            Substitute.For<IMediator>(),
            new ServerMessages(TimeProvider.System),
            new ConnectionLimits(options),
            new Instance(),
            new Clock(TimeProvider.System),
            TimeProvider.System,
            NullLogger<SocketConnection>.Instance);
        var sender = new Sender(Some.Client, Some.Group, new Access(Permissions.None));
        return new ClientConnection(services, sender, new Profile(false, true, Role.None), Some.NoGrant, loop, () => { });
    }

    /// <summary>
    /// A pipe that takes the frames apart again, blocks when it is told to, and notices when it is touched meanwhile.
    /// </summary>
    private sealed class WatchedPipe : PipeWriter
    {
        private readonly Lock gate = new();
        private readonly List<string> written = [];
        private readonly List<int> closes = [];
        private readonly List<byte> unflushed = [];
        private byte[] span = [];
        private TaskCompletionSource<FlushResult>? blocked;
        private TaskCompletionSource<FlushResult>? pending;
        private bool forbidden;

        public List<string> Faults { get; } = [];

        public int Flushes { get; private set; }

        public IReadOnlyList<string> Written
        {
            get
            {
                lock (gate)
                    return [.. written];
            }
        }

        public IReadOnlyList<int> Closes
        {
            get
            {
                lock (gate)
                    return [.. closes];
            }
        }

        public void Block()
        {
            lock (gate)
                blocked ??= new TaskCompletionSource<FlushResult>(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        public void Unblock() => Release()?.TrySetResult(new FlushResult(isCanceled: false, isCompleted: false));

        public void Break() => Release()?.TrySetException(new IOException("gone"));

        public void Forbid() => forbidden = true;

        public async Task WrittenAsync(params string[] expected)
        {
            await Eventually.HoldsAsync(() => Written.Count >= expected.Length, "everything is written");
            Assert.Equal(expected, Written);
            Assert.Empty(Faults);
        }

        public override Memory<byte> GetMemory(int sizeHint = 0)
        {
            Touch();
            return span = new byte[sizeHint];
        }

        public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

        public override void Advance(int bytes)
        {
            Touch();
            unflushed.AddRange(span.AsSpan(0, bytes));
        }

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
        {
            Touch();
            lock (gate)
            {
                Flushes++;
                TakeApart([.. unflushed]);
                unflushed.Clear();
                pending = blocked;
                return pending is null ? default : new ValueTask<FlushResult>(pending.Task);
            }
        }

        public override void CancelPendingFlush() => throw new NotSupportedException();

        public override void Complete(Exception? exception = null) => throw new NotSupportedException();

        private TaskCompletionSource<FlushResult>? Release()
        {
            lock (gate)
            {
                var released = blocked;
                (blocked, pending) = (null, null);
                return released;
            }
        }

        private void Touch()
        {
            lock (gate)
            {
                if (pending is not null || forbidden)
                    Faults.Add("the pipe was touched");
            }
        }

        private void TakeApart(ReadOnlySpan<byte> bytes)
        {
            while (!bytes.IsEmpty)
            {
                int header = bytes[1] == 126 ? 4 : 2;
                int length = bytes[1] == 126 ? (bytes[2] << 8) | bytes[3] : bytes[1];
                var content = bytes.Slice(header, length);
                if (bytes[0] == 0x88)
                    closes.Add((content[0] << 8) | content[1]);
                else
                    written.Add(System.Text.Encoding.UTF8.GetString(content));
                bytes = bytes[(header + length)..];
            }
        }
    }
}
