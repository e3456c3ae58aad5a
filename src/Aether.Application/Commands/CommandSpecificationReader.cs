using System.Runtime.InteropServices;
using System.Text.Json;
using Aether.Application.Pipeline;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Domain.Commands;

namespace Aether.Application.Commands;

/// <summary>
/// Reads what <c>command.start</c> and the HTTP API say of a new command. A field that there
/// is none of is refused: a misspelled limit would otherwise not be in force.
/// </summary>
internal static class CommandSpecificationReader
{
    private const string AmountRule = "must be a count from 1, or a share above 0 and below 1";
    private const string FlagRule = "must be true or false";
    private const string AbortRule = "must be an object with failures, a count or a share, and maybe min_executed, a count from 1";

    /// <summary>Reads it.</summary>
    /// <param name="root">The object.</param>
    /// <param name="prefix">What stands before a field's name where it is told: <c>payload.</c>, or nothing.</param>
    /// <param name="read">What was read.</param>
    /// <param name="besides">Fields that are the caller's own.</param>
    /// <returns>What is wrong with it, if anything.</returns>
    public static Rejection? TryRead(
        JsonElement root, string prefix, out CommandSpecification? read, params ReadOnlySpan<string> besides)
    {
        var fields = new Fields();
        foreach (var property in root.EnumerateObject())
        {
            // The caller's own have to be there once as well, or the last of them would win.
            if ((besides.Contains(property.Name) ? fields.Note(property.Name) : fields.Read(property)) is not { } rule)
                continue;
            read = null;
            return Refusals.Of(prefix + rule.Field, rule.Rule);
        }
        var wrong = fields.Finish(out read);
        return wrong is { } found ? Refusals.Of(prefix + found.Field, found.Rule) : null;
    }

    private sealed class Fields
    {
        private readonly HashSet<string> seen = [];
        private string? cmd;
        private string? msg;
        private ReadOnlyMemory<byte> payload = ServerMessages.EmptyPayload;
        private List<VisionId>? to;
        private CommandPlan plan = new();
        private LeaseClaim? lease;

        /// <returns>Which field breaks which rule, if any.</returns>
        public (string Field, string Rule)? Read(JsonProperty property)
        {
            string name = property.Name;
            var value = property.Value;
            if (Note(name) is { } twice)
                return twice;
            // Null is as if it were not there.
            if (value.ValueKind == JsonValueKind.Null)
                return IsField(name) ? null : (name, Unknown);
            string? rule = name switch
            {
                "cmd" => ReadCmd(value),
                "msg" => ReadMsg(value),
                "payload" => ReadPayload(value),
                "to" => ReadTo(value),
                "role" => ReadRole(value),
                "targets" => ReadTargets(value),
                "delivery_timeout_ms" => ReadTime(value, 1, span => plan = plan with { DeliveryTimeout = span }),
                "in_progress_timeout_ms" => ReadTime(value, 0, span => plan = plan with { InProgressTimeout = span }),
                "deadline_ms" => ReadTime(value, 1, span => plan = plan with { Deadline = span }),
                "attempts" => ReadAttempts(value),
                "min_succeeded" => ReadAmount(value, amount => plan = plan with { MinSucceeded = amount }),
                "stop_at_quorum" => ReadFlag(value, flag => plan = plan with { StopAtQuorum = flag }),
                "max_concurrency" => ReadAmount(value, amount => plan = plan with { MaxConcurrency = amount }),
                "batches" => ReadBatches(value),
                "pause" => ReadFlag(value, flag => plan = plan with { Pause = flag }),
                "abort" => ReadAbort(value),
                "lease" => ReadLease(value),
                _ => Unknown,
            };
            return rule is null ? null : (name, rule);
        }

        /// <summary>Notes that a field is there.</summary>
        /// <returns>That it was before, if it was.</returns>
        public (string Field, string Rule)? Note(string name) => seen.Add(name) ? null : (name, "must not be given twice");

        public (string Field, string Rule)? Finish(out CommandSpecification? read)
        {
            read = null;
            if (cmd is null)
                return ("cmd", "is required");
            if (to is not null && plan.Role != Role.None)
                return ("role", "must not be given with to, which names its members");
            if (to is not null && plan.IsContinuous)
                return ("targets", "must be snapshot with to, which names its members");
            if (plan.FindFault() is { } fault)
                return fault;
            read = new CommandSpecification
            {
                Cmd = cmd,
                Msg = msg,
                Payload = payload,
                To = to,
                Plan = plan,
                Lease = lease,
            };
            return null;
        }

        private const string Unknown = "is no field of a command";

        private static bool IsField(string name) => name is "cmd" or "msg" or "payload" or "to" or "role" or "targets"
            or "delivery_timeout_ms" or "in_progress_timeout_ms" or "deadline_ms" or "attempts" or "min_succeeded"
            or "stop_at_quorum" or "max_concurrency" or "batches" or "pause" or "abort" or "lease";

