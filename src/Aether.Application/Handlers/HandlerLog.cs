using Microsoft.Extensions.Logging;

namespace Aether.Application.Handlers;

/// <summary>What is logged of the host's handlers: of a fault its type, since its text may hold what a user sent.</summary>
internal static partial class HandlerLog
{
    [LoggerMessage(1, LogLevel.Error, "{Handler} failed in {Call} with {Fault}; the connection stays.")]
    public static partial void HandlerFailed(this ILogger logger, string handler, string call, string fault);

    [LoggerMessage(2, LogLevel.Warning,
        "A handler of the host took longer than {Seconds} s in {Call} (HandlerTimeout), and is not waited for.")]
    public static partial void HandlerTookTooLong(this ILogger logger, string call, double seconds);
}
