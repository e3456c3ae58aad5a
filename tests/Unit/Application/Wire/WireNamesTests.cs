using System.Text.Json;
using System.Text.RegularExpressions;
using Aether.Application.Wire;
using Aether.Domain;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>
/// What a message may say stands in one table, and this holds the places to it that no compiler sees: the schema, the
/// pages, the console and the JavaScript client.
/// </summary>
public sealed partial class WireNamesTests
{
    private static readonly JsonElement Schema = Read("message.schema.json");
    private static readonly JsonElement AsyncApi = Read("asyncapi.json");

    [Fact]
    public void Tables_NameEveryValue_Once()
    {
        AssertNames(WireNames.Fields);
        AssertNames(WireNames.Types);
        AssertNames(WireNames.Targets);
        AssertNames(WireNames.Roles, Role.None);

        static void AssertNames<T>(NameTable<T> table, params T[] without)
            where T : struct, Enum
        {
            Assert.Equal(Enum.GetValues<T>().Except(without), table.Values);
            Assert.Equal(table.Names.Distinct(), table.Names);
            Assert.All(table.Names, name => Assert.Matches("^[a-z_]+$", name));
            Assert.All(table.Values, value => Assert.Contains(table[value], table.Rule, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Table_RefusesAValueWithoutAName() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => WireNames.Roles[Role.None]);

    [Theory]
    [InlineData("to_id", true)]
    [InlineData("t\\u006f_id", true)]
    [InlineData("to_i", false)]
    [InlineData("to_idx", false)]
    [InlineData("to_xd", false)]
    [InlineData("TO_ID", false)]
    [InlineData("", false)]
    public void Table_FindsWhatIsSpelledLikeOneOfItsNames(string json, bool found)
    {
        var reader = new Utf8JsonReader(System.Text.Encoding.UTF8.GetBytes("\"" + json + "\""));
        reader.Read();
        Assert.Equal(found, WireNames.Fields.TryFind(ref reader, out var field));
        Assert.Equal(found ? MessageField.ToId : default, field);
    }

    [Fact]
    public void Table_FindsEachName_AlsoWhereSeveralAreAsLongAndBeginAlike()
    {
        string[] names = ["alpha", "angle", "apple", "b"];
        var table = new NameTable<DayOfWeek>(
            day => System.Text.Encoding.ASCII.GetBytes(names[(int)day]),
            [.. Enumerable.Range(0, names.Length).Select(day => (DayOfWeek)day)]);
        for (int day = 0; day < names.Length; day++)
        {
            var reader = new Utf8JsonReader(System.Text.Encoding.ASCII.GetBytes($"\"{names[day]}\""));
            reader.Read();
            Assert.True(table.TryFind(ref reader, out var found));
            Assert.Equal((DayOfWeek)day, found);
        }
    }

    [Fact]
    public void Schema_HasEveryName_AndNoOther()
    {
        var properties = Schema.GetProperty("properties");
        Assert.Equal(WireNames.Fields.Names, properties.EnumerateObject().Select(field => field.Name));
        Assert.Equal(WireNames.Types.Names, Strings(properties.GetProperty("msg_type").GetProperty("enum")));
        Assert.Equal(WireNames.Targets.Names, Strings(properties.GetProperty("target").GetProperty("enum")));
        Assert.Equal(WireNames.Roles.Names, Strings(properties.GetProperty("to_role").GetProperty("enum")));
        Assert.Equal(
            WireNames.Fields.Values.Where(WireNames.IsRequired).Select(field => WireNames.Fields[field]),
            Strings(Schema.GetProperty("required")));
    }

    [Fact]
    public void AsyncApi_RefersToTheSchema_AndHasEveryRole()
    {
        var message = AsyncApi.GetProperty("components").GetProperty("messages").GetProperty("message");
        Assert.Equal("message.schema.json", message.GetProperty("payload").GetProperty("$ref").GetString());
        var shown = message.GetProperty("examples").EnumerateArray()
            .SelectMany(example => example.GetProperty("payload").EnumerateObject()).Select(field => field.Name);
        Assert.Superset(WireNames.Fields.Names.Except(["reply_to"]).ToHashSet(), shown.ToHashSet());
        var roles = Enums(AsyncApi).Where(names => names.Intersect(WireNames.Roles.Names).Any()).ToList();
        Assert.NotEmpty(roles);
        Assert.All(roles, names => Assert.Equal(WireNames.Roles.Names, names.OfType<string>()));
    }

    [Fact]
    public void Protocol_HasARow_ForEveryFieldAndEveryTarget()
    {
        string page = File.ReadAllText(PathOf("protocol.md"));
        Assert.Equal(WireNames.Fields.Names, FirstColumn(page, "| field | in | rule | out |"));
        Assert.Equal(WireNames.Targets.Names, FirstColumn(page, "| `target` | reaches | Redis channel |"));
        Assert.Equal(WireNames.Types.Names, Quoted(RowOf(page, "msg_type")).Skip(1));
        Assert.Equal(WireNames.Targets.Names, Quoted(RowOf(page, "target")).Skip(1));
        Assert.Equal(WireNames.Roles.Names, Quoted(RowOf(page, "to_role")).Skip(2));
    }

    [Fact]
    public void Console_OffersEveryName()
    {
        string composer = File.ReadAllText(PathOf("composer.js"));
        string page = File.ReadAllText(PathOf("index.html"));
        // What the page fills in itself, what only the server says, and what only whoever holds a lease can.
        string[] fields =
            [.. WireNames.Fields.Names.Except(["version", "from_id", "sent_at", "lease", "execution", "pos"])];
        Assert.Equal(fields.Order(), ListOf(composer, "fields = ").Order());
        Assert.All(fields, field => Assert.Contains($"id=\"{field}\"", page, StringComparison.Ordinal));
        Assert.Equal(WireNames.Types.Names, ListOf(composer, "msg_type: "));
        Assert.Equal(WireNames.Targets.Names, ListOf(composer, "target: "));
        Assert.Equal(WireNames.Roles.Names, ListOf(composer, "to_role: "));
    }

    [Theory]
    [InlineData("what it checks", false)]
    [InlineData("what it declares", true)]
    public void JavaScriptClient_KnowsEveryName(string what, bool declared)
    {
        string text = string.Join("\n", Directory.EnumerateFiles(PathOf(""), "*.ts", SearchOption.AllDirectories)
            .Where(file => Path.GetFileName(Path.GetDirectoryName(file)) == "types" == declared)
            .Select(File.ReadAllText));
        var lists = Alternatives().Matches(text)
            .Select(one => one.Value.Split('|', StringSplitOptions.TrimEntries).Select(name => name.Trim('"')).Order());
        foreach (var names in (IReadOnlyList<string>[])
            [WireNames.Types.Names, WireNames.Targets.Names, WireNames.Roles.Names])
            Assert.True(lists.Any(list => list.SequenceEqual(names.Order())), $"{what}: {string.Join(", ", names)}");
        Assert.All(WireNames.Fields.Names, field => Assert.Matches($@"\b{field}\b", text));
    }

    private static string[] ListOf(string script, string name) =>
        JsonSerializer.Deserialize<string[]>(Regex.Match(script, name + @"(\[[^\]]*\])").Groups[1].Value)!;

    private static string RowOf(string page, string field) =>
        page.Split('\n').First(line => line.StartsWith($"| `{field}` |", StringComparison.Ordinal));

    private static IEnumerable<string> FirstColumn(string page, string head) => page.Split('\n')
        .SkipWhile(line => line != head).Skip(2)
        .TakeWhile(line => line.StartsWith('|'))
        .Select(line => Quoted(line).First());

    private static IEnumerable<string> Quoted(string line) => InBackticks().Matches(line).Select(one => one.Groups[1].Value);

    private static IEnumerable<string?> Strings(JsonElement array) => array.EnumerateArray().Select(one => one.GetString());

    private static IEnumerable<List<string?>> Enums(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().SelectMany(member =>
            member is { Name: "enum", Value.ValueKind: JsonValueKind.Array }
                ? [[.. Strings(member.Value)]]
                : Enums(member.Value)),
        JsonValueKind.Array => element.EnumerateArray().SelectMany(Enums),
        _ => [],
    };

    private static JsonElement Read(string file) => JsonDocument.Parse(File.ReadAllBytes(PathOf(file))).RootElement;

    private static string PathOf(string file) => Path.Combine(AppContext.BaseDirectory, "Pages", file);

    [GeneratedRegex("\"?[a-z]+\"?( ?\\| ?\"?[a-z]+\"?)+")]
    private static partial Regex Alternatives();

    [GeneratedRegex("`([a-z_]+)`")]
    private static partial Regex InBackticks();
}
