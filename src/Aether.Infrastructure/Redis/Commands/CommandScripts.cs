using System.Globalization;
using Aether.Application;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Domain.Commands;
using Aether.Infrastructure.Redis.Connections;
using StackExchange.Redis;
using CommandStatus = Aether.Domain.Commands.CommandStatus;

namespace Aether.Infrastructure.Redis.Commands;

/// <summary>
/// What commands ask of Redis, one method per script. Each touches keys of one slot: those of a group's commands, or the
/// list of the groups to look at. The time is Redis's, unless a test brings one.
/// </summary>
internal sealed class CommandScripts(RedisConnection connection, RedisNames names, CommandOptions options)
{
    /// <summary>
    /// For how long a group in which commands run is left alone at most: whoever brought an event may have died before it
    /// told when to look.
    /// </summary>
    public static readonly TimeSpan LongestRest = TimeSpan.FromSeconds(1.5);

    /// <summary>For how long nobody else looks at a group that an instance looks at.</summary>
    public static readonly TimeSpan Claim = TimeSpan.FromSeconds(1);

    /// <summary>After how long a group in which nothing runs is looked at a last time: something was about to begin.</summary>
    public static readonly TimeSpan LastLook = TimeSpan.FromSeconds(60);

    private const int IdsAtOnce = 1_000;

    private static readonly string Machine = RedisScripts.Load("command-machine.lua");
    private static readonly string Start = Machine + RedisScripts.Load("command-start.lua");
    private static readonly string Apply = Machine + RedisScripts.Load("command-apply.lua");
    private static readonly string Connect = Machine + RedisScripts.Load("command-connect.lua");
    private static readonly string Pass = Machine + RedisScripts.Load("command-pass.lua");
    private static readonly string List = Machine + RedisScripts.Load("command-list.lua");
    private static readonly string Read = RedisScripts.Load("command-read.lua");
    private static readonly string Versions = RedisScripts.Load("command-versions.lua");
    private static readonly string Due = RedisScripts.Load("command-due.lua");

    private readonly long retention = (long)options.Retention.Value.TotalMilliseconds;

    /// <summary>Begins a command, or finds that it has begun before.</summary>
    public async Task<(StartStatus Status, CommandStep? Command)> StartAsync(
        CommandOrder order, IReadOnlyList<VisionId> members, long? now = null)
    {
        RedisKey[] keys = [.. Keys(order.GroupId), names.LeasesOf(order.GroupId)];
        if (order.RequestId is { } request)
            keys = [.. keys, names.Asked(order.GroupId, order.FromId, request)];
        var result = (RedisResult[])(await EvaluateAsync(
            Start,
            keys,
            [
                retention, Time(now), order.Id, string.Join(' ', members), CommandPlanText.Write(order.Plan), options.Running,
                order.Lease?.Name.Value ?? "", order.Lease?.Term ?? 0, order.FromId.Value, .. CommandRecord.Write(order),
            ]).ConfigureAwait(false))!;
        return (int)result[0] switch
        {
            0 => (StartStatus.Started, Step(result[1], result[2], Verdict.Applied, result[3])),
            1 => (StartStatus.Repeated, Step(result[1], result[2], Verdict.Unchanged, result[3])),
            2 => (StartStatus.TooMany, null),
            4 => (StartStatus.NoRecipients, null),
            _ => (StartStatus.StaleTerm, null),
        };
    }

    /// <summary>Lets an event into a command.</summary>
    /// <returns>What it did, and when to look at the group; nothing if there is no such command.</returns>
    public async Task<(CommandStep Command, Look Look)?> ApplyAsync(
        VisionId group, string id, CommandEvent happened, long? now = null)
    {
        var result = await EvaluateAsync(
            Apply, Keys(group), [retention, Time(now), id, .. Words(happened)]).ConfigureAwait(false);
        if (result.IsNull || Step((RedisResult[])result!) is not { } step)
            return null;
        string holder = (string)result[7]!;
        var transition = step.Transition with { TakenAfterMs = Number(result[9]) };
        return (
            step with { Transition = transition, Holder = holder.Length == 0 ? null : holder },
            new Look(group, (long)result[8]));
    }

    /// <summary>Whether a command runs in a group.</summary>
    public Task<bool> HasRunningAsync(VisionId group) =>
        connection.Commands.KeyExistsAsync(names.RunningCommands(group), RedisConnection.Primary);

    /// <summary>Lets into all commands of a group that run that a connection of a member opened.</summary>
    public async Task<(CommandStep[] Commands, Look Look)> ConnectAsync(VisionId group, MemberConnected member)
    {
        // Every connection asks, mostly in a group without commands; and this costs Redis a tenth of what the script does.
        if (!await HasRunningAsync(group).ConfigureAwait(false))
            return ([], new Look(group, -1));
        var result = (RedisResult[])(await EvaluateAsync(
            Connect, Keys(group), [retention, "", member.Member.Value, (int)member.Role]).ConfigureAwait(false))!;
        return (Steps(result), new Look(group, (long)result[0]));
    }

