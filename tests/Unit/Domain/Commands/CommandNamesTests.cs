using System.Text.Json;
using System.Text.RegularExpressions;
using Aether.Domain.Commands;
using Xunit;

namespace Aether.Tests.Unit.Commands;

/// <summary>What is said of commands stands in the domain, and this holds the pages to it that no compiler sees.</summary>
public sealed partial class CommandNamesTests
{
    private static readonly string Protocol = File.ReadAllText(PathOf("protocol.md"));

    private static readonly JsonElement Schemas = JsonDocument.Parse(File.ReadAllBytes(PathOf("asyncapi.json")))
        .RootElement.GetProperty("components").GetProperty("schemas");

    [Fact]
    public void AsyncApi_HasEveryStatusAndReason()
    {
        var statuses = Enum.GetValues<ExecutionStatus>();
        Assert.Equal(Enum.GetValues<CommandStatus>().Select(one => one.ToWire()), NamesOf("command_status"));
        Assert.Equal(
            Enum.GetValues<CommandReason>().Select(one => one.ToWire()).OfType<string>(), NamesOf("command_reason"));
        Assert.Equal(statuses.Select(one => one.ToWire()), NamesOf("execution_status"));
        Assert.Equal(statuses.Select(one => one.ToWire()), PropertiesOf("execution_counts"));
        Assert.Equal(
            statuses.Where(one => one.CanBeSaid()).Select(one => one.ToWire()),
            Strings(Schemas.GetProperty("execution_report").GetProperty("properties").GetProperty("status").GetProperty("enum")));
    }

    [Fact]
    public void Protocol_HasARow_ForEveryFieldOfACommand_AndOfAReport()
    {
        Assert.Equal(PropertiesOf("command"), FirstColumn("| field | default | rule |"));
        Assert.Equal(PropertiesOf("execution_report"), FirstColumn("| field | rule |"));
    }

    [Fact]
    public void Protocol_SaysWhatEveryStatusAndReasonMeans()
    {
        var executions = FirstColumn("| execution | |");
        Assert.Equal(Enum.GetValues<ExecutionStatus>().Select(one => one.ToWire()).Order(), executions.Order());
        string[] commands = [.. FirstColumn("| command | `reason` | |").Distinct()];
        Assert.Equal(Enum.GetValues<CommandStatus>().Select(one => one.ToWire()), commands);
        string reasons = string.Concat(Rows("| command | `reason` | |").Select(row => row.Split('|')[2]));
        Assert.All(
            Enum.GetValues<CommandReason>().Select(one => one.ToWire()).OfType<string>(),
            reason => Assert.Contains($"`{reason}`", reasons, StringComparison.Ordinal));
    }

    private static string[] NamesOf(string schema) => Strings(Schemas.GetProperty(schema).GetProperty("enum"));

    private static string[] PropertiesOf(string schema) =>
        [.. Schemas.GetProperty(schema).GetProperty("properties").EnumerateObject().Select(property => property.Name)];

    private static string[] Strings(JsonElement array) => [.. array.EnumerateArray().Select(one => one.GetString()!)];

    private static IEnumerable<string> Rows(string head) => Protocol.Split('\n')
        .SkipWhile(line => line != head).Skip(2)
        .TakeWhile(line => line.StartsWith('|'));

    private static List<string> FirstColumn(string head) =>
        [.. Rows(head).SelectMany(row => InBackticks().Matches(row.Split('|')[1]).Select(one => one.Groups[1].Value))];

    private static string PathOf(string file) => Path.Combine(AppContext.BaseDirectory, "Pages", file);

    [GeneratedRegex("`([a-z_]+)`")]
    private static partial Regex InBackticks();
}
