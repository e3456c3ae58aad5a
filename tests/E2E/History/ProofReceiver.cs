using System.Text.Json;

namespace Aether.Tests.E2E.History;

/// <summary>
/// Receives kept messages, comes back from where it was whenever its connection ends, and keeps all that it got as it got
/// it: whatever comes twice, too early or in another order shows.
/// </summary>
internal sealed class ProofReceiver(string id, Func<ServerProcess> pick, TimeSpan stays)
{
    private readonly Dictionary<string, string> positions = [];
    private readonly Dictionary<string, long> last = [];
    private readonly Random random = new(id.GetHashCode(StringComparison.Ordinal));

    /// <summary>Its id.</summary>
    public string Id => id;

    /// <summary>The messages that came over the group's channel, in order.</summary>
    public List<string> OfGroup { get; } = [];

    /// <summary>The messages that came over its own channel, in order.</summary>
    public List<string> OfClient { get; } = [];

    /// <summary>What is wrong with what came.</summary>
    public List<string> Faults { get; } = [];

    /// <summary>How often it came back.</summary>
    public int Connections { get; private set; }

    /// <summary>How many messages it was told to have recovered.</summary>
    public int Recovered { get; private set; }

    /// <summary>The last position that it saw of the group's channel.</summary>
    public long LastOfGroup
    {
        get
        {
            lock (last)
                return last.GetValueOrDefault("group");
        }
    }

    /// <summary>Receives until it is told to stop.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                string query = string.Join('&', positions.Select(one => $"{one.Key}_pos={one.Value}"));
                await using var client = await TestClient.ConnectAsync(
                    pick(), ProofRun.Group, id, query, TwoInstances.Full);
                Connections++;
                await ReceiveAsync(client, stop);
            }
            catch (Exception e) when (ProofRun.IsOutage(e))
            {
                await Task.Delay(50, CancellationToken.None);
            }
        }
    }

    private async Task ReceiveAsync(TestClient client, CancellationToken stop)
    {
        var until = DateTime.UtcNow + (stays * (0.5 + random.NextDouble()));
        while (!stop.IsCancellationRequested && DateTime.UtcNow < until)
        {
            try
            {
                Take(await client.ReceiveAsync(TimeSpan.FromMilliseconds(500)));
            }
            catch (TimeoutException)
            {
                // Quiet for a moment.
            }
        }
    }

    private void Take(JsonElement frame)
    {
        switch (frame.Text("cmd"))
        {
            case "welcome":
                foreach (var one in frame.Payload("positions").EnumerateObject())
                    Start(one.Name, one.Value.GetString()!);
                break;
            case "recovered":
                foreach (var one in frame.GetProperty("payload").EnumerateObject())
                {
                    if (one.Value.GetProperty("status").GetString() != "recovered")
                        Faults.Add($"{id}: {one.Name} is lost: {one.Value}");
                    Recovered += one.Value.GetProperty("count").GetInt32();
                }
                break;
            case "gap" when frame.Payload("types").EnumerateArray().Any(type => type.GetString() == "cmd"):
                Faults.Add($"{id}: a gap of kept messages: {frame.GetProperty("payload")}");
                break;
            case "go":
                TakeKept(frame);
                break;
        }
    }

    private void Start(string channel, string position)
    {
        if (positions.TryAdd(channel, position))
            Note(channel, position);
        else if (positions[channel] != position)
            Faults.Add($"{id}: comes back to {channel} at {positions[channel]} and is told {position}");
    }

    private void TakeKept(JsonElement frame)
    {
        string channel = frame.Text("target") == "direct" ? "client" : "group";
        string position = frame.Text("pos") ?? "";
        string epoch = position.Split(':')[0];
        if (epoch != positions[channel].Split(':')[0])
            Faults.Add($"{id}: another epoch of {channel}: {position} behind {positions[channel]}");
        long before = last[channel];
        Note(channel, position);
        // Each channel is numbered without holes; of the client's, all is for this group.
        if (last[channel] != before + 1)
            Faults.Add($"{id}: {position} of {channel} behind {before}");
        var list = channel == "group" ? OfGroup : OfClient;
        lock (list)
            list.Add(frame.Text("msg")!);
    }

    private void Note(string channel, string position)
    {
        positions[channel] = position;
        lock (last)
            last[channel] = long.Parse(position.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture);
    }
}
