using System.ComponentModel;
using System.Text.Json.Serialization;

namespace Aether.Api.Http;

/// <summary>A command that has begun. This and the others are for the document; CommandWriter writes what is sent.</summary>
[Description("A command that has begun")]
[JsonNumberHandling(JsonNumberHandling.Strict)]
internal sealed record CommandStarted(
    [property: JsonPropertyName("command_id")] string CommandId,
    [property: JsonPropertyName("targets")]
    [property: Description("For how many members it is")]
    int Targets);

/// <summary>How many executions of a command are how far.</summary>
[Description("How many executions of a command are how far")]
[JsonNumberHandling(JsonNumberHandling.Strict)]
internal sealed record CommandCounts(
    [property: JsonPropertyName("queued")] int Queued,
    [property: JsonPropertyName("sent")] int Sent,
    [property: JsonPropertyName("in_progress")] int InProgress,
    [property: JsonPropertyName("succeeded")] int Succeeded,
    [property: JsonPropertyName("failed")] int Failed,
    [property: JsonPropertyName("rejected")] int Rejected,
    [property: JsonPropertyName("timed_out")] int TimedOut,
    [property: JsonPropertyName("canceled")] int Canceled,
    [property: JsonPropertyName("undeliverable")] int Undeliverable);

/// <summary>How far a command is.</summary>
[Description("How far a command is")]
[JsonNumberHandling(JsonNumberHandling.Strict)]
internal sealed record CommandStanding(
    [property: JsonPropertyName("command_id")] string CommandId,
    [property: JsonPropertyName("version")]
    [property: Description("One more with each change")]
    long Version,
    [property: JsonPropertyName("status")]
    [property: Description("in_progress, paused, succeeded, incomplete, failed, canceled, aborted or timed_out")]
    string Status,
    [property: JsonPropertyName("reason")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    [property: Description("batch_ended, too_few_succeeded, quorum_reached, too_many_failed, requested or deadline")]
    string? Reason,
    [property: JsonPropertyName("batch")] int Batch,
    [property: JsonPropertyName("counts")] CommandCounts Counts);

/// <summary>A command without its executions.</summary>
[Description("A command without its executions")]
[JsonNumberHandling(JsonNumberHandling.Strict)]
internal sealed record CommandOverview(
    [property: JsonPropertyName("command_id")] string CommandId,
    [property: JsonPropertyName("cmd")] string Cmd,
    [property: JsonPropertyName("from_id")] string FromId,
    [property: JsonPropertyName("status")] string Status,
    [property: JsonPropertyName("reason")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Reason,
    [property: JsonPropertyName("batch")] int Batch,
    [property: JsonPropertyName("counts")] CommandCounts Counts,
    [property: JsonPropertyName("created_at")] DateTime CreatedAt,
    [property: JsonPropertyName("deadline")] DateTime Deadline,
    [property: JsonPropertyName("ended_at")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    DateTime? EndedAt,
    [property: JsonPropertyName("version")] long Version);

/// <summary>Some commands of a group, the newest first.</summary>
[Description("Some commands of a group, the newest first")]
[JsonNumberHandling(JsonNumberHandling.Strict)]
internal sealed record CommandsPage(
    [property: JsonPropertyName("commands")] IReadOnlyList<CommandOverview> Commands,
    [property: JsonPropertyName("total")]
    [property: Description("How many fit, on whatever page")]
    int Total);

/// <summary>What went wrong at a member.</summary>
[Description("What went wrong at a member, in its own words")]
internal sealed record CommandError(
    [property: JsonPropertyName("code")] string Code,
    [property: JsonPropertyName("message")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Message);

/// <summary>What was said too late to count.</summary>
[Description("What was said too late to count")]
[JsonNumberHandling(JsonNumberHandling.Strict)]
internal sealed record CommandLateWord(
    [property: JsonPropertyName("attempt")] int Attempt,
    [property: JsonPropertyName("status")] string Status,
    [property: JsonPropertyName("result")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    IReadOnlyDictionary<string, object?>? Result,
    [property: JsonPropertyName("error")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    CommandError? Error,
    [property: JsonPropertyName("at")] DateTime At);

/// <summary>How far one member is.</summary>
[Description("How far one member is")]
[JsonNumberHandling(JsonNumberHandling.Strict)]
internal sealed record CommandExecution(
    [property: JsonPropertyName("client_id")] string ClientId,
    [property: JsonPropertyName("status")]
    [property: Description("queued, sent, in_progress, succeeded, failed, rejected, timed_out, canceled or undeliverable")]
    string Status,
    [property: JsonPropertyName("attempt")] int Attempt,
    [property: JsonPropertyName("progress")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    IReadOnlyDictionary<string, object?>? Progress,
    [property: JsonPropertyName("result")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    IReadOnlyDictionary<string, object?>? Result,
    [property: JsonPropertyName("error")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    CommandError? Error,
    [property: JsonPropertyName("updated_at")] DateTime UpdatedAt,
    [property: JsonPropertyName("late")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    CommandLateWord? Late);

/// <summary>A command and some of its executions.</summary>
[Description("A command and some of its executions")]
[JsonNumberHandling(JsonNumberHandling.Strict)]
internal sealed record CommandDetails(
    [property: JsonPropertyName("command_id")] string CommandId,
    [property: JsonPropertyName("cmd")] string Cmd,
    [property: JsonPropertyName("from_id")] string FromId,
    [property: JsonPropertyName("status")] string Status,
    [property: JsonPropertyName("reason")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Reason,
    [property: JsonPropertyName("batch")] int Batch,
    [property: JsonPropertyName("counts")] CommandCounts Counts,
    [property: JsonPropertyName("created_at")] DateTime CreatedAt,
    [property: JsonPropertyName("deadline")] DateTime Deadline,
    [property: JsonPropertyName("ended_at")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    DateTime? EndedAt,
    [property: JsonPropertyName("version")] long Version,
    [property: JsonPropertyName("executions")] IReadOnlyList<CommandExecution> Executions);
