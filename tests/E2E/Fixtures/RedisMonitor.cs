using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace Aether.Tests.E2E;

/// <summary>Sees every command that Redis carries out, those inside scripts included.</summary>
internal sealed partial class RedisMonitor : IAsyncDisposable
{
    private readonly TcpClient connection;
    private readonly RedisServer redis;
    private readonly List<string> lines = [];
    private readonly Task reading;

    private RedisMonitor(TcpClient connection, RedisServer redis)
    {
        (this.connection, this.redis) = (connection, redis);
        reading = ReadAsync();
    }

    /// <summary>Watches from now on.</summary>
    public static async Task<RedisMonitor> StartAsync(RedisServer redis)
    {
        var connection = new TcpClient();
        await connection.ConnectAsync("127.0.0.1", redis.Port);
        await connection.GetStream().WriteAsync("MONITOR\r\n"u8.ToArray());
        var monitor = new RedisMonitor(connection, redis);
        await Eventually.HoldsAsync(() => monitor.Lines.Contains("+OK"), "Redis shows what it does");
        return monitor;
    }

    /// <summary>The commands that were carried out up to now.</summary>
    public async Task<string[]> CommandsAsync()
    {
        string mark = Guid.NewGuid().ToString("N");
        await redis.RunAsync("ECHO", mark);
        await Eventually.HoldsAsync(
            () => Lines.Any(line => line.Contains(mark, StringComparison.Ordinal)), "the mark is seen");
        return Lines;
    }

    /// <summary>The keys and channels that commands named, of those that start with <c>ws:</c>.</summary>
    public static HashSet<string> NamesOf(IEnumerable<string> commands) =>
        [.. commands.SelectMany(command => Names().Matches(command)).Select(match => match.Groups["name"].Value)];

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        connection.Dispose();
        await reading;
    }

    private string[] Lines
    {
        get
        {
            lock (lines)
                return [.. lines];
        }
    }

    [GeneratedRegex("\"(?<name>ws:[^\"]*)\"")]
    private static partial Regex Names();

    private async Task ReadAsync()
    {
        try
        {
            using var reader = new StreamReader(connection.GetStream(), Encoding.UTF8);
            while (await reader.ReadLineAsync() is { } line)
            {
                lock (lines)
                    lines.Add(line);
            }
        }
        catch (Exception fault) when (fault is IOException or ObjectDisposedException or SocketException)
        {
            // The test is over.
        }
    }
}
