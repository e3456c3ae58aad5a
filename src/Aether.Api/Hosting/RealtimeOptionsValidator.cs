using Aether.Api.Access;
using Aether.Application;
using Aether.Domain;
using Microsoft.Extensions.Options;

namespace Aether.Api.Hosting;

/// <summary>
/// Checks every option at start. A wrong one stops the start with its full name and what it must be, and never with a
/// secret that it holds.
/// </summary>
internal sealed class RealtimeOptionsValidator : IValidateOptions<RealtimeOptions>
{
    private const int MinKeyLength = 16;

    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, RealtimeOptions options)
    {
        var failures = new List<string>();
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
        foreach (string permission in options.AnonymousPermissions ?? [])
            Check(PermissionNames.IsKnown(permission), "AnonymousPermissions", PermissionNames.Rule);
        for (int i = 0; i < options.AllowedOrigins.Count; i++)
        {
            Check(
                IsOrigin(options.AllowedOrigins[i]),
                $"AllowedOrigins:{i}",
                "must be scheme://host[:port], nothing after it");
        }
        CheckRange(options.MaxMessageBytes, 256, 16 * 1024 * 1024, "MaxMessageBytes");
        CheckTime(options.MessageTimeout, 1, 3600, "MessageTimeout");
        CheckRange(options.RateLimit.PerSecond, 0, 1_000_000, "RateLimit:PerSecond");
        CheckRange(options.RateLimit.Burst, 1, 1_000_000, "RateLimit:Burst");
        CheckRange(options.SendQueue.Messages, 1, 1_000_000, "SendQueue:Messages");
        CheckRange(options.SendQueue.Bytes, 1_024, 1024 * 1024 * 1024, "SendQueue:Bytes");
        CheckTime(options.SendQueue.Timeout, 1, 3600, "SendQueue:Timeout");
        Check(Enum.IsDefined(options.DuplicateClients), "DuplicateClients", "must be Allow or Replace");
        Check(Enum.IsDefined(options.InvalidMessages), "InvalidMessages", "must be Close or Report");
        CheckTime(options.IdleTimeout, 0, 604_800, "IdleTimeout");
        CheckTime(options.KeepAlive.Interval, 0, 3600, "KeepAlive:Interval");
        CheckTime(options.KeepAlive.Timeout, 1, 3600, "KeepAlive:Timeout");
        CheckRange(options.MaxConnections, 1, 10_000_000, "MaxConnections");
        CheckTime(options.Drain, 0, 3600, "Drain");
        CheckTime(options.Presence.Lease, 1, 3600, "Presence:Lease");
        Check(
            options.Redis.Prefix.Length <= 64 && options.Redis.Prefix.All(c => c is > ' ' and <= '~'
                && !"*?[]{}\\".Contains(c, StringComparison.Ordinal)),
            "Redis:Prefix",
            "must be at most 64 printable ASCII characters, without * ? [ ] { } and \\");
        CheckRange(options.Delivery.Loops, 0, 256, "Delivery:Loops");
        CheckTime(options.Delivery.Coalesce, 0, 0.1, "Delivery:Coalesce");
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
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
            check(key.Key.Length >= MinKeyLength, option + ":Key", $"must be at least {MinKeyLength} characters");
            check(key.Permissions.All(PermissionNames.IsKnown), option + ":Permissions", PermissionNames.Rule);
            check(
                key.Groups.All(group => group == "*" || VisionId.TryParse(group, out _)),
                option + ":Groups",
                "must be Vision IDs or *");
        }
    }

    private static bool IsOrigin(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri)
        && string.Equals(uri.GetLeftPart(UriPartial.Authority), text, StringComparison.OrdinalIgnoreCase);
}
