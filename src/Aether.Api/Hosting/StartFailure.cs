using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Extensions.Options;

namespace Aether.Api.Hosting;

/// <summary>
/// What keeps the server from starting. Whoever runs it needs the sentence that says which setting, file or address it
/// is, and no stack trace around it.
/// </summary>
internal static class StartFailure
{
    /// <summary>Where to find more, for what nobody has thought of.</summary>
    private const string DetailsVariable = "AETHER_START_DETAILS";

    /// <summary>Tells it on standard error, one line for each thing that is wrong.</summary>
    public static void Tell(Exception fault)
    {
        foreach (string line in Explain(fault))
            Console.Error.WriteLine(line);
        if (Environment.GetEnvironmentVariable(DetailsVariable) is "1" or "true")
            Console.Error.WriteLine(fault);
    }

    /// <summary>
    /// What an exception and those inside it say, in one line. Of a file that is no JSON only where: the parser quotes
    /// what it read, and that may be a secret.
    /// </summary>
    public static string Cause(Exception fault)
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

    private static string[] Explain(Exception fault) => fault switch
    {
        OptionsValidationException invalid => [.. invalid.Failures],
        AggregateException { InnerExceptions: [{ } one] } => Explain(one),
        SocketException { SocketErrorCode: SocketError.AccessDenied or SocketError.AddressNotAvailable } =>
            ["The address cannot be listened on: " + fault.Message],
        TooFewOpenFilesException => [fault.Message],
        ArgumentOutOfRangeException { ParamName: "port" } =>
            ["An address to listen on names a port that is none: it must be 0 to 65535."],
        ArgumentException when fault.Message.StartsWith("ConnectionStrings:Redis", StringComparison.Ordinal) =>
            [fault.Message],
        IOException or FormatException or InvalidDataException => [Cause(fault)],
        _ => ["The server cannot start: " + Cause(fault)],
    };
}
