using System.Net.Sockets;
using Aether.Api.Configuration;
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
        IOException or FormatException or InvalidDataException => [FaultCause.Of(fault)],
        _ => ["The server cannot start: " + FaultCause.Of(fault)],
    };
}
