namespace Aether.Application;

/// <summary>
/// Every option of the real-time layer, as section <see cref="Section"/> of the configuration holds it.
/// </summary>
public sealed class RealtimeOptions
{
    /// <summary>The section of the configuration.</summary>
    public const string Section = "Aether:Realtime";

    /// <summary>Who may connect. Empty, and no <see cref="Tokens"/>: no credential is asked for.</summary>
    public IList<ApiKeyOptions> ApiKeys { get; } = [];

    /// <summary>Which tokens of users are good, beside API keys. None are unless there is a key for them.</summary>
    public TokenOptions Tokens { get; set; } = new();

    /// <summary>
    /// What connections may do when there are no <see cref="ApiKeys"/> and no <see cref="Tokens"/>: <c>broadcast</c>, <c>cross_group</c>,
    /// <c>admin</c>. Not set: <c>broadcast</c>. Empty: nothing.
    /// </summary>
    public IList<string>? AnonymousPermissions { get; set; }

    /// <summary>
    /// The origins of the pages that may connect, as <c>https://host[:port]</c>. Not set: any page that has a key; where no
    /// key is asked, only the server's own pages, and on this machine those of this machine. Empty: none.
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

    /// <summary>Names of a group that one client holds at a time.</summary>
    public LeaseOptions Leases { get; set; } = new();

    /// <summary>What is said of Redis beside <c>ConnectionStrings:Redis</c>.</summary>
    public RedisOptions Redis { get; set; } = new();

    /// <summary>The endpoints of V1 and V2.</summary>
    public LegacyOptions Legacy { get; set; } = new();

    /// <summary>The console, a page for browsers.</summary>
    public ConsoleOptions Console { get; set; } = new();

    /// <summary>How frames are written to sockets.</summary>
    public DeliveryOptions Delivery { get; set; } = new();
}
