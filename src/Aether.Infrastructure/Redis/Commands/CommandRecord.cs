using System.Globalization;
using Aether.Domain;
using Aether.Domain.Commands;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis.Commands;

/// <summary>What was ordered, as fields of the hash of a command.</summary>
internal static class CommandRecord
{
    /// <summary>How many fields the scripts give, the state being the last.</summary>
    public const int Fields = 8;

    /// <summary>The fields that make up an order, in the order in which the scripts give them.</summary>
    public static RedisValue[] OrderFields { get; } = ["from", "request", "cmd", "msg", "payload", "lease", "plan"];

    /// <summary>Writes all but the plan, as fields and values in turn. What was not said is left out.</summary>
    public static IEnumerable<RedisValue> Write(CommandOrder order)
    {
        yield return "from";
        yield return order.FromId.Value;
        if (order.RequestId is { } request)
        {
            yield return "request";
            yield return request;
        }
        yield return "cmd";
        yield return order.Cmd;
        if (order.Msg is { } msg)
        {
            yield return "msg";
            yield return msg;
        }
        yield return "payload";
        yield return order.Payload;
        if (order.Lease is { } lease)
        {
            yield return "lease";
            yield return string.Create(CultureInfo.InvariantCulture, $"{lease.Term} {lease.Name}");
        }
    }

    /// <summary>Reads an order; nothing if it is none: anybody may write into the hash as well.</summary>
    public static CommandOrder? TryRead(VisionId group, string id, ReadOnlySpan<RedisValue> fields)
    {
        if (fields.Length < OrderFields.Length || !ExecutionId.IsCommandId(id)
            || !VisionId.TryParseSender((string?)fields[0], out var from)
            || fields[2].IsNull
            || CommandPlanText.TryRead(fields[6]) is not { } plan
            || !TryReadLease(fields[5], out var lease))
            return null;
        return new CommandOrder
        {
            Id = id,
            GroupId = group,
            FromId = from,
            RequestId = fields[1],
            Cmd = fields[2]!,
            Msg = fields[3],
            Payload = (byte[]?)fields[4] ?? [],
            Lease = lease,
            Plan = plan,
        };
    }

    private static bool TryReadLease(string? text, out LeaseClaim? lease)
    {
        lease = null;
        if (text is null)
            return true;
        int space = text.IndexOf(' ', StringComparison.Ordinal);
        if (space < 0
            || !Digits.TryParse(text.AsSpan(..space), out long term)
            || !VisionId.TryParse(text[(space + 1)..], out var name))
            return false;
        lease = new LeaseClaim(name, term);
        return true;
    }
}
