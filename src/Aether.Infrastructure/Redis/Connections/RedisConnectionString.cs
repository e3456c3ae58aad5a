using System.Net;
using System.Text.RegularExpressions;
using Aether.Application;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis.Connections;

/// <summary>
/// Reads <c>ConnectionStrings:Redis</c>: the client library's own syntax, or a Redis URL. What it does not understand,
/// and what would not be in force, is refused. No message holds any part of the string, which may be a password.
/// </summary>
internal static partial class RedisConnectionString
{
    private const string Name = "ConnectionStrings:Redis";
    private const string Prefix = RealtimeOptions.Section + ":Redis:Prefix";
    private const string Password = RealtimeOptions.Section + ":Redis:Password";
    private const string User = RealtimeOptions.Section + ":Redis:User";

    /// <summary>Reads it.</summary>
    /// <exception cref="ArgumentException">It is not valid, or says what would not be in force.</exception>
    public static ConfigurationOptions Parse(string connectionString)
    {
        string text = connectionString.Trim();
        return Scheme().Match(text) is { Success: true } scheme
            ? ParseUrl(text, scheme.Groups["name"].Value)
            : ParseOptions(text);
    }

    /// <summary>Adds what the options say beside it.</summary>
    public static ConfigurationOptions With(this ConfigurationOptions connection, RedisOptions options)
    {
        if (options.User.Length > 0)
            connection.User = options.User;
        if (options.Password.Length > 0)
            connection.Password = options.Password;
        return connection;
    }

    /// <summary>What the string and the options beside it cannot both mean, one sentence for each.</summary>
    /// <param name="connectionString">The string; empty: everything stays in memory.</param>
    /// <param name="options">The options.</param>
    public static IEnumerable<string> Contradictions(string? connectionString, RedisOptions options)
    {
        if (string.IsNullOrWhiteSpace(connectionString))
        {
            if (options.User.Length > 0)
                yield return User + " is of no use without " + Name;
            if (options.Password.Length > 0)
                yield return Password + " is of no use without " + Name;
            yield break;
        }
        var connection = Parse(connectionString);
        if (options.User.Length > 0 && !string.IsNullOrEmpty(connection.User))
            yield return User + " must not be set, since " + Name + " names a user";
        if (options.Password.Length > 0 && !string.IsNullOrEmpty(connection.Password))
            yield return Password + " must not be set, since " + Name + " holds a password";
    }

    /// <summary>What has no effect on a connection that the host has made, one sentence for each.</summary>
    public static IEnumerable<string> UselessForShared(RedisOptions options)
    {
        if (options.User.Length > 0)
            yield return User + " is of no use with the host's own connection to Redis";
        if (options.Password.Length > 0)
            yield return Password + " is of no use with the host's own connection to Redis";
    }

    private static ConfigurationOptions ParseOptions(string text)
    {
        string[] parts = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        // The library takes the rest of a password with a comma for one more server.
        if (parts.SkipWhile(static part => !part.Contains('=')).Any(static part => !part.Contains('=')))
        {
            throw Invalid(
                "servers stand in front of all options; a password that holds a comma goes into " + Password);
        }
        // Both look as if they divided one Redis into several. Channels know nothing of databases, and the prefix of
        // the library would not be on all names.
        foreach (string part in parts)
        {
            string option = part.Split('=')[0].Trim();
            if (option.Equals("channelPrefix", StringComparison.OrdinalIgnoreCase))
                throw Invalid("channelPrefix does not divide what several platforms have in one Redis; use " + Prefix);
            if (option.Equals("proxy", StringComparison.OrdinalIgnoreCase)
                && !part.EndsWith("None", StringComparison.OrdinalIgnoreCase))
                throw Invalid("proxy cannot be used: proxies carry no subscriptions");
        }
        ConfigurationOptions options;
        try
        {
            options = ConfigurationOptions.Parse(text);
        }
        catch (Exception e) when (e is ArgumentException or FormatException or OverflowException)
        {
            // No inner exception: its message would quote the string.
            throw Invalid("it cannot be read; expected is 'host:port[,option=value]' or 'redis://host:port'");
        }
        if (options.EndPoints.Count == 0)
            throw Invalid("it names no server; expected is 'host:port[,option=value]' or 'redis://host:port'");
        foreach (var server in options.EndPoints)
        {
            if (server is DnsEndPoint { Host: var host } && !Host().IsMatch(host))
                throw Invalid("the name of a server is none; expected is 'host:port[,option=value]'");
        }
        if (options.DefaultDatabase is not (null or 0))
            throw Divides("defaultDatabase");
        return options;
    }

    private static ConfigurationOptions ParseUrl(string text, string scheme)
    {
        bool tls = scheme.ToUpperInvariant() switch
        {
            "REDIS" or "VALKEY" => false,
            "REDISS" or "VALKEYS" => true,
            _ => throw Invalid("the scheme of its URL must be redis, or rediss for TLS"),
        };
        // The framework knows neither scheme, and reads an authority as it stands.
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || !Host().IsMatch(url.Host))
            throw Invalid("its URL cannot be read; expected is 'redis://[user:password@]host[:port]'");
        if (url.Query.Length > 0 || url.Fragment.Length > 0)
            throw Invalid("its URL must end with the server: options are not read there");
        if (url.AbsolutePath.Trim('/') is { Length: > 0 } path)
        {
            if (!int.TryParse(path, out int database))
                throw Invalid("its URL must end with the server");
            if (database != 0)
                throw Divides("the database at the end of its URL");
        }
        var options = new ConfigurationOptions { Ssl = tls };
        string host = url.Host.Trim('[', ']');
        int port = url.Port > 0 ? url.Port : 6379;
        if (IPAddress.TryParse(host, out var address))
            options.EndPoints.Add(address, port);
        else
            options.EndPoints.Add(host, port);
        if (tls)
            options.SslHost = host;
        // redis://password@host does not exist: what stands alone is a user.
        string[] credentials = url.UserInfo.Split(':', 2);
        if (credentials[0].Length > 0)
            options.User = Uri.UnescapeDataString(credentials[0]);
        if (credentials.Length > 1)
            options.Password = Uri.UnescapeDataString(credentials[1]);
        return options;
    }

    private static ArgumentException Divides(string what) => Invalid(
        what + " does not divide what several platforms have in one Redis, since channels know no databases; use " + Prefix);

    private static ArgumentException Invalid(string why) => new($"{Name} is not a valid connection string: {why}.");

    [GeneratedRegex("^(?<name>[A-Za-z][A-Za-z0-9+.-]*)://")]
    private static partial Regex Scheme();

    [GeneratedRegex(@"^(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_.-]+)$")]
    private static partial Regex Host();
}
