using System.ComponentModel;
using System.Globalization;
using Aether.Domain;

namespace Aether.Application;

/// <summary>
/// Every option of the real-time layer, as section <see cref="Section"/> of the configuration holds it.
/// </summary>
public sealed class RealtimeOptions
{
    /// <summary>The section of the configuration.</summary>
    public const string Section = "Aether:Realtime";

    /// <summary>Who may connect. Empty: no credential is asked for.</summary>
    public IList<ApiKeyOptions> ApiKeys { get; } = [];

    /// <summary>
    /// What connections may do when there are no <see cref="ApiKeys"/>: <c>broadcast</c>, <c>cross_group</c>,
    /// <c>admin</c>. Not set: <c>broadcast</c>. Empty: nothing.
    /// </summary>
    public IList<string>? AnonymousPermissions { get; set; }

    /// <summary>
    /// The origins that browsers may connect from, as <c>https://host[:port]</c>. Not set: not asked for. Empty: none.
    /// </summary>
    public IList<string>? AllowedOrigins { get; set; }

    /// <summary>The longest message, in bytes of its UTF-8.</summary>
    public int MaxMessageBytes { get; set; } = 65_536;

    /// <summary>How long a message may take from its first byte to its last.</summary>
    public Duration MessageTimeout { get; set; } = Duration.FromSeconds(10);

    /// <summary>How much a connection may send.</summary>
    public RateLimitOptions RateLimit { get; set; } = new();

    /// <summary>How much may wait for a connection that takes its messages slowly.</summary>
    public SendQueueOptions SendQueue { get; set; } = new();

    /// <summary>What happens when a client connects that is connected already.</summary>
    public DuplicateClients DuplicateClients { get; set; } = DuplicateClients.Allow;

    /// <summary>What happens to a connection that sends an invalid message.</summary>
    public InvalidMessages InvalidMessages { get; set; } = InvalidMessages.Close;

    /// <summary>After how long without a message a connection is closed. 0: never.</summary>
    public Duration IdleTimeout { get; set; }

    /// <summary>
    /// How long a call of a handler of the host's may take; then nobody waits for it any longer, and what it was asked
    /// about is refused.
    /// </summary>
    public Duration HandlerTimeout { get; set; } = Duration.FromSeconds(10);

    /// <summary>How dead peers are found.</summary>
    public KeepAliveOptions KeepAlive { get; set; } = new();

    /// <summary>How many V3 connections this instance takes.</summary>
    public int MaxConnections { get; set; } = 50_000;

    /// <summary>
    /// Whether the headers of a handshake are kept while its connection lasts, for a host's middleware that looks at them
    /// when the request has ended.
    /// </summary>
    public bool KeepRequestHeaders { get; set; } = true;

    /// <summary>Over how long the connections are told to go when the instance stops.</summary>
    public Duration Drain { get; set; } = Duration.FromSeconds(30);

    /// <summary>How presence is kept true.</summary>
    public PresenceOptions Presence { get; set; } = new();

    /// <summary>Which messages are kept for those who were away for a moment, and for how long.</summary>
    public HistoryOptions History { get; set; } = new();

    /// <summary>Commands that report back.</summary>
    public CommandOptions Commands { get; set; } = new();

    /// <summary>What is said of Redis beside <c>ConnectionStrings:Redis</c>.</summary>
    public RedisOptions Redis { get; set; } = new();

    /// <summary>The endpoints of V1 and V2.</summary>
    public LegacyOptions Legacy { get; set; } = new();

    /// <summary>The console, a page for browsers.</summary>
    public ConsoleOptions Console { get; set; } = new();

    /// <summary>How frames are written to sockets.</summary>
    public DeliveryOptions Delivery { get; set; } = new();
}

/// <summary>One API key.</summary>
public sealed class ApiKeyOptions
{
    /// <summary>A name for people and logs.</summary>
    public string Name { get; set; } = "";

