using System.Text.Json;
using System.Text.Json.Nodes;
using Aether.Application.Commands;
using Aether.Domain;
using Aether.Domain.Commands;
using Xunit;

namespace Aether.Tests.Unit.Commands;

public sealed class CommandWriterTests
{
    [Theory]
    [InlineData(1, 1, 11)]
    [InlineData(1_000, 1, 11)]
    [InlineData(2_500, 2, 12)]
    [InlineData(100_000, 3, 20)]
    public void Changes_GoAsFarAsTheirVersion_GivenThatNotAllFit(int maxBytes, int written, long version)
    {
        // The third is not the last change: the command itself changed after it.
        var changes = Enumerable.Range(0, 3).Select(i => Execution(i, version: 11 + i, resultBytes: 1_000)).ToList();
        var command = new CommandRun(new CommandPlan(), 3).Command.Summarize() with { Version = 20 };

        var json = Write(writer => CommandWriter.WriteChanges(writer, new CommandState(command, changes), maxBytes));

        Assert.Equal(written, json["executions"]!.AsArray().Count);
        Assert.Equal(version, (long)json["version"]!);
    }

    private static ExecutionSummary Execution(int index, long version, int resultBytes) => new(
        index,
        VisionId.Parse("m" + index),
        ExecutionStatus.Succeeded,
        1,
        default,
        JsonSerializer.SerializeToUtf8Bytes(new { x = new string('x', resultBytes) }),
        null,
        null,
        CommandRun.Start,
        version);

    private static JsonNode Write(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }
        return JsonNode.Parse(stream.ToArray())!;
    }
}