    /// <summary>Does what is due in some commands of a group.</summary>
    /// <returns>What that did; and in how many ms something is due next, -1: nothing runs.</returns>
    public async Task<(CommandStep[] Commands, long NextMs)> PassAsync(VisionId group, int limit)
    {
        var result = (RedisResult[])(await EvaluateAsync(
            Pass, Keys(group), [retention, "", limit]).ConfigureAwait(false))!;
        var steps = result.Skip(1).Select(static one => (RedisResult[])one!)
            .Select(static one => Step(one) is { } step ? step with { LateMs = Number(one[7]) } : null);
        return ([.. steps.OfType<CommandStep>()], (long)result[0]);
    }

    /// <summary>Reads what was ordered; nothing if there is no such command.</summary>
    public async Task<CommandOrder?> GetOrderAsync(VisionId group, string id) => CommandRecord.TryRead(
        group,
        id,
        await connection.Commands.HashGetAsync(names.Command(group, id), CommandRecord.OrderFields, RedisConnection.Primary)
            .ConfigureAwait(false));

    /// <summary>Reads a command and some of its executions.</summary>
    /// <param name="group">Its group.</param>
    /// <param name="id">Its id.</param>
    /// <param name="from">From which execution, or after which version.</param>
    /// <param name="limit">How many at most.</param>
    /// <param name="maxBytes">How long they may be together; one there is always.</param>
    /// <param name="isChanges">Whether a version is meant.</param>
    /// <returns>It, and whether there are fewer for their length; nothing if there is no such command.</returns>
    public async Task<(CommandSummary Command, IReadOnlyList<ExecutionRecord> Executions, bool IsCut)?> ReadAsync(
        VisionId group, string id, long from, int limit, int maxBytes, bool isChanges)
    {
        var result = await EvaluateAsync(
            Read,
            [names.Command(group, id), names.Executions(group, id), names.ChangedExecutions(group, id)],
            [from, limit, isChanges ? 1 : 0, maxBytes]).ConfigureAwait(false);
        if (result.IsNull || Summary(group, id, result[0]) is not { } summary)
            return null;
        var values = (RedisResult[])result[1]!;
        var executions = new List<ExecutionRecord>(values.Length / ExecutionRecord.Values);
        for (int i = 0; i < values.Length; i += ExecutionRecord.Values)
        {
            if (ExecutionRecord.TryRead(values.AsSpan(i, ExecutionRecord.Values)) is { } execution)
                executions.Add(execution);
        }
        return (summary, executions, (int)result[2] == 1);
    }

    /// <summary>Reads how often each of some commands has changed.</summary>
    public async Task<long[]> GetVersionsAsync(VisionId group, IReadOnlyList<string> ids)
    {
        long[] versions = new long[ids.Count];
        for (int from = 0; from < versions.Length; from += IdsAtOnce)
        {
            var result = (RedisResult[])(await EvaluateAsync(
                Versions,
                [names.Command(group, "")],
                [.. ids.Skip(from).Take(IdsAtOnce).Select(static id => (RedisValue)id)]).ConfigureAwait(false))!;
            for (int i = 0; i < result.Length; i++)
                versions[from + i] = long.TryParse((string?)result[i], out long version) ? version : 0;
        }
        return versions;
    }

    /// <summary>Reads the commands of a group, the newest first.</summary>
    public async Task<CommandList> ListAsync(VisionId group, CommandStatus? status, int offset, int limit)
    {
        var result = (RedisResult[])(await EvaluateAsync(
            List,
            Keys(group),
            [retention, "", status is { } only ? (int)only : "", offset, limit]).ConfigureAwait(false))!;
        var commands = new List<CommandSummary>();
        for (int i = 1; i + 1 < result.Length; i += 2)
        {
            if (Summary(group, (string)result[i]!, result[i + 1]) is { } command)
                commands.Add(command);
        }
        return new CommandList(commands, (int)result[0]);
    }

    /// <summary>Says when a group has to be looked at, at the latest.</summary>
    public Task TellAsync(Look look) =>
        EvaluateAsync(Due, [names.DueGroups], ["tell", look.Group.Value, look.InMs]);

    /// <summary>Takes some groups whose time has come, which then nobody else does for a while.</summary>
    public async Task<GroupClaim[]> ClaimAsync(int limit)
    {
        var result = (RedisResult[])(await EvaluateAsync(
            Due, [names.DueGroups], ["claim", limit, (long)Claim.TotalMilliseconds]).ConfigureAwait(false))!;
        var claims = new GroupClaim[result.Length / 3];
        for (int i = 0; i < claims.Length; i++)
            claims[i] = new GroupClaim((RedisValue)result[3 * i], (RedisValue)result[(3 * i) + 1], (int)result[(3 * i) + 2] == 1);
        return claims;
    }

    /// <summary>Says of groups that were taken when something is due next, unless somebody said so meanwhile.</summary>
    public Task ScheduleAsync(IEnumerable<(GroupClaim Claim, long NextMs)> looked) => EvaluateAsync(
        Due,
        [names.DueGroups],
        [
            "schedule", (long)LongestRest.TotalMilliseconds, (long)LastLook.TotalMilliseconds,
            .. looked.SelectMany(one => (RedisValue[])
                [one.Claim.Group, one.Claim.Mark, one.NextMs, one.Claim.WasEmpty ? 1 : 0]),
        ]);

