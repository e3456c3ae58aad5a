using Aether.Api.Telemetry;
using Aether.Application;
using Microsoft.Extensions.Options;

namespace Aether.Api.Http;

/// <summary>
/// What the server says at <c>/</c> where it runs alone: during development the console, else what is here. A host has
/// its own first page, mapped or as a file, and gets none from here.
/// </summary>
internal static class RootPage
{
    /// <summary>Maps it.</summary>
    public static void Map(WebApplication app)
    {
        bool toConsole = app.Environment.IsDevelopment()
            && app.Services.GetRequiredService<IOptions<RealtimeOptions>>().Value.Console.Enabled;
        app.MapMethods("/", [HttpMethods.Get, HttpMethods.Head], (HttpContext context) => toConsole
            // Relative to the address as it was asked for: a proxy may have taken a prefix away.
            ? Results.Redirect("." + ConsolePages.Route)
            : JsonObjects.Answer(writer =>
            {
                writer.WriteString("name"u8, "Aether Realtime");
                writer.WriteString("version"u8, InstanceStatus.Release);
                writer.WriteString("protocol"u8, "3");
                writer.WriteString("openapi"u8, "openapi/v1.json");
                writer.WriteString("asyncapi"u8, "asyncapi.json");
                writer.WriteString("reference"u8, "scalar");
                writer.WriteString("health"u8, "health/ready");
            })).ExcludeFromDescription();
    }
}
