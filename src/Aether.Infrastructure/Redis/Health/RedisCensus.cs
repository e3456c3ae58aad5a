using System.Globalization;
using System.Net;
using Aether.Infrastructure.Redis.Connections;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis.Health;

/// <summary>What one server says of itself and of the connection that asks.</summary>
/// <param name="Server">The server.</param>
/// <param name="IsPrimary">Whether it is a primary: one that takes writes, and where messages are published.</param>
/// <param name="Connection">The id of the connection; <see langword="null"/> where the server does not tell.</param>
/// <param name="Channels">How many channels the connection hears.</param>
/// <param name="Epoch">On a cluster: grows when the server gets slots, so that coming and going shows as well.</param>
/// <param name="Serves">On a cluster: whether all slots have an owner that is up.</param>
/// <param name="Unknown">What it cannot tell, being old or having its commands taken away.</param>
internal sealed record RedisCensus(
    IServer Server,
    bool IsPrimary,
    long? Connection,
    long Channels,
    string? Epoch,
    bool Serves,
    IReadOnlyList<string> Unknown)
{
    public EndPoint EndPoint => Server.EndPoint;

    /// <summary>Asks a server, everything at once.</summary>
    public static async Task<RedisCensus> AskAsync(IServer server, RedisConnection connection)
    {
        var unknown = new List<string>();
        var client = ExecuteAsync(server, unknown, "CLIENT", "INFO");
        var replication = ExecuteAsync(server, unknown, "INFO", "replication");
        var cluster = connection.IsCluster
            ? ExecuteAsync(server, unknown, "CLUSTER", "INFO") : Task.FromResult<string?>(null);
        // One that was not even sent is no sign of life.
        var ping = server.PingAsync();
        await Task.WhenAll(client, replication, cluster, ping).ConfigureAwait(false);
        string? info = await client.ConfigureAwait(false);
        string? state = await cluster.ConfigureAwait(false);
        string? role = Text(await replication.ConfigureAwait(false), "role:", '\n');
        // Else the subscriptions have a connection of their own that this one knows nothing of.
        long? id = connection.TellsOfSubscriptions && server.Protocol == RedisProtocol.Resp3
            ? Number(info, "id=") : null;
        return new RedisCensus(
            server,
            role is null ? !server.IsReplica : role == "master",
            id,
            id is null ? 0 : (Number(info, "sub=") ?? 0) + (Number(info, "ssub=") ?? 0),
            Text(state, "cluster_my_epoch:", '\n'),
            state is null || Text(state, "cluster_state:", '\n') == "ok",
            unknown);
    }

    /// <summary>
    /// How many servers these are: two addresses may be one server's, which has one identity.
    /// </summary>
    public static async Task<int> CountAsync(IEnumerable<RedisCensus> servers)
    {
        var runs = await Task.WhenAll(servers.Select(async one =>
        {
            string? info = await ExecuteAsync(one.Server, [], "INFO", "server").ConfigureAwait(false);
            return Text(info, "run_id:", '\n') ?? one.EndPoint.ToString();
        })).ConfigureAwait(false);
        return runs.Distinct().Count();
    }

    /// <summary>As whom a connection is served, by its <c>CLIENT INFO</c>.</summary>
    public static string? UserOf(string? info) => Text(info, "user=", ' ');

    private static async Task<string?> ExecuteAsync(
        IServer server, List<string> unknown, string command, string argument)
    {
        string name = (command + " " + argument).ToLowerInvariant();
        try
        {
            // Not by a cast: that would keep the marker in front of what RESP3 calls a verbatim string.
            return (await server.ExecuteAsync(command, argument).ConfigureAwait(false)).ToString();
        }
        catch (RedisServerException e)
        {
            // What its ACL refuses is RedisRights' business.
            if (RedisFaults.Refused(e.Message) == AclRefusal.None)
                Note();
            return null;
        }
        catch (RedisCommandException)
        {
            // The connection string takes the command away, so nothing was asked.
            Note();
            return null;
        }

        void Note()
        {
            lock (unknown)
                unknown.Add(name);
        }
    }

    private static long? Number(string? info, string name) =>
        Text(info, name, ' ') is { } text && long.TryParse(text, CultureInfo.InvariantCulture, out long value)
            ? value : null;

    private static string? Text(string? info, string name, char separator)
    {
        if (info is null)
            return null;
        foreach (var part in info.AsSpan().Split(separator))
        {
            var field = info.AsSpan()[part].Trim();
            if (field.StartsWith(name, StringComparison.Ordinal))
                return field[name.Length..].ToString();
        }
        return null;
    }
}
