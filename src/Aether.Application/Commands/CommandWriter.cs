using System.Buffers;
using System.Text.Json;
using Aether.Domain.Commands;

namespace Aether.Application.Commands;

/// <summary>Writes commands and their executions, for answers, events and the HTTP API.</summary>
internal static class CommandWriter
{
    /// <summary>What a message is longer than its payload: its fields, three ids and the id of a question.</summary>
    public const int AroundPayload = 640;

    /// <summary>A command has begun.</summary>
    public static void WriteStarted(Utf8JsonWriter writer, CommandSummary command)
    {
        writer.WriteString("command_id"u8, command.Order.Id);
        writer.WriteNumber("targets"u8, command.Counts.Total);
    }

    /// <summary>How far a command is.</summary>
    public static void WriteStanding(Utf8JsonWriter writer, CommandSummary command)
    {
        writer.WriteString("command_id"u8, command.Order.Id);
        writer.WriteNumber("version"u8, command.Version);
        WriteStatus(writer, command);
    }

    /// <summary>All that is told of a command but its executions.</summary>
    public static void WriteSummary(Utf8JsonWriter writer, CommandSummary command)
    {
        writer.WriteString("command_id"u8, command.Order.Id);
        writer.WriteString("cmd"u8, command.Order.Cmd);
        writer.WriteString("from_id"u8, command.Order.FromId.Value);
        WriteStatus(writer, command);
        writer.WriteString("created_at"u8, UnixTime.From(command.CreatedAt));
        writer.WriteString("deadline"u8, UnixTime.From(command.DeadlineAt));
        if (command.EndedAt != 0)
            writer.WriteString("ended_at"u8, UnixTime.From(command.EndedAt));
        writer.WriteNumber("version"u8, command.Version);
    }

    /// <summary>
    /// A command and as many of its executions as fit, one at least: <c>limit</c> is how many at most, never a promise.
    /// </summary>
    /// <returns>How many executions there are.</returns>
    public static int WriteState(Utf8JsonWriter writer, CommandState state, int maxBytes)
    {
        WriteSummary(writer, state.Command);
        writer.WriteStartArray("executions"u8);
        var one = new ArrayBufferWriter<byte>(256);
        int count = 0;
        foreach (var execution in state.Executions)
        {
            Write(one, json => WriteExecution(json, execution));
            // Whoever reads on from an answer without any would read the same for ever.
            if (count > 0 && writer.BytesCommitted + writer.BytesPending + one.WrittenCount + 2 > maxBytes)
                break;
            writer.WriteRawValue(one.WrittenSpan, skipInputValidation: true);
            count++;
        }
        writer.WriteEndArray();
        return count;
    }

    /// <summary>
    /// A command and those of its executions that changed, as many as fit: the version is that of the last one of them, so
    /// that whoever gets it goes on from there.
    /// </summary>
    public static void WriteChanges(Utf8JsonWriter writer, CommandState state, int maxBytes)
    {
        var (command, changes) = (state.Command, state.Executions);
        var one = new ArrayBufferWriter<byte>(256);
        int bytes = 0;
        for (int i = 0; i < changes.Count; i++)
        {
            Write(one, json => WriteExecution(json, changes[i]));
            bytes += one.WrittenCount + 1;
            // One alone always goes: behind it there may be others.
            if (i > 0 && bytes > maxBytes)
            {
                command = command with { Version = changes[i - 1].Version };
                changes = [.. changes.Take(i)];
            }
        }
        WriteState(writer, new CommandState(command, changes), int.MaxValue);
    }

    /// <summary>Some commands, as many as fit, one at least.</summary>
    /// <returns>How many commands there are.</returns>
    public static int WriteListing(Utf8JsonWriter writer, CommandListing listing, int maxBytes)
    {
        writer.WriteStartArray("commands"u8);
        var one = new ArrayBufferWriter<byte>(512);
        int count = 0;
        foreach (var command in listing.Commands)
        {
            Write(one, json => WriteSummary(json, command));
            // Behind them comes how many there are.
            if (count > 0 && writer.BytesCommitted + writer.BytesPending + one.WrittenCount + 32 > maxBytes)
                break;
            writer.WriteRawValue(one.WrittenSpan, skipInputValidation: true);
            count++;
        }
        writer.WriteEndArray();
        writer.WriteNumber("total"u8, listing.Total);
        return count;
    }

    /// <summary>
    /// What changed, in as many events as it takes. The version of each but the last is that of the last change in it.
    /// </summary>
    public static IEnumerable<ReadOnlyMemory<byte>> WriteEvents(
        CommandSummary command, IReadOnlyList<ExecutionSummary> changes, int maxBytes)
    {
        int next = 0;
        do
        {
            yield return WriteEvent(command, changes, maxBytes - AroundPayload, ref next);
        }
        while (next < changes.Count);
    }

    /// <summary>The last that is told of a command that is there no more, and had not ended.</summary>
    public static ReadOnlyMemory<byte> WriteGone(string id, Rejection why)
    {
        var buffer = new ArrayBufferWriter<byte>(128);
        Write(buffer, writer =>
        {
            writer.WriteString("command_id"u8, id);
            WriteError(writer, new ExecutionError(why.Code.Name, why.Text));
        });
        return buffer.WrittenMemory;
    }

