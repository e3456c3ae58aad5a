using Aether.Api.Access;
using Aether.Api.Hosting;
using Aether.Application;
using Microsoft.Extensions.Options;
using Scalar.AspNetCore;

namespace Aether.Api.Http;

/// <summary>The HTTP side of the real-time layer: which path is served by what.</summary>
internal static class HttpApi
{
    public const string MessagesRoute = "/v3/messages";
    public const string RosterRoute = "/v3/groups/{group_id}/clients";
    public const string ClientRoute = "/v3/groups/{group_id}/clients/{client_id}";

    private const string ClientModuleRoute = "/v3/aether.js";

    /// <summary>
    /// Behind what a host maps itself: these paths are names that everybody uses, and a host that has something of
    /// its own there goes first.
    /// </summary>
    private const int AfterTheHost = 1_000;

    private const string OpenApiRoute = "/openapi/" + OpenApiDescription.DocumentName + ".json";

    private const string ProblemJson = "application/problem+json";

    public static IServiceCollection AddAetherHttp(this IServiceCollection services)
    {
        services.AddSingleton<HttpCallers>();
        services.AddSingleton<MessagesApi>();
        services.AddSingleton<GroupsApi>();
        services.AddSingleton<Documents>();
        services.AddSingleton<Assets>();
        services.AddSingleton<ConsolePages>();
        services.AddOpenApi(OpenApiDescription.DocumentName, OpenApiDescription.Configure);
        return services;
    }

    public static void MapAetherHttp(this IEndpointRouteBuilder endpoints)
    {
        MapApi(endpoints);
        MapMetrics(endpoints);
        MapDocuments(endpoints);
        MapAssets(endpoints);
    }

    private static void MapApi(IEndpointRouteBuilder endpoints)
    {
        var messages = endpoints.ServiceProvider.GetRequiredService<MessagesApi>();
        var groups = endpoints.ServiceProvider.GetRequiredService<GroupsApi>();
        var api = endpoints.MapGroup("")
            .WithGroupName(OpenApiDescription.DocumentName)
            .AddEndpointFilter<RouteGroupBuilder, HttpFaults>();

        api.MapPost(MessagesRoute, messages.SendAsync)
            .WithTags("Messages")
            .WithSummary("Send a message")
            .WithDescription(
                "For code that has no connection. A message to a group, or to a client in it, needs the permission "
                + "admin or cross_group and a key that is good for the group; a broadcast needs broadcast.")
            .Produces<Published>(StatusCodes.Status202Accepted)
            .Refuses(400, 401, 403, 413, 415, 503);
        api.MapGet(RosterRoute, groups.ReadRosterAsync)
            .WithTags("Groups")
            .WithSummary("Read who is present in a group")
            .WithDescription(
                "On all instances. Any state.{key}=value keeps only clients whose state has that value at its top: a "
                + "string, a number, true or false; up to 8 of them. Needs the permission admin.")
            .Produces<Roster>()
            .Refuses(400, 401, 403, 503);
        api.MapGet(ClientRoute, groups.ReadClientAsync)
            .WithTags("Groups")
            .WithSummary("Read one client of a group")
            .WithDescription("Needs the permission admin.")
            .Produces<Client>()
            .Refuses(400, 401, 403, 404, 503);
        api.MapDelete(ClientRoute, groups.RemoveClientAsync)
            .WithTags("Groups")
            .WithSummary("Remove a client from a group")
            .WithDescription(
                "Its connections there are closed with 4005, on whichever instance they are. A client that obeys the "
                + "protocol does not come back by itself. Needs the permission admin.")
            .Produces<Published>(StatusCodes.Status202Accepted)
            .Refuses(400, 401, 403, 404, 503);

        RefuseOtherMethods(endpoints, MessagesRoute, "POST");
        RefuseOtherMethods(endpoints, RosterRoute, "GET");
        RefuseOtherMethods(endpoints, ClientRoute, "GET, DELETE");
        endpoints.Map("/v3/groups/{**path}", context => Problems.WriteAsync(
                context, StatusCodes.Status404NotFound, "Not found", "there is " + RosterRoute + " and " + ClientRoute))
            .WithDisplayName("Aether Realtime, any other path of groups");
    }

    private static void MapMetrics(IEndpointRouteBuilder endpoints)
    {
        var callers = endpoints.ServiceProvider.GetRequiredService<HttpCallers>();
        var metrics = endpoints.ServiceProvider.GetRequiredService<PrometheusMetrics>();
        endpoints.MapPrometheusScrapingEndpoint(
                "/metrics", metrics.Provider, branch => branch.Use(callers.GuardMetricsAsync), optionsName: null)
            .WithOrder(AfterTheHost);
    }

    private static void MapDocuments(IEndpointRouteBuilder endpoints)
    {
        var documents = endpoints.ServiceProvider.GetRequiredService<Documents>();
        // The second is for a host whose own OpenAPI endpoint takes every name below /openapi.
        endpoints.MapGet("/openapi/v1.json", documents.WriteOpenApiAsync).WithOrder(AfterTheHost);
        endpoints.MapGet(OpenApiRoute, documents.WriteOpenApiAsync);
        endpoints.MapGet("/asyncapi.json", Documents.WriteAsyncApiAsync).WithOrder(AfterTheHost);
        endpoints.MapGet("/message.schema.json", Documents.WriteMessageSchemaAsync).WithOrder(AfterTheHost);
        endpoints.MapScalarApiReference("/scalar", scalar =>
        {
            scalar.Title = "Aether Realtime";
            scalar.OpenApiRoutePattern = OpenApiRoute;
            // The page is the server's own, and asks nobody else for anything.
            scalar.DisableDefaultFonts();
            scalar.DisableTelemetry();
            scalar.DisableAgent();
        }).AddEndpointFilter(async (context, next) =>
        {
            // What the settings promise, the browser sees to: a script that is loaded from elsewhere would have the
            // page's keys.
            context.HttpContext.Response.Headers.ContentSecurityPolicy =
                "default-src 'self' 'unsafe-inline' data: blob:; "
                + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
            return await next(context).ConfigureAwait(false);
        }).WithOrder(AfterTheHost);
    }

    private static void MapAssets(IEndpointRouteBuilder endpoints)
    {
        string[] reading = [HttpMethods.Get, HttpMethods.Head];
        var assets = endpoints.ServiceProvider.GetRequiredService<Assets>();
        endpoints.MapMethods(ClientModuleRoute, reading, assets.WriteClientModuleAsync);
        if (!endpoints.ServiceProvider.GetRequiredService<IOptions<RealtimeOptions>>().Value.Console.Enabled)
            return;
        var console = endpoints.ServiceProvider.GetRequiredService<ConsolePages>();
        endpoints.MapMethods(ConsolePages.Route, reading, console.WritePageAsync);
        endpoints.MapMethods(ConsolePages.FileRoute, reading, console.WriteFileAsync);
    }

    private static void RefuseOtherMethods(IEndpointRouteBuilder endpoints, string route, string allowed) =>
        endpoints.Map(route, context =>
        {
            context.Response.Headers.Allow = allowed;
            return Problems.WriteAsync(
                context, StatusCodes.Status405MethodNotAllowed, "Method not allowed", "here there is " + allowed);
        }).WithDisplayName("Aether Realtime, any other method");

    private static void Refuses(this RouteHandlerBuilder endpoint, params ReadOnlySpan<int> statuses)
    {
        foreach (int status in statuses)
            endpoint.Produces<Problem>(status, ProblemJson);
    }
}
