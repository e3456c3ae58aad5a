using System.Text.Json;

namespace Aether.Api.Configuration;

/// <summary>Says what an exception is about, for whoever looks after the settings.</summary>
internal static class FaultCause
{
    /// <summary>
    /// What it and those inside it say, in one line. Of a file that is no JSON only where: the parser quotes what it
    /// read, and that may be a secret.
    /// </summary>
    public static string Of(Exception fault)
    {
        var said = new List<string>();
        for (var e = fault; e is not null; e = e.InnerException)
        {
            if (e is JsonException json)
            {
                said.Add($"line {json.LineNumber + 1}");
                break;
            }
            string text = string.Join(' ', e.Message.Split(['\r', '\n'], StringSplitOptions.TrimEntries
                | StringSplitOptions.RemoveEmptyEntries)).TrimEnd('.');
            if (text.Length > 0 && !said.Any(one => one.Contains(text, StringComparison.OrdinalIgnoreCase)))
                said.Add(text);
        }
        return string.Join(": ", said) + ".";
    }
}
