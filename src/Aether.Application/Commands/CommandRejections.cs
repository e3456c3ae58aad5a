using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Domain;

namespace Aether.Application.Commands;

/// <summary>Why something about a command was not done.</summary>
internal static class CommandRejections
{
    /// <summary>What the id of a command has to be, in words.</summary>
    public const string IdRule = "must be the id of a command: 1 to 40 letters and digits";

    /// <summary>The role of the sender may not give commands.</summary>
    public static Rejection NotAGiver { get; } =
        Forgiven(ErrorCode.Forbidden, "this role may not give commands", null);

    /// <summary>The sender neither gave the command nor operates the group.</summary>
    public static Rejection NotItsGiver { get; } =
        Forgiven(ErrorCode.Forbidden, "only its giver may do this, or whoever has the permission admin", null);

    /// <summary>The group has no such command.</summary>
    public static Rejection NotFound { get; } =
        Forgiven(ErrorCode.NotFound, "the group has no such command, or has it no more", "command_id");

    /// <summary>The member has no such execution.</summary>
    public static Rejection NoExecution { get; } =
        Forgiven(ErrorCode.NotFound, "the sender has no such execution", "reply_to");

    /// <summary>The report is of another attempt, or another connection has the execution.</summary>
    public static Rejection StaleAttempt { get; } = Forgiven(
        ErrorCode.StaleAttempt, "this attempt is over, or another connection of the client has it", "attempt");

    /// <summary>Nobody fits.</summary>
    public static Rejection NoRecipients { get; } =
        Forgiven(ErrorCode.NoRecipients, "nobody is present whom the command is for", null);

    /// <summary>All have succeeded.</summary>
    public static Rejection NothingToRetry { get; } =
        Forgiven(ErrorCode.NoRecipients, "all of its members have succeeded", null);

    /// <summary>It has not ended.</summary>
    public static Rejection StillRuns { get; } =
        Refusals.Of("command_id", "must be of a command that has ended: this one still runs");

    /// <summary>The store does not do it.</summary>
    public static Rejection Unavailable(BackplaneFault fault) => fault.ToRejection();

    /// <summary>Commands cannot be read now.</summary>
    public static Rejection Unreadable { get; } = new(
        ErrorCode.BackplaneUnavailable, "commands cannot be read from the backplane now",
        RetryAfter: TimeSpan.FromSeconds(1));

    /// <summary>Why a command did not begin.</summary>
    public static Rejection Of(CommandStart start) => start.Status switch
    {
        StartStatus.NoRecipients => NoRecipients,
        StartStatus.TooMany => new Rejection(
            ErrorCode.TooManyCommands, "as many commands run in this group as may", RetryAfter: TimeSpan.FromSeconds(1))
        {
            IsForgiven = true,
        },
        StartStatus.StaleTerm => Rejection.StaleTerm,
        StartStatus.Unknown => Unknown,
        StartStatus.Unavailable or StartStatus.Started or StartStatus.Repeated => Unavailable(start.Fault),
    };

    /// <summary>Why an event was not let in; <see langword="null"/>: it was.</summary>
    public static Rejection? Of(CommandFound status, BackplaneFault fault) => status switch
    {
        CommandFound.Found => null,
        CommandFound.NotFound => NotFound,
        CommandFound.Unknown => Unknown,
        CommandFound.Unavailable => Unavailable(fault),
    };

    private static Rejection Unknown { get; } = new(
        ErrorCode.BackplaneUnavailable,
        "the backplane did not answer; it may have been done, ask again with the same id",
        RetryAfter: TimeSpan.FromSeconds(1));

    private static Rejection Forgiven(ErrorCode code, string text, string? field) =>
        new(code, text, field) { IsForgiven = true };
}