        private string? ReadCmd(JsonElement value)
        {
            cmd = value.ValueKind == JsonValueKind.String ? value.GetString() : null;
            return cmd is { Length: > 0 }
                && (cmd.Length <= MessageReader.MaxCmdLength || cmd.EnumerateRunes().Count() <= MessageReader.MaxCmdLength)
                ? null
                : "must be 1 to 256 characters";
        }

        private string? ReadMsg(JsonElement value)
        {
            msg = value.ValueKind == JsonValueKind.String ? value.GetString() : null;
            return msg is null ? "must be a string or null" : null;
        }

        private string? ReadPayload(JsonElement value)
        {
            if (value.ValueKind != JsonValueKind.Object)
                return "must be an object";
            // A copy: the document that it is read from is gone when the command is sent.
            payload = JsonMarshal.GetRawUtf8Value(value).ToArray();
            return null;
        }

        private string? ReadTo(JsonElement value)
        {
            const string Rule = "must be a list of 1 to 1000 client ids";
            if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() is 0 or > CommandSpecification.MaxNamed)
                return Rule;
            var named = new HashSet<VisionId>();
            to = [];
            foreach (var one in value.EnumerateArray())
            {
                if (one.ValueKind != JsonValueKind.String || !VisionId.TryParse(one.GetString(), out var id))
                    return Rule + "; each " + VisionId.Rule;
                if (named.Add(id))
                    to.Add(id);
            }
            return null;
        }

        private string? ReadRole(JsonElement value)
        {
            if (value.ValueKind != JsonValueKind.String || !WireNames.Roles.TryFind(value.GetString(), out var role))
                return WireNames.Roles.Rule;
            plan = plan with { Role = role };
            return null;
        }

        private string? ReadTargets(JsonElement value)
        {
            string? kind = value.ValueKind == JsonValueKind.String ? value.GetString() : null;
            plan = plan with { IsContinuous = kind == "continuous" };
            return kind is "snapshot" or "continuous" ? null : "must be snapshot or continuous";
        }

        private static string? ReadTime(JsonElement value, long from, Action<TimeSpan> set)
        {
            if (!TryReadInt(value, from, (long)CommandPlan.MaxDeadline.TotalMilliseconds, out long ms))
                return $"must be {from} to 86400000";
            set(TimeSpan.FromMilliseconds(ms));
            return null;
        }

        private string? ReadAttempts(JsonElement value)
        {
            if (!TryReadInt(value, 1, CommandPlan.MaxAttempts, out long attempts))
                return "must be 1 to 10";
            plan = plan with { Attempts = (int)attempts };
            return null;
        }

        private static string? ReadAmount(JsonElement value, Action<Amount> set)
        {
            if (!TryReadAmount(value, out var amount) || amount == default)
                return AmountRule;
            set(amount);
            return null;
        }

        private static string? ReadFlag(JsonElement value, Action<bool> set)
        {
            if (value.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
                return FlagRule;
            set(value.GetBoolean());
            return null;
        }

        private string? ReadBatches(JsonElement value)
        {
            const string Rule = "must be a list of at most 100 counts from 1, or shares above 0 and below 1";
            if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() > CommandPlan.MaxBatches)
                return Rule;
            var batches = new List<Amount>();
            foreach (var one in value.EnumerateArray())
            {
                if (!TryReadAmount(one, out var amount) || amount == default)
                    return Rule;
                batches.Add(amount);
            }
            plan = plan with { Batches = batches };
            return null;
        }

        private string? ReadAbort(JsonElement value)
        {
            if (value.ValueKind != JsonValueKind.Object)
                return AbortRule;
            (Amount Failures, bool IsGiven, long MinExecuted) read = (default, false, 1);
            var given = new HashSet<string>();
            foreach (var property in value.EnumerateObject())
            {
                bool isGood = given.Add(property.Name) && property.Name switch
                {
                    "failures" => read.IsGiven = TryReadAmount(property.Value, out read.Failures),
                    "min_executed" => property.Value.ValueKind == JsonValueKind.Null
                        || TryReadInt(property.Value, 1, CommandPlan.MaxTargets, out read.MinExecuted),
                    _ => false,
                };
                if (!isGood)
                    return AbortRule;
            }
            if (!read.IsGiven)
                return AbortRule;
            plan = plan with { Abort = new AbortCriteria(read.Failures, (int)read.MinExecuted) };
            return null;
        }

        private string? ReadLease(JsonElement value)
        {
            if (!MessageParts.TryReadLease(value, out var claim))
                return MessageParts.LeaseRule;
            lease = claim;
            return null;
        }

        // A whole number is a count, a fraction below one a share; zero is for whoever allows it.
        private static bool TryReadAmount(JsonElement value, out Amount amount)
        {
            amount = default;
            if (value.ValueKind != JsonValueKind.Number || !value.TryGetDecimal(out decimal number) || number < 0)
                return false;
            if (number is > 0 and < 1)
                amount = Amount.FromShare(number);
            else if (number == decimal.Truncate(number) && number <= int.MaxValue)
                amount = Amount.FromCount((int)number);
            else
                return false;
            return true;
        }

        private static bool TryReadInt(JsonElement value, long from, long to, out long number)
        {
            number = 0;
            return value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out number) && number >= from && number <= to;
        }
    }
}
