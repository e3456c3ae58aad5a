using System.Collections;
using System.Reflection;
using Aether.Application;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Infrastructure.Tokens;
using Microsoft.Extensions.Options;

namespace Aether.Api.Configuration;

/// <summary>
/// Checks every option at start. A wrong one stops the start with its full name and what it must be, and never with a
/// secret that it holds.
/// </summary>
internal sealed class RealtimeOptionsValidator : IValidateOptions<RealtimeOptions>
{
    private const int MinKeyLength = 16;

    private const string TextRule = "must be there, without blanks at its ends";

    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, RealtimeOptions options)
    {
        var failures = new List<string>();
        // In code anything can be set to null, and no rule below could be asked of it.
        FindNulls(options, RealtimeOptions.Section, failures);
        if (failures.Count > 0)
            return ValidateOptionsResult.Fail(failures);
        void Check(bool good, string option, string rule)
        {
            if (!good)
                failures.Add(RealtimeOptions.Section + ":" + option + " " + rule);
        }
        void CheckRange(long value, long from, long to, string option) =>
            Check(value >= from && value <= to, option, $"must be {from} to {to}");
        void CheckTime(Duration value, double from, double to, string option) =>
            Check(
                value.Value.TotalSeconds >= from && value.Value.TotalSeconds <= to,
                option,
                $"must be {from} to {to} seconds");

        CheckKeys(options, Check);
        CheckTokens(options.Tokens, Check);
        CheckTime(options.Tokens.ClockSkew, 0, 300, "Tokens:ClockSkew");
        CheckTime(options.Tokens.MaxLifetime, 60, 315_360_000, "Tokens:MaxLifetime");
        foreach (string permission in options.AnonymousPermissions ?? [])
            Check(PermissionNames.IsKnown(permission), "AnonymousPermissions", PermissionNames.Rule);
        for (int i = 0; i < options.AllowedOrigins?.Count; i++)
        {
            Check(
                IsOrigin(options.AllowedOrigins[i]),
                $"AllowedOrigins:{i}",
                "must be scheme://host[:port], nothing after it");
        }
        CheckRange(options.MaxMessageBytes, 256, MessageSize.MaxAccepted, "MaxMessageBytes");
        CheckTime(options.MessageTimeout, 1, 3600, "MessageTimeout");
        CheckRange(options.RateLimit.PerSecond, 0, 1_000_000, "RateLimit:PerSecond");
        CheckRange(options.RateLimit.Burst, 1, 1_000_000, "RateLimit:Burst");
        CheckRange(options.SendQueue.Messages, 1, 1_000_000, "SendQueue:Messages");
        CheckRange(options.SendQueue.Bytes, 1_024, 1024 * 1024 * 1024, "SendQueue:Bytes");
        CheckTime(options.SendQueue.Timeout, 1, 3600, "SendQueue:Timeout");
        Check(Enum.IsDefined(options.DuplicateClients), "DuplicateClients", "must be Allow or Replace");
        Check(Enum.IsDefined(options.InvalidMessages), "InvalidMessages", "must be Close or Report");
        // Below a second no client could keep itself from being cut.
        if (options.IdleTimeout.Value != TimeSpan.Zero)
            CheckTime(options.IdleTimeout, 1, 604_800, "IdleTimeout");
        CheckTime(options.HandlerTimeout, 0.1, 60, "HandlerTimeout");
        CheckTime(options.KeepAlive.Interval, 0, 3600, "KeepAlive:Interval");
        CheckTime(options.KeepAlive.Timeout, 1, 3600, "KeepAlive:Timeout");
        CheckRange(options.MaxConnections, 1, 10_000_000, "MaxConnections");
        CheckRange(options.Legacy.MaxConnections ?? 1, 1, 10_000_000, "Legacy:MaxConnections");
        CheckTime(options.Drain, 0, 3600, "Drain");
        CheckTime(options.Presence.Lease, 1, 3600, "Presence:Lease");
        for (int i = 0; i < options.History.Types?.Count; i++)
            Check(options.History.Types[i] is "cmd" or "msg", $"History:Types:{i}", "must be cmd or msg");
        for (int i = 0; i < options.Commands.Givers?.Count; i++)
            Check(WireNames.Roles.TryFind(options.Commands.Givers[i], out _), $"Commands:Givers:{i}", WireNames.Roles.Rule);
        CheckRange(options.Commands.Running, 1, 100_000, "Commands:Running");
        CheckTime(options.Commands.Retention, 1, 2_592_000, "Commands:Retention");
        CheckRange(options.Leases.MaxPerGroup, 1, 1_000_000, "Leases:MaxPerGroup");
        CheckRange(options.History.Messages, 1, 100_000, "History:Messages");
        CheckTime(options.History.Ttl, 1, 604_800, "History:Ttl");
        CheckTime(options.History.Remember, 1, 31_536_000, "History:Remember");
        Check(
            options.History.Remember.Value >= options.History.Ttl.Value,
            "History:Remember",
            "must be at least History:Ttl: a message without its channel's position could be read by nobody");
        Check(
            options.Redis.Prefix.Length <= 64 && options.Redis.Prefix.All(c => c is > ' ' and <= '~'
                && !"*?[]{}\\".Contains(c, StringComparison.Ordinal)),
            "Redis:Prefix",
            "must be at most 64 printable ASCII characters, without * ? [ ] { } and \\");
        Check(
            !options.Redis.User.Any(char.IsControl) && options.Redis.User.Trim() == options.Redis.User,
            "Redis:User",
            "must not hold a line break or another control character, nor begin or end with a blank");
        Check(
            !options.Redis.Password.AsSpan().ContainsAny('\r', '\n'), "Redis:Password", "must not hold a line break");
        Check(
            options.SendQueue.Bytes >= options.MaxMessageBytes,
            "SendQueue:Bytes",
            "must be at least MaxMessageBytes: whoever receives the longest message would be closed as too slow");
        CheckRange(options.Delivery.Loops, 0, 256, "Delivery:Loops");
        CheckTime(options.Delivery.Coalesce, 0, 0.1, "Delivery:Coalesce");
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    private static void FindNulls(object part, string path, List<string> failures)
    {
        foreach (var property in part.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            string option = path + ":" + property.Name;
            object? value = property.GetValue(part);
            if (value is IList list)
            {
                for (int i = 0; i < list.Count; i++)
                    FindNull(list[i], $"{option}:{i}", failures);
            }
            else if (value is not null || new NullabilityInfoContext().Create(property).ReadState == NullabilityState.NotNull)
            {
                FindNull(value, option, failures);
            }
        }
    }

    private static void FindNull(object? value, string option, List<string> failures)
    {
        if (value is null)
            failures.Add(option + " must not be null");
        else if (value is not (string or ValueType))
            FindNulls(value, option, failures);
    }

    private static void CheckKeys(RealtimeOptions options, Action<bool, string, string> check)
    {
        for (int i = 0; i < options.ApiKeys.Count; i++)
        {
            var key = options.ApiKeys[i];
            string option = $"ApiKeys:{i}";
            check(key.Name.Length is >= 1 and <= 64, option + ":Name", "must be 1 to 64 characters");
            check(
                options.ApiKeys.Count(other => other.Name == key.Name) == 1,
                option + ":Name",
                "must differ from the other keys'");
            CheckSecret(key, option, check);
            check(
                !IsShown(key) || options.ApiKeys.Count(other => IsShown(other) && ApiKeyHash.Of(other) == ApiKeyHash.Of(key)) == 1,
                option + (key.Key.Length > 0 ? ":Key" : ":KeySha256"),
                "must differ from the other keys'");
            check(key.Permissions.All(PermissionNames.IsKnown), option + ":Permissions", PermissionNames.Rule);
            check(
                key.Groups is null || key.Groups.All(group => group == "*" || VisionId.TryParse(group, out _)),
                option + ":Groups",
                "must be Vision IDs or *");
        }
    }

    private static void CheckSecret(ApiKeyOptions key, string option, Action<bool, string, string> check)
    {
        if (key.KeySha256.Length > 0)
        {
            check(key.Key.Length == 0, option + ":KeySha256", "stands in place of Key, not beside it");
            check(
                ApiKeyHash.Is(key.KeySha256),
                option + ":KeySha256",
                "must be 64 hexadecimal digits: the SHA-256 of the key, without a line break behind it");
            return;
        }
        check(key.Key.Length >= MinKeyLength, option + ":Key", $"must be at least {MinKeyLength} characters");
        // Nobody could ever show it: a header's value holds no control character, and loses blanks at its ends.
        check(
            !key.Key.Any(char.IsControl) && key.Key.Trim() == key.Key,
            option + ":Key",
            "must not hold a line break or another control character, nor begin or end with a blank");
    }

    private static bool IsShown(ApiKeyOptions key) => key.Key.Length > 0 || ApiKeyHash.Is(key.KeySha256);

    private static void CheckTokens(TokenOptions tokens, Action<bool, string, string> check)
    {
        bool areMeant = tokens.Keys.Count > 0 || tokens.Jwks.Length > 0;
        // Somebody meant tokens to be asked for, and would have a server that asks for nothing.
        check(
            areMeant || (tokens.Issuer.Length == 0 && tokens.Audience.Length == 0),
            "Tokens",
            "has no Keys and no Jwks, and without one no token is good");
        // Not to look at who a token is of and for would be to trust whatever the issuer makes for anybody.
        check(!areMeant || IsText(tokens.Issuer), "Tokens:Issuer", TextRule);
        check(!areMeant || IsText(tokens.Audience), "Tokens:Audience", TextRule);
        check(
            tokens.Jwks.Length == 0 || IsJwks(tokens.Jwks),
            "Tokens:Jwks",
            "must be an https address; http only to this machine");
        for (int i = 0; i < tokens.Keys.Count; i++)
        {
            var key = tokens.Keys[i];
            string option = $"Tokens:Keys:{i}";
            if (!SigningKey.TryCreate(key, out _, out var wrong))
                check(false, $"{option}:{wrong.Value.Option}", wrong.Value.Rule);
            check(
                key.Kid.Length == 0 || (key.Kid.Length <= 256 && IsText(key.Kid)),
                option + ":Kid",
                "must be at most 256 characters, without blanks at its ends");
            check(
                tokens.Keys.Count(other => other.Kid == key.Kid && other.Algorithm == key.Algorithm) == 1,
                option + ":Kid",
                "must differ from the other keys' of this algorithm");
        }
    }

    private static bool IsText(string text) => text.Length > 0 && text.Trim() == text && !text.Any(char.IsControl);

    private static bool IsJwks(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri)
        && uri.UserInfo.Length == 0
        && (uri.Scheme == Uri.UriSchemeHttps || (uri.Scheme == Uri.UriSchemeHttp && uri.IsLoopback));

    private static bool IsOrigin(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri)
        && string.Equals(uri.GetLeftPart(UriPartial.Authority), text, StringComparison.OrdinalIgnoreCase);
}