    /// <summary>The secret, at least 16 characters.</summary>
    public string Key { get; set; } = "";

    /// <summary>What it grants: <c>broadcast</c>, <c>cross_group</c>, <c>admin</c>.</summary>
    public IList<string> Permissions { get; } = [];

    /// <summary>The groups it is good for, or <c>*</c>. Not set: every group. Empty: none.</summary>
    public IList<string>? Groups { get; set; }
}

/// <summary>A token bucket for each connection.</summary>
public sealed class RateLimitOptions
{
    /// <summary>Messages per second. 0: no limit.</summary>
    public int PerSecond { get; set; } = 1_000;

    /// <summary>Messages at once.</summary>
    public int Burst { get; set; } = 2_000;
}

/// <summary>
/// The bounds of a connection's outgoing queue; over either one the connection is closed as too slow.
/// </summary>
public sealed class SendQueueOptions
{
    /// <summary>Messages that wait.</summary>
    public int Messages { get; set; } = 1_024;

    /// <summary>Bytes that wait.</summary>
    public int Bytes { get; set; } = 1_048_576;

    /// <summary>How long a send may make no progress before the connection is aborted.</summary>
    public Duration Timeout { get; set; } = Duration.FromSeconds(10);
}

/// <summary>When a silent peer is pinged, and when it is given up.</summary>
public sealed class KeepAliveOptions
{
    /// <summary>After how long without a byte from the peer it is pinged. 0: never.</summary>
    public Duration Interval { get; set; } = Duration.FromSeconds(15);

    /// <summary>How long after a ping a byte from the peer must have come.</summary>
    public Duration Timeout { get; set; } = Duration.FromSeconds(15);
}

/// <summary>How presence is kept true.</summary>
public sealed class PresenceOptions
{
    /// <summary>How long an instance that says nothing keeps its members, by Redis's clock.</summary>
    public Duration Lease { get; set; } = Duration.FromSeconds(10);
}

/// <summary>Which messages are kept for those who were away for a moment, and for how long.</summary>
public sealed class HistoryOptions
{
    /// <summary>
    /// The types that are kept: <c>cmd</c>, <c>msg</c>. Not set: <c>cmd</c>. Empty: nothing is kept.
    /// </summary>
    public IList<string>? Types { get; set; }

    /// <summary>How many messages a channel keeps.</summary>
    public int Messages { get; set; } = 1_000;

    /// <summary>For how long a message is kept, and for how long one with an id is known when it comes again.</summary>
    public Duration Ttl { get; set; } = Duration.FromSeconds(300);

    /// <summary>
    /// For how long after its last message a channel's position is remembered. At least <see cref="Ttl"/>.
    /// </summary>
    public Duration Remember { get; set; } = Duration.FromSeconds(86_400);

    /// <summary>Whether anything is kept.</summary>
    public bool KeepsAny() => Types is not { Count: 0 };

    /// <summary>Whether messages of a type are kept.</summary>
    public bool Keeps(MessageType type) => type switch
    {
        MessageType.Cmd => Types?.Contains("cmd") ?? true,
        MessageType.Msg => Types?.Contains("msg") ?? false,
        MessageType.Heartbeat or MessageType.Presence => false,
    };
}

/// <summary>What is said of Redis beside <c>ConnectionStrings:Redis</c>.</summary>
public sealed class RedisOptions
{
    /// <summary>The user to log in as; not to be said in the connection string as well. Empty: what that says.</summary>
    public string User { get; set; } = "";

    /// <summary>
    /// The password, whatever characters it is made of; not to be said in the connection string as well. Empty: what
    /// that says.
    /// </summary>
    public string Password { get; set; } = "";

    /// <summary>Goes in front of every key and channel, for several environments on one Redis.</summary>
    public string Prefix { get; set; } = "";
}

