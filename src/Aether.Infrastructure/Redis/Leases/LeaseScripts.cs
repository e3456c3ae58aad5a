using System.Globalization;
using Aether.Application;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Infrastructure.Redis.Connections;
using StackExchange.Redis;

namespace Aether.Infrastructure.Redis.Leases;

/// <summary>
/// What leases ask of Redis, one method per script. A step touches the leases of one group, which lie in the slot of its
/// channel; when they may end is kept in a slot of its own, and never trusted alone.
/// </summary>
internal sealed class LeaseScripts(RedisConnection connection, RedisNames names, LeaseOptions options)
{
    /// <summary>
    /// For how long one caller alone looks at a lease that may have ended. Short: a second one does no harm, and is what
    /// tells the end if the first has died.
    /// </summary>
    public static readonly TimeSpan GivenOut = TimeSpan.FromSeconds(1);

    private static readonly string Step = RedisScripts.Load("lease-step.lua");
    private static readonly string Publish = RedisScripts.Load("lease-publish.lua");
    private static readonly string Watch = RedisScripts.Load("lease-watch.lua");
    private static readonly string Due = RedisScripts.Load("lease-due.lua");
    private static readonly string Schedule = RedisScripts.Load("lease-schedule.lua");

    /// <summary>Does something with a lease, and tells its group if it has a new holder or none any more.</summary>
    /// <param name="step">What: its name in the script.</param>
    /// <param name="group">Of which group.</param>
    /// <param name="name">Which lease.</param>
    /// <param name="client">For whom.</param>
    /// <param name="term">In which term.</param>
    /// <param name="ttl">For how long, in ms.</param>
    /// <param name="told">What the group is told, with the term 0; empty for what is never told.</param>
    public async Task<LeaseResult> StepAsync(
        string step, VisionId group, VisionId name, VisionId client, long term, long ttl, ReadOnlyMemory<byte> told)
    {
        var channel = names.Channel(ChannelName.Group(group), connection.Sharded == true);
        var result = (RedisResult[])(await connection.Commands.ScriptEvaluateAsync(
            Step,
            [names.LeasesOf(group)],
            [
                step, name.Value, client.Value, term, ttl, told, (byte[])channel!,
                channel.IsSharded ? "SPUBLISH" : "PUBLISH", options.MaxPerGroup,
            ],
            RedisConnection.Primary).ConfigureAwait(false))!;
        if ((int)result[0] == 3)
            return new LeaseResult(LeaseStatus.TooMany, Lease.Free(name));
        var verdict = (int)result[0] switch
        {
            0 => LeaseVerdict.Done,
            1 => LeaseVerdict.Held,
            _ => LeaseVerdict.Stale,
        };
        // Anybody may write into the hash as well: what is no id is nobody.
        var holder = VisionId.TryParse((string?)result[2], out var id) ? id : default;
        var lease = new Lease(name, holder, (long)result[3], (long)result[4], (long)result[5]);
        return LeaseResult.From(new LeaseStep(verdict, lease, (int)result[1] == 1), (long)result[6]);
    }

    /// <summary>Publishes a message on its group's channel if its sender holds a lease of the group.</summary>
    /// <returns>How many heard it; -1: the sender does not hold it in this term.</returns>
    public async Task<long> PublishAsync(
        VisionId group, RedisChannel channel, LeaseClaim claim, VisionId client, ReadOnlyMemory<byte> message) =>
        (long)await connection.Commands.ScriptEvaluateAsync(
            Publish,
            [names.LeasesOf(group)],
            [
                claim.Name.Value, client.Value, claim.Term, (byte[])channel!, channel.IsSharded ? "SPUBLISH" : "PUBLISH",
                message,
            ],
            RedisConnection.Primary).ConfigureAwait(false);

    /// <summary>Has a lease that is about to be taken, or was a moment ago, looked at when it may end.</summary>
    public Task WatchAsync(VisionId group, VisionId name, long ttl) =>
        connection.Commands.ScriptEvaluateAsync(
            Watch, [names.LeaseEnds], [Member(group, name), ttl], RedisConnection.Primary);

    /// <summary>Takes leases that may have ended.</summary>
    public async Task<DueLeases> TakeDueAsync(int limit)
    {
        var result = (RedisResult[])(await connection.Commands.ScriptEvaluateAsync(
            Due, [names.LeaseEnds], [limit, (long)GivenOut.TotalMilliseconds], RedisConnection.Primary)
            .ConfigureAwait(false))!;
        long next = (long)result[0];
        return new DueLeases(
            next < 0 ? null : TimeSpan.FromMilliseconds(next),
            (string)result[1]!,
            [.. result[2..].Select(one => (string)one!)]);
    }

    /// <summary>Says when a lease may end that was taken, or that nobody holds it.</summary>
    public Task ScheduleAsync(string member, string given, TimeSpan timeLeft) =>
        connection.Commands.ScriptEvaluateAsync(
            Schedule,
            [names.LeaseEnds],
            [member, given, Math.Ceiling(timeLeft.TotalMilliseconds).ToString(CultureInfo.InvariantCulture)],
            RedisConnection.Primary);

    /// <summary>Reads which lease a member of the sorted set is.</summary>
    public static bool TryReadMember(string member, out VisionId group, out VisionId name)
    {
        int colon = member.IndexOf(':', StringComparison.Ordinal);
        group = name = default;
        return colon > 0
            && VisionId.TryParse(member[..colon], out group) && VisionId.TryParse(member[(colon + 1)..], out name);
    }

    // No id holds a colon.
    private static string Member(VisionId group, VisionId name) => group.Value + ":" + name.Value;
}

/// <summary>Leases that may have ended, for one caller to look at.</summary>
/// <param name="Next">When the next one may end; <see langword="null"/>: there is none.</param>
/// <param name="Given">What is told again when one of them is scheduled anew.</param>
/// <param name="Members">Which.</param>
internal sealed record DueLeases(TimeSpan? Next, string Given, string[] Members);
