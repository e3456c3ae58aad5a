using System.Text.RegularExpressions;
using Aether.Application;
using Microsoft.Extensions.Options;

namespace Aether.Api.Hosting;

/// <summary>
/// Reads the section into the options. What cannot be read is said as the validator says it: the full name of the
/// option, and never its value, which the binder's own texts quote and which may be a secret.
/// </summary>
internal static partial class RealtimeOptionsReader
{
    /// <summary>Reads it.</summary>
    /// <exception cref="OptionsValidationException">An option is not known, or its value is of another kind.</exception>
    public static void Read(IConfigurationSection section, RealtimeOptions options)
    {
        RefuseLooseKeys(section.GetSection("ApiKeys"));
        try
        {
            // A misspelled option is as wrong as a wrong value: it would silently not be in force.
            section.Bind(options, binder => binder.ErrorOnUnknownConfiguration = true);
        }
        catch (InvalidOperationException unreadable)
        {
            // In a list, what is wrong stands in the exception inside.
            throw Invalid(Explain(section, Innermost(unreadable).Message));
        }
    }

    private static string[] Explain(IConfigurationSection section, string error)
    {
        if (Unknown().Match(error) is { Success: true } unknown)
            return [.. unknown.Groups["name"].Captures.Select(name => Find(section, name.Value) + " is no option")];
        return WrongKind().Match(error) is { Success: true } wrong
            ? [wrong.Groups["option"].Value + " must be " + Kind(wrong.Groups["type"].Value)]
            : [section.Path + " cannot be read"];
    }

    private static Exception Innermost(Exception fault) =>
        fault.InnerException is InvalidOperationException inner ? Innermost(inner) : fault;

    // The binder names an unknown option without the section that it is in.
    private static string Find(IConfigurationSection section, string name)
    {
        string[] paths =
        [
            .. section.AsEnumerable().Select(entry => entry.Key)
                .Where(path => path.EndsWith(":" + name, StringComparison.OrdinalIgnoreCase)),
        ];
        return paths.Length == 1 ? paths[0] : section.Path + ": " + name;
    }

    private static string Kind(string type) => type switch
    {
        "System.Int32" => "a whole number",
        "System.Boolean" => "true or false",
        _ when type == typeof(Duration).FullName => "a number of seconds or hh:mm:ss",
        _ when typeof(RealtimeOptions).Assembly.GetType(type) is { IsEnum: true } choice =>
            string.Join(" or ", Enum.GetNames(choice)),
        _ => "of another kind",
    };

    // Where an object is expected and a text stands, the binder's error repeats the text: here that is a secret.
    private static void RefuseLooseKeys(IConfigurationSection keys)
    {
        foreach (var loose in keys.GetChildren().Prepend(keys).Where(entry => !string.IsNullOrEmpty(entry.Value)))
            throw Invalid([loose.Path + " must be made of Name, Key, Permissions and Groups"]);
    }

    private static OptionsValidationException Invalid(string[] failures) =>
        new(Options.DefaultName, typeof(RealtimeOptions), failures);

    [GeneratedRegex(@"not found on the instance of \S+: (?:(?:, )?'(?<name>[^']*)')+")]
    private static partial Regex Unknown();

    // From the end: the value comes first, and may look like anything.
    [GeneratedRegex("at '(?<option>[^']*)' to type '(?<type>[^']*)'", RegexOptions.RightToLeft)]
    private static partial Regex WrongKind();
}