/// <summary>The endpoints of V1 and V2.</summary>
public sealed class LegacyOptions
{
    /// <summary>Whether they are served.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>
    /// How many connections they take, beside <see cref="RealtimeOptions.MaxConnections"/>. Not set: 10,000, or as many
    /// as <see cref="RealtimeOptions.MaxConnections"/> if that is less.
    /// </summary>
    public int? MaxConnections { get; set; }

    /// <summary>
    /// Whether they ask for the same credential as V3, where there are <see cref="RealtimeOptions.ApiKeys"/>.
    /// </summary>
    public bool RequireKey { get; set; }
}

/// <summary>The console, a page for browsers.</summary>
public sealed class ConsoleOptions
{
    /// <summary>Whether it is served.</summary>
    public bool Enabled { get; set; } = true;
}

/// <summary>How frames are written to sockets.</summary>
public sealed class DeliveryOptions
{
    /// <summary>How many loops write. 0: one for every two cores.</summary>
    public int Loops { get; set; }

    /// <summary>
    /// How long frames of a hot group are held at most, to be written together. Hot: it has 32 receivers or more, and
    /// frames come 8 times or more in ten times this. 0: never. Quiet and small groups are never delayed.
    /// </summary>
    public Duration Coalesce { get; set; } = Duration.FromSeconds(0.001);

    /// <summary>
    /// Whether the transport runs its continuations where the socket became ready. It saves a hop per message and is
    /// safe for this server's own work; a host whose other endpoints block threads leaves it off.
    /// </summary>
    public bool InlineScheduling { get; set; }
}

/// <summary>What happens when a client connects that is connected already.</summary>
public enum DuplicateClients
{
    /// <summary>Each connection gets every message.</summary>
    Allow,

    /// <summary>The newest one stays, older ones are closed.</summary>
    Replace,
}

/// <summary>What happens to a connection that sends an invalid message.</summary>
public enum InvalidMessages
{
    /// <summary>It is closed with 4000.</summary>
    Close,

    /// <summary>It gets an error frame and stays.</summary>
    Report,
}

/// <summary>
/// A span of time in the configuration: seconds as a number (<c>30</c>, <c>0.5</c>), milliseconds (<c>1ms</c>) or
/// <c>[d.]hh:mm:ss</c>. A plain <see cref="TimeSpan"/> would read <c>30</c> as thirty days.
/// </summary>
/// <param name="Value">The span.</param>
[TypeConverter(typeof(DurationConverter))]
public readonly record struct Duration(TimeSpan Value)
{
    /// <summary>A span of so many seconds.</summary>
    public static Duration FromSeconds(double seconds) => new(TimeSpan.FromSeconds(seconds));

    /// <summary>The span as the framework's type.</summary>
    public static implicit operator TimeSpan(Duration duration) => duration.Value;

    /// <summary>The span as the framework's type.</summary>
    public TimeSpan ToTimeSpan() => Value;

    /// <summary>The span as the configuration has it.</summary>
    public override string ToString() => Value.ToString("c", CultureInfo.InvariantCulture);
}

internal sealed class DurationConverter : TypeConverter
{
    public override bool CanConvertFrom(ITypeDescriptorContext? context, Type sourceType) =>
        sourceType == typeof(string);

    public override object ConvertFrom(ITypeDescriptorContext? context, CultureInfo? culture, object value)
    {
        if (value is string text)
        {
            bool isMs = text.EndsWith("ms", StringComparison.Ordinal);
            if (double.TryParse(
                    isMs ? text.AsSpan(..^2) : text,
                    NumberStyles.AllowDecimalPoint,
                    CultureInfo.InvariantCulture,
                    out double number)
                && number < int.MaxValue)
                return Duration.FromSeconds(isMs ? number / 1_000 : number);
            if (text.Contains(':', StringComparison.Ordinal)
                && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var span))
                return new Duration(span);
        }
        throw new FormatException("a duration is a number of seconds, milliseconds as 5ms, or hh:mm:ss");
    }
}
