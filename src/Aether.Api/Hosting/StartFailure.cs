using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;

namespace Aether.Api.Hosting;

/// <summary>
/// What keeps the server from starting although nothing is broken: a wrong option, or an address that cannot be had.
/// Whoever runs it needs the sentence that says which, and no stack trace around it.
/// </summary>
internal static class StartFailure
{
    /// <summary>Tells it on standard error, one line for each thing that is wrong.</summary>
    /// <returns>Whether it is such a failure; anything else is a fault, whose stack trace is needed.</returns>
    public static bool TryTell(Exception fault)
    {
        string[] lines = Explain(fault);
        foreach (string line in lines)
            Console.Error.WriteLine(line);
        return lines.Length > 0;
    }

    private static string[] Explain(Exception fault) => fault switch
    {
        OptionsValidationException invalid => [.. invalid.Failures],
        ArgumentException when fault.Message.StartsWith("ConnectionStrings:Redis", StringComparison.Ordinal) =>
            [fault.Message],
        IOException { InnerException: AddressInUseException } => [fault.Message],
        FormatException when fault.Message.StartsWith("Invalid url", StringComparison.Ordinal) => [fault.Message],
        SocketException { SocketErrorCode: SocketError.AccessDenied or SocketError.AddressNotAvailable } =>
            ["The address cannot be listened on: " + fault.Message],
        OperationCanceledException => ["Told to stop before it had started."],
        _ => [],
    };
}
