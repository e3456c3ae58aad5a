using System.Security.Cryptography;
using System.Threading.Channels;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Application.Tracing;

/// <summary>
/// One operator's look at one client: asks all instances to tell of it, and hears what they tell. It ends after
/// <see cref="Longest"/>, however long somebody would look.
/// </summary>
internal sealed class ClientTrace : IMessageSink, IAsyncDisposable
{
    /// <summary>The longest that one goes on.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    private const int Waiting = 1_024;

    /// <summary>How often the instances are asked: one that the client has just come to joins in that soon.</summary>
    private static readonly TimeSpan AskEvery = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan AliveEvery = TimeSpan.FromSeconds(14);

    private readonly ClientTraces traces;
    private readonly IMessageBus bus;
    private readonly ServerMessages messages;
    private readonly TimeProvider time;
    private readonly VisionId group;
    private readonly VisionId client;
    private readonly VisionId id = VisionId.Parse("trace-" + RandomNumberGenerator.GetHexString(32, lowercase: true));
    private readonly Channel<ReadOnlyMemory<byte>> heard = Channel.CreateBounded<ReadOnlyMemory<byte>>(Waiting);
    private readonly CancellationTokenSource left = new();
    private Task asking = Task.CompletedTask;
    private long skipped;

    internal ClientTrace(
        ClientTraces traces,
        IMessageBus bus,
        ServerMessages messages,
        TimeProvider time,
        VisionId group,
        VisionId client)
    {
        this.traces = traces;
        this.bus = bus;
        this.messages = messages;
        this.time = time;
        this.group = group;
        this.client = client;
    }

    /// <summary>What is told, each one JSON object, until it ends; the last one says why.</summary>
    public IAsyncEnumerable<ReadOnlyMemory<byte>> ReadAsync(CancellationToken cancellationToken) =>
        heard.Reader.ReadAllAsync(cancellationToken);

    /// <inheritdoc/>
    public bool TryReceive(ChannelName channel, Message message)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (Interlocked.Exchange(ref skipped, 0) is > 0 and var count
            && !heard.Writer.TryWrite(TraceEvent.Skipped(count).Write(time.GetUtcNow().UtcDateTime, null)))
            Interlocked.Add(ref skipped, count);
        // An operator who reads too slowly misses something, and holds up nobody.
        if (!heard.Writer.TryWrite(message.Payload))
            Interlocked.Increment(ref skipped);
        return true;
    }

    /// <inheritdoc/>
    public ValueTask ReceiveAsync(ChannelName channel, Message message, CancellationToken cancellationToken)
    {
        TryReceive(channel, message);
        return default;
    }

    /// <inheritdoc/>
    public Task RepairAsync(DateTime since, bool othersMayBeMissing, CancellationToken cancellationToken)
    {
        Say("gap");
        return Task.CompletedTask;
    }

    /// <summary>Lets the instances know that nobody looks any longer.</summary>
    public async ValueTask DisposeAsync()
    {
        await left.CancelAsync().ConfigureAwait(false);
        // Whatever became of it, nothing stays behind.
        await asking.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await OrderAsync(TimeSpan.Zero).ConfigureAwait(false);
        await bus.UnsubscribeAsync(ChannelName.Trace(id), CancellationToken.None).ConfigureAwait(false);
        left.Dispose();
    }

    /// <summary>Begins to look.</summary>
    /// <returns>Whether the backplane can be reached.</returns>
    internal async Task<bool> BeginAsync(Func<ValueTask<bool>> mayGoOn, CancellationToken stopping)
    {
        // Heard before anybody is asked, or the first that is told would be lost.
        if (!await bus.SubscribeAsync(ChannelName.Trace(id), this, CancellationToken.None).ConfigureAwait(false))
        {
            left.Dispose();
            return false;
        }
        asking = AskAsync(mayGoOn, stopping);
        return true;
    }

    private async Task AskAsync(Func<ValueTask<bool>> mayGoOn, CancellationToken stopping)
    {
        Say("tracing");
        using var over = CancellationTokenSource.CreateLinkedTokenSource(stopping, left.Token);
        using var timer = new PeriodicTimer(AskEvery, time);
        long began = time.GetTimestamp();
        long alive = began;
        string why = "stopping";
        try
        {
            do
            {
                await OrderAsync(Lease).ConfigureAwait(false);
                // Without a word in between, proxies take the answer for dead.
                if (time.GetElapsedTime(alive) >= AliveEvery)
                {
                    alive = time.GetTimestamp();
                    Say("alive");
                }
            }
            while (await timer.WaitForNextTickAsync(over.Token).ConfigureAwait(false)
                && time.GetElapsedTime(began) < Longest
                && await mayGoOn().ConfigureAwait(false));
            why = time.GetElapsedTime(began) < Longest ? "no longer allowed" : "time";
        }
        catch (Exception)
        {
            // The instance stops, or nobody reads this any longer; or whether it is still allowed cannot be found out.
            if (!over.IsCancellationRequested)
                why = "no longer allowed";
        }
        // The last word waits for room; only whoever has left misses it.
        while (!left.IsCancellationRequested && !heard.Writer.TryWrite(Event("end", why)))
        {
            Task room = heard.Writer.WaitToWriteAsync(left.Token).AsTask();
            await room.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        heard.Writer.TryComplete();
    }

    private async Task OrderAsync(TimeSpan lease)
    {
        // This instance hears it only while the client has a connection here, and is to see its next one from the start.
        traces.Obey(new TraceOrder(id, group, client, lease));
        // Where it is not taken it is said again soon, and what was begun ends by itself.
        await bus.PublishAsync(
            ChannelName.Client(client), messages.Trace(id, group, client, lease), CancellationToken.None)
            .ConfigureAwait(false);
    }

    private void Say(string name) => heard.Writer.TryWrite(Event(name));

    private ReadOnlyMemory<byte> Event(string name, string? why = null) =>
        TraceEvent.Of(name, why).Write(time.GetUtcNow().UtcDateTime, null);
}
