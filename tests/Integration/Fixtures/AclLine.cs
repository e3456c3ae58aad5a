using Xunit;

namespace Aether.Tests.Integration.Fixtures;

/// <summary>The line of docs/operations.md that grants one Redis user all that an instance needs.</summary>
internal sealed class AclLine
{
    /// <summary>What stands for the password in the tests.</summary>
    public const string Password = "pw-of-the-line";

    private const string Start = "ACL SETUSER aether ";

    private AclLine(string[] rules) => Rules = rules;

    /// <summary>Everything behind the user's name.</summary>
    public string[] Rules { get; }

    /// <summary>The commands that are granted, without the sign in front.</summary>
    public IEnumerable<string> Commands => Rules.Where(rule => rule[0] == '+').Select(rule => rule[1..]);

    /// <summary>Reads it from the page.</summary>
    /// <param name="prefix"><c>Redis:Prefix</c>, which the page says to put behind each <c>~</c> and <c>&amp;</c>.</param>
    public static AclLine Read(string prefix = "")
    {
        string page = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "docs", "operations.md"));
        string line = Assert.Single(page.Split('\n'), one => one.StartsWith(Start, StringComparison.Ordinal));
        return new([.. line[Start.Length..].Trim().Split(' ').Select(rule => rule switch
        {
            ">PASSWORD" => ">" + Password,
            ['~' or '&', .. var name] => rule[0] + prefix + name,
            _ => rule,
        })]);
    }

    /// <summary>The line without one rule.</summary>
    public string[] Without(string rule) => Replacing(rule);

    /// <summary>The line with others in place of one rule.</summary>
    public string[] Replacing(string rule, params string[] others)
    {
        Assert.Contains(rule, Rules);
        return [.. Rules.SelectMany(one => one == rule ? others : [one])];
    }
}
