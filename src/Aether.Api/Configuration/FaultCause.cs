using System.Text.Json;
using System.Xml;

namespace Aether.Api.Configuration;

/// <summary>Says what an exception is about, for whoever looks after the settings.</summary>
internal static class FaultCause
{
    /// <summary>
    /// What it and those inside it say, in one line. Of a file that cannot be parsed only which and where: parsers quote
    /// what they read, and that may be a secret.
    /// </summary>
    public static string Of(Exception fault)
    {
        var said = new List<string>();
        for (var e = fault; e is not null; e = e.InnerException)
        {
            if (LineOf(e) is { } line)
            {
                said.Add(line);
                break;
            }
            string text = string.Join(' ', e.Message.Split(['\r', '\n'], StringSplitOptions.TrimEntries
                | StringSplitOptions.RemoveEmptyEntries)).TrimEnd('.');
            if (text.Length > 0 && !said.Any(one => one.Contains(text, StringComparison.OrdinalIgnoreCase)))
                said.Add(text);
            // So says a provider of settings, of whatever its format's parser threw.
            if (e is InvalidDataException && e.InnerException is not (null or IOException or UnauthorizedAccessException))
            {
                said.Add(OfParser(e.InnerException));
                break;
            }
        }
        return string.Join(": ", said) + ".";
    }

    private static string OfParser(Exception fault)
    {
        for (var e = fault; e is not null; e = e.InnerException)
        {
            if (LineOf(e) is { } line)
                return $"{fault.GetType().Name}, {line}";
        }
        return fault.GetType().Name;
    }

    private static string? LineOf(Exception fault) => fault switch
    {
        JsonException json => $"line {json.LineNumber + 1}",
        XmlException xml => $"line {xml.LineNumber}",
        _ => null,
    };
}
