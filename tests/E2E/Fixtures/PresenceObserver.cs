using System.Globalization;
using System.Text.Json;

namespace Aether.Tests.E2E;

/// <summary>
/// A client of the full profile that keeps count of who came and went, told one by one or many in one frame.
/// </summary>
public sealed class PresenceObserver(TestClient client) : IAsyncDisposable
{
    private readonly Dictionary<string, int> joins = [];
    private readonly Dictionary<string, int> leaves = [];
    private readonly HashSet<string> there = [];
    private readonly List<string?> reasons = [];
    private readonly Dictionary<string, long> versions = [];

    /// <summary>The client.</summary>
    public TestClient Client => client;

    /// <summary>How often each client was told to have come.</summary>
    public IReadOnlyDictionary<string, int> Joins => joins;

    /// <summary>How often each client was told to have gone.</summary>
    public IReadOnlyDictionary<string, int> Leaves => leaves;

    /// <summary>Who is there, by what was told and its versions.</summary>
    public IReadOnlySet<string> There => there;

    /// <summary>Why those went that went.</summary>
    public IReadOnlyList<string?> Reasons => reasons;

    /// <summary>Connects one, whose own coming is not counted.</summary>
    public static async Task<PresenceObserver> ConnectAsync(ServerProcess server, string group, string id)
    {
        var client = await TestClient.ConnectAsync(server, group, id, protocols: TwoInstances.Full);
        if ((await client.ReceiveAsync()).Text("cmd") != "welcome")
            throw new InvalidOperationException("the first frame is no welcome");
        return new PresenceObserver(client);
    }

    /// <summary>Takes what is told until a condition holds.</summary>
    /// <exception cref="TimeoutException">It does not, in time.</exception>
    public async Task HearUntilAsync(Func<bool> condition, TimeSpan? within = null)
    {
        var deadline = DateTime.UtcNow + (within ?? Eventually.Soon);
        while (!condition())
        {
            var left = deadline - DateTime.UtcNow;
            try
            {
                Take(await client.ReceiveAsync(left > TimeSpan.Zero ? left : TimeSpan.FromMilliseconds(1)));
            }
            catch (TimeoutException)
            {
                throw new TimeoutException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{client.Id} heard of {joins.Count} that came, {leaves.Count} that went, {there.Count} there"));
            }
        }
    }

    /// <summary>Takes everything that was told up to now.</summary>
    public async Task HearUntilNowAsync()
    {
        foreach (string text in await client.ReceiveUntilNowAsync())
            Take(Json.Read(text));
    }

    /// <summary>The next message that is not of its own coming.</summary>
    public async Task<JsonElement> NextAsync()
    {
        while (true)
        {
            var message = await client.ReceiveAsync();
            if (message.Text("cmd") != "join" || message.Text("from_id") != client.Id)
                return message;
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => client.DisposeAsync();

    private void Take(JsonElement message)
    {
        if (message.Text("msg_type") != "presence")
            return;
        switch (message.Text("cmd"))
        {
            case "join":
                Came(message.Text("from_id")!, message.GetProperty("payload"));
                break;
            case "leave":
                Went(message.Text("from_id")!, message.GetProperty("payload"));
                break;
            case "changes":
                foreach (var one in message.Payload("left").EnumerateArray())
                    Went(one.Text("client_id")!, one);
                foreach (var one in message.Payload("joined").EnumerateArray())
                    Came(one.Text("client_id")!, one);
                break;
        }
    }

    /// <summary>The last version that was told of a client.</summary>
    public long VersionOf(string id) => versions.GetValueOrDefault(id);

    private bool IsNewer(string id, JsonElement said)
    {
        long version = said.GetProperty("version").GetInt64();
        bool newer = version > versions.GetValueOrDefault(id);
        if (newer)
            versions[id] = version;
        return newer;
    }

    private void Came(string id, JsonElement said)
    {
        // Its own coming may be told before it listens, and may not.
        if (id == client.Id)
            return;
        joins[id] = joins.GetValueOrDefault(id) + 1;
        if (IsNewer(id, said))
            there.Add(id);
    }

    private void Went(string id, JsonElement said)
    {
        leaves[id] = leaves.GetValueOrDefault(id) + 1;
        if (IsNewer(id, said))
            there.Remove(id);
        reasons.Add(said.Text("reason"));
    }
}
