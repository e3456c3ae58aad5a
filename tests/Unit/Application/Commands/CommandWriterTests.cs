using System.Text.Json;
using System.Text.Json.Nodes;
using Aether.Application.Commands;
using Aether.Domain;
using Aether.Domain.Commands;
using Xunit;

namespace Aether.Tests.Unit.Commands;

/// <summary>How much of a command stands in one answer.</summary>
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

    [Theory]
    [InlineData(-100, 1)]
    [InlineData(1, 1)]
    [InlineData(2_500, 2)]
    [InlineData(100_000, 3)]
    public void State_HasAsManyAsFit_AndOneInAnyCase(int maxBytes, int written)
    {
        var executions = Enumerable.Range(0, 3).Select(i => Execution(i, version: 1, resultBytes: 900)).ToList();
        var state = new CommandState(new CommandRun(new CommandPlan(), 3).Command.Summarize(), executions);

        var json = Write(writer => Assert.Equal(written, CommandWriter.WriteState(writer, state, maxBytes)));

        Assert.Equal(
            executions.Take(written).Select(one => one.Member.Value),
            json["executions"]!.AsArray().Select(one => (string)one!["client_id"]!));
        var none = Write(writer => Assert.Equal(0, CommandWriter.WriteState(writer, state with { Executions = [] }, maxBytes)));
        Assert.Empty(none["executions"]!.AsArray());
    }

    [Theory]
    [InlineData(-100, 1)]
    [InlineData(900, 2)]
    [InlineData(100_000, 3)]
    public void Listing_HasAsManyAsFit_AndOneInAnyCase(int maxBytes, int written)
    {
        var command = new CommandRun(new CommandPlan(), 3).Command.Summarize();
        var listing = new CommandListing([command, command, command], 7);
        var json = Write(writer => Assert.Equal(written, CommandWriter.WriteListing(writer, listing, maxBytes)));
        Assert.Equal((written, 7), (json["commands"]!.AsArray().Count, (int)json["total"]!));
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
