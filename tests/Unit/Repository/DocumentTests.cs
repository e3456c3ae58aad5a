using System.Text.RegularExpressions;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>What documents name is there: files, folders, and the headings that links lead to.</summary>
public sealed partial class DocumentTests
{
    private static readonly string[] Top = ["src", "tests", "docs", "deploy", "bench", "clients", "pack"];

    // Of every folder that is ours: what is built or installed there is not.
    private static readonly HashSet<string> Names =
    [
        .. Top.SelectMany(folder => Directory.EnumerateFiles(Repository.PathOf(folder), "*", SearchOption.AllDirectories))
            .Where(path => !Made().IsMatch(path))
            .Select(path => Path.GetFileName(path)!),
    ];

    public static TheoryData<string> Documents => new(
    [
        "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "deploy/README.md", "bench/README.md", "clients/js/README.md",
        .. Directory.GetFiles(Repository.PathOf("docs"), "*.md", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Repository.Root, path)),
    ]);

    [Theory]
    [MemberData(nameof(Documents))]
    public void Links_LeadToWhatIsThere(string document)
    {
        string folder = Path.GetDirectoryName(Repository.PathOf(document))!;
        foreach (Match link in Link().Matches(WithoutCode(Repository.Read(document))))
        {
            string path = link.Groups["path"].Value;
            string target = path.Length == 0 ? Repository.PathOf(document) : Path.GetFullPath(Path.Combine(folder, path));
            Assert.True(Path.Exists(target), $"{document} links to {path}");
            if (link.Groups["anchor"].Value is { Length: > 0 } anchor && target.EndsWith(".md", StringComparison.Ordinal))
                Assert.True(Anchors(target).Contains(anchor), $"{document} links to {path}#{anchor}");
        }
    }

    [Theory]
    [InlineData("CHANGELOG.md")]
    [InlineData("CONTRIBUTING.md")]
    [InlineData("SECURITY.md")]
    [InlineData("docs/architecture.md")]
    [InlineData("deploy/README.md")]
    public void Files_ThatAreNamed_AreThere(string document)
    {
        string text = Repository.Read(document);
        foreach (Match path in OurPath().Matches(text))
            Assert.True(Path.Exists(Repository.PathOf(path.Value)), $"{document} names {path.Value}");
        foreach (Match file in SourceFile().Matches(text))
            Assert.True(Names.Contains(file.Value), $"{document} names {file.Value}");
    }

    [Fact]
    public void Architecture_NamesFiles() =>
        Assert.True(SourceFile().Count(Repository.Read("docs/architecture.md")) > 30);

    [Theory]
    [InlineData("docs/migrating.md")]
    [InlineData("docs/protocol.md")]
    public void CodesThatMeanStop_AreNamedTogether(string document)
    {
        string said = Assert.Single(MeanStop().Matches(Repository.Read(document))).Value;

        Assert.All((string[])["1002", "1003", "1007", "4000 to 4099"], code => Assert.Contains(code, said, StringComparison.Ordinal));
    }

    private static string WithoutCode(string text) => Code().Replace(text, "");

    [GeneratedRegex(@"[^.:|\n]* mean stop")]
    private static partial Regex MeanStop();

    // As GitHub makes them of headings.
    private static HashSet<string> Anchors(string path) =>
    [
        .. Heading().Matches(WithoutCode(File.ReadAllText(path))).Select(heading => NoPartOfAnAnchor()
            .Replace(heading.Groups["text"].Value.Trim().ToLowerInvariant(), "").Replace(' ', '-')),
    ];

    [GeneratedRegex(@"/(?:bin|obj|node_modules|TestResults)/")]
    private static partial Regex Made();

    [GeneratedRegex(@"\]\((?![a-z]+:)(?<path>[^)#\s]*)(?:#(?<anchor>[^)\s]+))?\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^(?<fence>```+).*?^\k<fence>\s*$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Code();

    [GeneratedRegex(@"^#+ (?<text>.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NoPartOfAnAnchor();

    // Not what a build makes.
    [GeneratedRegex(@"(?<![\w./-])(?:src|tests|docs|deploy|bench|clients|pack)/(?![^\s`'""]*/bin/)(?!settings/appsettings\.json)[\w./-]*[\w/]")]
    private static partial Regex OurPath();

    [GeneratedRegex(@"(?<![\w/.-])[A-Za-z][\w.-]*\.(?:cs|lua)\b")]
    private static partial Regex SourceFile();
}