    private static RedisValue Time(long? now) => now is { } at ? at : "";

    private static IEnumerable<RedisValue> Words(CommandEvent happened) => happened switch
    {
        MemberReported { Report: var report } =>
        [
            "say", report.Index, report.Member.Value, report.By, report.Attempt, (int)report.Status, report.Progress,
            report.Result, ExecutionRecord.Write(report.Error),
        ],
        MemberConnected member => ["connect", member.Member.Value, (int)member.Role],
        HolderLost lost => ["lost", lost.Index, lost.Holder],
        SendingConfirmed { Sent: var sent } => ["confirm", .. Words(sent)],
        CancelConfirmed { Told: var told } => ["told", .. Words(told)],
        CancelAsked => ["cancel"],
        ResumeAsked => ["resume"],
        _ => ["time"],
    };

    private static IEnumerable<RedisValue> Words(IReadOnlyList<SentAttempt> published) =>
        published.SelectMany(static one => (RedisValue[])[one.Index, one.Attempt]);

    private static long? Number(RedisResult text) => long.TryParse((string?)text, out long number) ? number : null;

    private static CommandStep[] Steps(RedisResult[] result) =>
        [.. result.Skip(1).Select(static one => Step((RedisResult[])one!)).OfType<CommandStep>()];

    private static CommandStep? Step(RedisResult[] result) =>
        Step(result[0], result[1], (Verdict)(int)result[2], result[5]) is { } step
            ? step with
            {
                Transition = step.Transition with
                {
                    Status = (ExecutionStatus)(int)result[3],
                    IsCanceled = (int)result[4] == 1,
                    HasEnded = (int)result[6] == 1,
                },
            }
            : null;

    private static CommandStep? Step(RedisResult id, RedisResult state, Verdict verdict, RedisResult effects) =>
        CommandState.TryRead((string?)state) is { } read
            ? new CommandStep((string)id!, read, new Transition(verdict, Effects((string?)effects)), null)
            : null;

    private static Effect[] Effects(string? text)
    {
        if (string.IsNullOrEmpty(text))
            return [];
        string[] words = text.Split(' ');
        var effects = new Effect[words.Length / 3];
        for (int i = 0; i < effects.Length; i++)
        {
            effects[i] = new Effect(
                words[3 * i][0] == 'S' ? EffectKind.Send : EffectKind.Cancel,
                int.Parse(words[3 * i].AsSpan(1), CultureInfo.InvariantCulture),
                VisionId.TryParse(words[(3 * i) + 2], out var member) ? member : default,
                int.Parse(words[(3 * i) + 1], CultureInfo.InvariantCulture));
        }
        // A member by a name that is no id was never one.
        return Array.Exists(effects, static one => one.Member.IsEmpty)
            ? [.. effects.Where(static one => !one.Member.IsEmpty)] : effects;
    }

    private static CommandSummary? Summary(VisionId group, string id, RedisResult fields)
    {
        var values = (RedisValue[])fields!;
        return values.Length == CommandRecord.Fields
            && CommandRecord.TryRead(group, id, values) is { } order
            && CommandState.TryRead(values[^1]) is { } state ? state.Of(order) : null;
    }

    private RedisKey[] Keys(VisionId group) =>
    [
        names.Commands(group), names.RunningCommands(group), names.EndedCommands(group), names.Command(group, ""),
        names.Executions(group, ""), names.ExecutionPlaces(group, ""), names.ExecutionTimers(group, ""),
        names.ChangedExecutions(group, ""), names.AskedIn(group),
    ];

    private Task<RedisResult> EvaluateAsync(string script, RedisKey[] keys, RedisValue[] values) =>
        connection.Commands.ScriptEvaluateAsync(script, keys, values, RedisConnection.Primary);
}

/// <summary>What an event did to a command, as a script says it: what was ordered does not change, and is read apart.</summary>
/// <param name="Id">The command.</param>
/// <param name="State">How far it is.</param>
/// <param name="Transition">What the event did.</param>
/// <param name="Holder">The connection that has the execution, if that is why a word of another one is stale.</param>
/// <param name="LateMs">How long it had been due, if that is why it was looked at.</param>
internal sealed record CommandStep(
    string Id, CommandState State, Transition Transition, string? Holder, long? LateMs = null);

/// <summary>When a group has to be looked at.</summary>
/// <param name="Group">The group.</param>
/// <param name="InMs">In how many ms; -1: when it was to be looked at anyway.</param>
internal readonly record struct Look(VisionId Group, long InMs);

/// <summary>A group that nobody else looks at for a while.</summary>
/// <param name="Group">The group, as it was written there.</param>
/// <param name="Mark">What the claim is known by.</param>
/// <param name="WasEmpty">Whether nothing ran there the last time.</param>
internal readonly record struct GroupClaim(RedisValue Group, RedisValue Mark, bool WasEmpty);
