using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace Aether.Tests.E2E.Deploy;

/// <summary>The dashboard and the alerts of deploy/ ask for metrics that there are, and the dashboard leaves none out.</summary>
public sealed partial class MonitoringFilesTests
{
    private const string Dashboard = "deploy/grafana/dashboard.json";
    private const string Alerts = "deploy/grafana/alerts.yml";
    private const string Operations = "docs/operations.md";

    private static readonly HashSet<string> Instruments =
    [
        .. Directory.GetFiles(Repository.PathOf("src"), "*.cs", SearchOption.AllDirectories)
            .SelectMany(file => Created().Matches(File.ReadAllText(file)).Select(one => one.Groups["name"].Value)),
    ];

    [Theory]
    [InlineData(Dashboard)]
    [InlineData(Alerts)]
    [InlineData(Operations)]
    public void Metrics_OfOurOwn_AreInstrumentsThatThereAre(string file)
    {
        Assert.NotEmpty(Instruments);
        var asked = Own(file);
        Assert.NotEmpty(asked);
        Assert.Subset(Instruments, asked);
    }

    [Theory]
    [InlineData(Dashboard)]
    [InlineData(Operations)]
    public void Instruments_AreAllThere(string file) => Assert.Subset(Own(file), Instruments);

    [Fact]
    public async Task Metrics_OfTheRuntimeAndTheWebServer_AreThere()
    {
        await using var server = await ServerProcess.StartAsync();
        using (await server.GetAsync("/health/live"))
        {
            // A request, so that there is one to be measured.
        }
        string shown = "";
        string[] others = [.. Foreign().Matches(Repository.Read(Dashboard) + Repository.Read(Alerts)).Select(one => one.Value).Distinct()];
        Assert.NotEmpty(others);
        await Eventually.HoldsAsync(
            async () =>
            {
                using var answer = await server.GetAsync("/metrics");
                shown = await answer.Content.ReadAsStringAsync();
                return others.All(name => Regex.IsMatch(shown, $"^{name}[{{ ]", RegexOptions.Multiline));
            },
            "each of " + string.Join(", ", others) + " is shown");
    }

    [Fact]
    public void Dashboard_IsOneThatGrafanaTakes()
    {
        using var document = JsonDocument.Parse(Repository.Read(Dashboard));
        var panels = document.RootElement.GetProperty("panels").EnumerateArray().ToList();
        Assert.Equal(panels.Count, panels.Select(panel => panel.GetProperty("id").GetInt32()).Distinct().Count());
        foreach (var panel in panels.Where(panel => panel.GetProperty("type").GetString() != "row"))
        {
            Assert.NotEqual("", panel.GetProperty("title").GetString());
            Assert.All(
                panel.GetProperty("targets").EnumerateArray(),
                target => Assert.Contains("job=\"$job\",instance=~\"$instance\"", target.GetProperty("expr").GetString(), StringComparison.Ordinal));
        }
    }

    // As instruments spell them: what Prometheus puts behind the name is no part of it.
    private static HashSet<string> Own(string file) =>
        [.. Named().Matches(Repository.Read(file)).Select(one => one.Groups["name"].Value.Replace('_', '.'))];

    [GeneratedRegex(@"Create\w+(?:<\w+>)?\(\s*""(?<name>aether\.[a-z.]+)""")]
    private static partial Regex Created();

    [GeneratedRegex(@"\b(?<name>aether(?:_[a-z]+)+?)(?:_total|_seconds(?:_bucket|_sum|_count)?)?(?![a-z_])")]
    private static partial Regex Named();

    [GeneratedRegex(@"\b(?:dotnet|kestrel|http_server)_\w+")]
    private static partial Regex Foreign();
}
