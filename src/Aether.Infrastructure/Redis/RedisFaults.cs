using System.Net.Sockets;
using System.Security.Authentication;
using System.Text.RegularExpressions;
using Aether.Application.Ports;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis;

/// <summary>What the client library throws when Redis cannot be reached, hangs, or refuses.</summary>
internal static partial class RedisFaults
{
    /// <summary>Whether the exception is Redis's, and not a bug of ours.</summary>
    public static bool IsExpected(Exception exception) =>
        exception is RedisException or RedisCommandException or TimeoutException or ObjectDisposedException or OperationCanceledException;

    /// <summary>Whose failure it is that a call was answered with an error, or with nothing.</summary>
    public static FaultScope ScopeOf(Exception exception) => exception is not RedisServerException refused
        ? FaultScope.Backplane
        : refused.Kind switch
        {
            // It takes no more data, or this command is not allowed, or not for this key; all else goes on.
            RedisErrorKind.OutOfMemory or RedisErrorKind.WrongType or RedisErrorKind.NoPermission
                or RedisErrorKind.NotPermitted or RedisErrorKind.UnknownCommand or RedisErrorKind.CrossSlot
                or RedisErrorKind.NoScript or RedisErrorKind.UnknownError => FaultScope.Call,
            // It answers to nobody, or takes no writes, until a script has ended, a snapshot can be written, or its
            // replicas are back. What it holds is what it was told.
            RedisErrorKind.Busy or RedisErrorKind.Misconfigured or RedisErrorKind.NoReplicas
                or RedisErrorKind.MaxClients or RedisErrorKind.TryAgain => FaultScope.Backplane,
            // A replica by now, loading, failing over, asking who we are: it may be another one soon, or hold older
            // data.
            _ => FaultScope.Server,
        };

    /// <summary>What a sender is told of a call that was answered with an error, or with nothing.</summary>
    public static BackplaneFault FaultOf(Exception exception)
    {
        for (var inner = exception; inner is not null; inner = inner.InnerException)
        {
            if (OfText(inner.Message) is not null || Refused(inner.Message) is not AclRefusal.None)
                return BackplaneFault.Forbidden;
        }
        return exception switch
        {
            RedisServerException refused => refused.Kind switch
            {
                RedisErrorKind.OutOfMemory => BackplaneFault.Full,
                RedisErrorKind.ReadOnly or RedisErrorKind.Misconfigured or RedisErrorKind.NoReplicas =>
                    BackplaneFault.ReadOnly,
                RedisErrorKind.Loading => BackplaneFault.Loading,
                RedisErrorKind.NoPermission or RedisErrorKind.NoAuth or RedisErrorKind.WrongPass =>
                    BackplaneFault.Forbidden,
                _ => BackplaneFault.Refused,
            },
            // The client library knows of replicas alone, and asks none of them.
            RedisConnectionException or RedisCommandException
                when exception.Message.Contains("eligible for replica", StringComparison.Ordinal) =>
                BackplaneFault.ReadOnly,
            _ => BackplaneFault.Unreachable,
        };
    }

    /// <summary>Lets a task fail without anybody waiting for it.</summary>
    public static void Observe(Task task) =>
        task.ContinueWith(
            static t => _ = t.Exception,
            CancellationToken.None,
            TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);

    /// <summary>
    /// What an operator has to know of a fault, in words of our own: the text of an exception may hold keys, channels,
    /// users and whatever else was sent.
    /// </summary>
    public static string Describe(
        Exception? exception, ConnectionFailureType failure = ConnectionFailureType.None)
    {
        for (var inner = exception; inner is not null; inner = inner.InnerException)
        {
            if (Cause(inner) is { } cause)
                return cause;
        }
        return failure switch
        {
            ConnectionFailureType.AuthenticationFailure => WrongPassword,
            ConnectionFailureType.None => exception?.GetType().Name ?? "unknown",
            _ => failure.ToString(),
        };
    }

    /// <summary>What an error of Redis says that its ACL refuses. The words differ between versions.</summary>
    public static AclRefusal Refused(string? error)
    {
        if (error is null || !IsRefusal(error))
            return AclRefusal.None;
        return error.Contains("channel", StringComparison.Ordinal) ? AclRefusal.Channel
            : error.Contains("access", StringComparison.Ordinal) && error.Contains("key", StringComparison.Ordinal)
                ? AclRefusal.Key
            : AclRefusal.Command;
    }

    private static bool IsRefusal(string error) =>
        error.Contains("NOPERM", StringComparison.Ordinal)
        || error.Contains("ACL failure", StringComparison.Ordinal)
        || error.Contains("has no permissions", StringComparison.Ordinal)
        || error.Contains("The user executing the script can't", StringComparison.Ordinal);

    private static string Words(AclRefusal refusal, string error) => refusal switch
    {
        AclRefusal.Channel => "Redis's ACL refuses a channel",
        AclRefusal.Key => "Redis's ACL refuses a key",
        _ when CommandInError().Match(error) is { Success: true } command =>
            "Redis's ACL refuses the command " + command.Groups[1].Value,
        _ => "Redis's ACL refuses a command",
    };

    public const string WrongPassword = "user or password are wrong (WRONGPASS) or missing (NOAUTH)";

    private static string? Cause(Exception exception) => exception switch
    {
        RedisServerException server => Refused(server.Message) is not AclRefusal.None and var refusal
            ? Words(refusal, server.Message)
            : OfText(server.Message) ?? (server.Kind == RedisErrorKind.Unknown ? null : server.Kind.ToString()),
        AuthenticationException => "the TLS handshake failed",
        SocketException { SocketErrorCode: var code } => code switch
        {
            SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain => "the name does not resolve",
            SocketError.ConnectionRefused => "the connection was refused",
            SocketError.TimedOut => "no answer in time",
            SocketError.HostUnreachable or SocketError.NetworkUnreachable => "there is no way to the host",
            _ => code.ToString(),
        },
        RedisTimeoutException or TimeoutException => "no answer in time",
        _ => OfText(exception.Message),
    };

    // The client wraps what the server said into exceptions of its own, as text. After a wrong password it goes on
    // without one, and knows only of the refusal that follows: so the two cannot be told apart.
    private static string? OfText(string message) =>
        message.Contains("WRONGPASS", StringComparison.Ordinal)
            || message.Contains("invalid password", StringComparison.OrdinalIgnoreCase)
            || message.Contains("NOAUTH", StringComparison.Ordinal)
            || message.Contains("requires authentication", StringComparison.OrdinalIgnoreCase)
            || message.Contains("Authentication required", StringComparison.OrdinalIgnoreCase)
            ? WrongPassword
        : null;

    [GeneratedRegex("run the '([a-z0-9|_.-]{1,64})' command", RegexOptions.IgnoreCase)]
    private static partial Regex CommandInError();
}

/// <summary>What an ACL refuses.</summary>
internal enum AclRefusal
{
    /// <summary>Nothing: it is no refusal of an ACL.</summary>
    None,

    /// <summary>The command.</summary>
    Command,

    /// <summary>The keys it is about.</summary>
    Key,

    /// <summary>The channels it is about.</summary>
    Channel,
}

/// <summary>What an error says of more than the call that it answers.</summary>
internal enum FaultScope
{
    /// <summary>Nothing: this call failed, and others need not.</summary>
    Call,

    /// <summary>Redis may be of no use now. Whether that is so, the next renewal of the lease tells.</summary>
    Backplane,

    /// <summary>Redis may have forgotten, or be another one than before.</summary>
    Server,
}