    private static ReadOnlyMemory<byte> WriteEvent(
        CommandSummary command, IReadOnlyList<ExecutionSummary> changes, int maxBytes, ref int next)
    {
        // The status, the counts and a version of any length.
        const int AroundChanges = 512;
        var list = new ArrayBufferWriter<byte>(1_024);
        var one = new ArrayBufferWriter<byte>(256);
        long version = command.Version;
        using (var writer = new Utf8JsonWriter(list))
        {
            writer.WriteStartArray();
            for (int written = 0; next < changes.Count; next++, written++)
            {
                var change = changes[next];
                Write(one, json => WriteChange(json, change));
                // One alone always goes: results are bounded, and whoever allows shorter messages still gets it.
                if (written > 0
                    && writer.BytesCommitted + writer.BytesPending + one.WrittenCount + AroundChanges > maxBytes)
                {
                    version = changes[next - 1].Version;
                    break;
                }
                writer.WriteRawValue(one.WrittenSpan, skipInputValidation: true);
            }
            writer.WriteEndArray();
        }
        var buffer = new ArrayBufferWriter<byte>(list.WrittenCount + AroundChanges);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            WriteStanding(writer, command with { Version = version });
            writer.WritePropertyName("changes"u8);
            writer.WriteRawValue(list.WrittenSpan, skipInputValidation: true);
            writer.WriteEndObject();
        }
        return buffer.WrittenMemory;
    }

    private static void WriteStatus(Utf8JsonWriter writer, CommandSummary command)
    {
        writer.WriteString("status"u8, command.Status.ToWire());
        if (command.Reason.ToWire() is { } reason)
            writer.WriteString("reason"u8, reason);
        writer.WriteNumber("batch"u8, command.Batch);
        writer.WriteStartObject("counts"u8);
        var counts = command.Counts;
        writer.WriteNumber(ExecutionStatus.Queued.ToWire(), counts.Queued);
        writer.WriteNumber(ExecutionStatus.Sent.ToWire(), counts.Sent);
        writer.WriteNumber(ExecutionStatus.InProgress.ToWire(), counts.InProgress);
        writer.WriteNumber(ExecutionStatus.Succeeded.ToWire(), counts.Succeeded);
        writer.WriteNumber(ExecutionStatus.Failed.ToWire(), counts.Failed);
        writer.WriteNumber(ExecutionStatus.Rejected.ToWire(), counts.Rejected);
        writer.WriteNumber(ExecutionStatus.TimedOut.ToWire(), counts.TimedOut);
        writer.WriteNumber(ExecutionStatus.Canceled.ToWire(), counts.Canceled);
        writer.WriteNumber(ExecutionStatus.Undeliverable.ToWire(), counts.Undeliverable);
        writer.WriteEndObject();
    }

    private static void WriteChange(Utf8JsonWriter writer, ExecutionSummary execution)
    {
        writer.WriteString("client_id"u8, execution.Member.Value);
        writer.WriteString("status"u8, execution.Status.ToWire());
        writer.WriteNumber("attempt"u8, execution.Attempt);
        WriteObject(writer, "progress"u8, execution.Progress);
        WriteObject(writer, "result"u8, execution.Result);
        WriteError(writer, execution.Error);
    }

    private static void WriteExecution(Utf8JsonWriter writer, ExecutionSummary execution)
    {
        WriteChange(writer, execution);
        writer.WriteString("updated_at"u8, UnixTime.From(execution.UpdatedAt));
        if (execution.Late is not { } late)
            return;
        writer.WriteStartObject("late"u8);
        writer.WriteNumber("attempt"u8, late.Attempt);
        writer.WriteString("status"u8, late.Status.ToWire());
        WriteObject(writer, "result"u8, late.Result);
        WriteError(writer, late.Error);
        writer.WriteString("at"u8, UnixTime.From(late.At));
        writer.WriteEndObject();
    }

    private static void WriteObject(Utf8JsonWriter writer, ReadOnlySpan<byte> name, ReadOnlyMemory<byte> json)
    {
        if (json.IsEmpty)
            return;
        writer.WritePropertyName(name);
        // It was read by the same parser that would look at it again.
        writer.WriteRawValue(json.Span, skipInputValidation: true);
    }

    private static void WriteError(Utf8JsonWriter writer, ExecutionError? error)
    {
        if (error is null)
            return;
        writer.WriteStartObject("error"u8);
        writer.WriteString("code"u8, error.Code);
        if (error.Message is not null)
            writer.WriteString("message"u8, error.Message);
        writer.WriteEndObject();
    }

    private static void Write(ArrayBufferWriter<byte> into, Action<Utf8JsonWriter> write)
    {
        into.ResetWrittenCount();
        using var writer = new Utf8JsonWriter(into);
        writer.WriteStartObject();
        write(writer);
        writer.WriteEndObject();
    }
}
