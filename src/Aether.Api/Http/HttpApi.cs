using Aether.Api.Access;
using Aether.Api.Telemetry;
using Aether.Application;
using Microsoft.Extensions.Options;
using Scalar.AspNetCore;

namespace Aether.Api.Http;

/// <summary>The HTTP side of the real-time layer: which path is served by what.</summary>
internal static class HttpApi
{
    public const string MessagesRoute = "/v3/messages";
    public const string GroupsRoute = "/v3/groups";
    public const string InstancesRoute = "/v3/instances";
    public const string RevocationsRoute = "/v3/revocations";
    public const string RosterRoute = "/v3/groups/{group_id}/clients";
    public const string ClientRoute = "/v3/groups/{group_id}/clients/{client_id}";

    public const string TraceRoute = "/v3/groups/{group_id}/clients/{client_id}/trace";
    public const string GroupMessagesRoute = "/v3/groups/{group_id}/messages";
    public const string LeaseRoute = "/v3/groups/{group_id}/leases/{name}";

    public const string CommandsRoute = "/v3/groups/{group_id}/commands";
    public const string CommandRoute = "/v3/groups/{group_id}/commands/{command_id}";
    public const string ResumeRoute = "/v3/groups/{group_id}/commands/{command_id}/resume";
    public const string RetryRoute = "/v3/groups/{group_id}/commands/{command_id}/retry";

    /// <summary>All of these.</summary>
    public static readonly string[] Routes =
    [
        MessagesRoute, GroupsRoute, InstancesRoute, RosterRoute, ClientRoute, TraceRoute, GroupMessagesRoute,
        CommandsRoute, CommandRoute, ResumeRoute, RetryRoute, LeaseRoute, RevocationsRoute,
    ];

    // Whatever can be read can also be asked for without its body.
    private static readonly string[] Reading = [HttpMethods.Get, HttpMethods.Head];

    private const string Prefix = "/v3/";

    // A folder for each version: what the modules import of each other is relative, and keeps it.
    private const string Versioned = Prefix + "{version:length(16)}/";

    private const string OpenApiRoute = "/openapi/" + OpenApiDescription.DocumentName + ".json";

    private const string ProblemJson = "application/problem+json";

    public static IServiceCollection AddAetherHttp(this IServiceCollection services)
    {
        services.AddSingleton<HostUsers>();
        services.AddSingleton<HttpCallers>();
        services.AddSingleton<MessagesApi>();
        services.AddSingleton<GroupsApi>();
        services.AddSingleton<DirectoryApi>();
        services.AddSingleton<LeasesApi>();
        services.AddSingleton<RevocationsApi>();
        services.AddSingleton<TraceApi>();
        services.AddSingleton<CommandsApi>();
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
        var directory = endpoints.ServiceProvider.GetRequiredService<DirectoryApi>();
        var traces = endpoints.ServiceProvider.GetRequiredService<TraceApi>();
        var leases = endpoints.ServiceProvider.GetRequiredService<LeasesApi>();
        var revocations = endpoints.ServiceProvider.GetRequiredService<RevocationsApi>();
        var api = endpoints.MapGroup("")
            .WithGroupName(OpenApiDescription.DocumentName)
            .AddEndpointFilter<RouteGroupBuilder, HttpFaults>();

        api.MapPost(MessagesRoute, messages.SendAsync)
            .WithTags("Messages")
            .WithSummary("Send a message")
            .WithDescription(
                "For code that has no connection. A message to a group, or to a client in it, needs the permission "
                + "admin or cross_group and a key or token that is good for the group; a broadcast needs broadcast.")
            .Produces<Published>(StatusCodes.Status202Accepted)
            .Refuses(400, 401, 403, 409, 413, 415, 503);
        api.MapMethods(GroupsRoute, Reading, directory.ReadGroupsAsync)
            .WithTags("Groups")
            .WithSummary("Read which groups there are")
            .WithDescription(
                "Those that have members, on all instances, by id, and how many each has. A key or token that is limited "
                + "to groups sees only these. Needs the permission admin.")
            .Produces<Groups>()
            .Refuses(400, 401, 403, 503);
        api.MapMethods(InstancesRoute, Reading, directory.ReadInstancesAsync)
            .WithTags("Instances")
            .WithSummary("Read which instances run")
            .WithDescription(
                "What each told of itself last, a few seconds ago; the one that answers tells how it is now. Needs the "
                + "permission admin.")
            .Produces<Instances>()
            .Refuses(400, 401, 403, 503);
        api.MapMethods(RosterRoute, Reading, groups.ReadRosterAsync)
            .WithTags("Groups")
            .WithSummary("Read who is present in a group")
            .WithDescription(
                "On all instances. Any state.{key}=value keeps only clients whose state has that value at its top: a "
                + "string, a number, true or false; up to 8 of them. Needs the permission admin.")
            .Produces<Roster>()
            .Refuses(400, 401, 403, 503);
        api.MapMethods(GroupMessagesRoute, Reading, groups.ReadMessagesAsync)
            .WithTags("Groups")
            .WithSummary("Read what was kept of a group's messages")
            .WithDescription(
                "Oldest first, those behind the position after, or from the oldest there is. pos is where to go on; with "
                + "complete nothing follows it yet. 410 says that what follows after is no longer there as a whole. Needs "
                + "the permission admin.")
            .Produces<KeptMessagesPage>()
            .Refuses(400, 401, 403, 410, 503);
        api.MapMethods(ClientRoute, Reading, groups.ReadClientAsync)
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
        api.MapGet(TraceRoute, traces.TraceAsync)
            .WithTags("Groups")
            .WithSummary("Trace a client of a group")
            .WithDescription(
                "Server-sent events: what its connections there send and are sent, direct messages too, each refusal with "
                + "its code and rule, and their closes, on whichever instance they are. Ends after 10 minutes; an instance "
                + "serves 4 at a time. Needs the permission admin.")
            .Produces<string>(StatusCodes.Status200OK, "text/event-stream")
            .Refuses(400, 401, 403, 429, 503);
        api.MapMethods(LeaseRoute, Reading, leases.ReadAsync)
            .WithTags("Groups")
            .WithSummary("Read who holds a lease of a group")
            .WithDescription(
                "A lease that nobody ever held is a free one of term 0. expires_at is by the clock of the instance that "
                + "answers. Needs the permission admin.")
            .Produces<Lease>()
            .Refuses(400, 401, 403, 503);
        api.MapDelete(LeaseRoute, leases.TakeAsync)
            .WithTags("Groups")
            .WithSummary("Take a lease from its holder")
            .WithDescription(
                "What its holder sends under it is refused from then on, and whoever takes it next, perhaps the same client, "
                + "has the next term. A lease that nobody holds stays free. Needs the permission admin.")
            .Produces<Lease>()
            .Refuses(400, 401, 403, 503);
        api.MapPost(RevocationsRoute, revocations.RevokeAsync)
            .WithTags("Tokens")
            .WithSummary("Revoke tokens")
            .WithDescription(
                "The one of an id, or all of a client that were issued before a time. Connections with them close with 4001 on "
                + "every instance within 2 s, and new ones are refused. That cannot be undone. Needs the permission admin, and a "
                + "key that is good for every group.")
            .Produces<Revoked>(StatusCodes.Status202Accepted)
            .Refuses(400, 401, 403, 413, 415, 503);

        MapCommands(api, endpoints.ServiceProvider.GetRequiredService<CommandsApi>());

        RefuseOtherMethods(endpoints, MessagesRoute, "POST");
        RefuseOtherMethods(endpoints, GroupsRoute, "GET, HEAD");
        RefuseOtherMethods(endpoints, InstancesRoute, "GET, HEAD");
        RefuseOtherMethods(endpoints, RosterRoute, "GET, HEAD");
        RefuseOtherMethods(endpoints, GroupMessagesRoute, "GET, HEAD");
        RefuseOtherMethods(endpoints, ClientRoute, "GET, HEAD, DELETE");
        RefuseOtherMethods(endpoints, TraceRoute, "GET");
        RefuseOtherMethods(endpoints, LeaseRoute, "GET, HEAD, DELETE");
        RefuseOtherMethods(endpoints, RevocationsRoute, "POST");
        RefuseOtherMethods(endpoints, CommandsRoute, "GET, HEAD, POST");
        RefuseOtherMethods(endpoints, CommandRoute, "GET, HEAD, DELETE");
        RefuseOtherMethods(endpoints, ResumeRoute, "POST");
        RefuseOtherMethods(endpoints, RetryRoute, "POST");
        endpoints.Map("/v3/groups/{**path}", context => Problems.WriteAsync(
                context, StatusCodes.Status404NotFound, "Not found", "there is " + GroupsRoute + ", " + RosterRoute + ", " + ClientRoute
                    + ", " + GroupMessagesRoute + ", " + LeaseRoute + ", " + CommandsRoute + " and " + CommandRoute))
            .WithDisplayName("Aether Realtime, any other path of groups");
    }

    private static void MapCommands(RouteGroupBuilder api, CommandsApi commands)
    {
        const string Needs = " Needs the permission admin or cross_group, and a key or token that is good for the group.";
        api.MapPost(CommandsRoute, commands.StartAsync)
            .WithTags("Commands")
            .WithSummary("Give a command")
            .WithDescription(
                "To members of a group, and have each say what became of it. The body is the payload of command.start, with "
                + "from_id (aether if it is left out) and id, which makes the same request again the same command." + Needs)
            .Produces<CommandStarted>(StatusCodes.Status201Created)
            .Refuses(400, 401, 403, 409, 413, 415, 429, 503);
        api.MapMethods(CommandsRoute, Reading, commands.ListAsync)
            .WithTags("Commands")
            .WithSummary("Read which commands a group has")
            .WithDescription("The newest first, those that run and those that ended less than Commands:Retention ago." + Needs)
            .Produces<CommandsPage>()
            .Refuses(400, 401, 403, 503);
        api.MapMethods(CommandRoute, Reading, commands.ReadAsync)
            .WithTags("Commands")
            .WithSummary("Read a command and its executions")
            .WithDescription(
                "With after, a version, only executions that changed since; with wait, up to 30 seconds, the answer comes as "
                + "soon as something has changed." + Needs)
            .Produces<CommandDetails>()
            .Refuses(400, 401, 403, 404, 503);
        api.MapDelete(CommandRoute, commands.CancelAsync)
            .WithTags("Commands")
            .WithSummary("Cancel a command")
            .WithDescription("Nothing more is sent, and members that are at it are asked to stop, for which they have 10 s." + Needs)
            .Produces<CommandStanding>()
            .Refuses(400, 401, 403, 404, 503);
        api.MapPost(ResumeRoute, commands.ResumeAsync)
            .WithTags("Commands")
            .WithSummary("Let the next batch of a paused command begin")
            .WithDescription("Nothing happens to a command that is not paused." + Needs)
            .Produces<CommandStanding>()
            .Refuses(400, 401, 403, 404, 503);
        api.MapPost(RetryRoute, commands.RetryAsync)
            .WithTags("Commands")
            .WithSummary("Give a command again to those that did not succeed")
            .WithDescription(
                "Of a command that has ended; it is a new command. The body may be left out. Its id makes the same request again "
                + "the same command." + Needs)
            .Produces<CommandStarted>(StatusCodes.Status201Created)
            .Refuses(400, 401, 403, 404, 409, 413, 415, 429, 503);
    }

    private static void MapMetrics(IEndpointRouteBuilder endpoints)
    {
        var callers = endpoints.ServiceProvider.GetRequiredService<HttpCallers>();
        var metrics = endpoints.ServiceProvider.GetRequiredService<PrometheusMetrics>();
        endpoints.MapMethods("/metrics", Reading, context => callers.GuardMetricsAsync(context, metrics.WriteAsync))
            .AfterTheHost("metrics");
    }

    private static void MapDocuments(IEndpointRouteBuilder endpoints)
    {
        var documents = endpoints.ServiceProvider.GetRequiredService<Documents>();
        // The second is for a host whose own OpenAPI endpoint takes every name below /openapi.
        endpoints.MapMethods("/openapi/v1.json", Reading, documents.WriteOpenApiAsync).AfterTheHost("openapi");
        endpoints.MapMethods(OpenApiRoute, Reading, documents.WriteOpenApiAsync);
        endpoints.MapMethods("/asyncapi.json", Reading, Documents.WriteAsyncApiAsync).AfterTheHost("asyncapi.json");
        endpoints.MapMethods("/message.schema.json", Reading, Documents.WriteMessageSchemaAsync).AfterTheHost("message.schema.json");
        endpoints.MapScalarApiReference("/scalar", (scalar, context) =>
        {
            scalar.Title = "Aether Realtime";
            scalar.OpenApiRoutePattern = Documents.Prefix(context.Request.Path, segments: 1) + OpenApiRoute;
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
        }).WithMetadata(new HttpMethodMetadata(Reading)).AfterTheHost("scalar");
    }

    private static void MapAssets(IEndpointRouteBuilder endpoints)
    {
        var assets = endpoints.ServiceProvider.GetRequiredService<Assets>();
        endpoints.MapMethods(Prefix + Assets.ClientModule, Reading, assets.WriteClientModuleAsync);
        endpoints.MapMethods(Prefix + Assets.ClientMap, Reading, assets.WriteClientMapAsync);
        endpoints.MapMethods(Versioned + Assets.ClientModule, Reading, assets.WriteClientModuleAsync);
        endpoints.MapMethods(Versioned + Assets.ClientMap, Reading, assets.WriteClientMapAsync);
        if (!endpoints.ServiceProvider.GetRequiredService<IOptions<RealtimeOptions>>().Value.Console.Enabled)
            return;
        var console = endpoints.ServiceProvider.GetRequiredService<ConsolePages>();
        endpoints.MapMethods(ConsolePages.Route, Reading, console.WritePageAsync);
        endpoints.MapMethods(ConsolePages.FileRoute, Reading, console.WriteFileAsync);
        endpoints.MapMethods(Versioned + Assets.ConsoleFolder + "{file}", Reading, console.WriteFileAsync);
    }

    private static void RefuseOtherMethods(IEndpointRouteBuilder endpoints, string route, string allowed) =>
        endpoints.Map(route, context =>
        {
            context.Response.Headers.Allow = allowed;
            if (HttpMethods.IsOptions(context.Request.Method))
            {
                context.Response.Headers.Allow = allowed + ", OPTIONS";
                context.Response.StatusCode = StatusCodes.Status204NoContent;
                return Task.CompletedTask;
            }
            return Problems.WriteAsync(
                context, StatusCodes.Status405MethodNotAllowed, "Method not allowed", "here there is " + allowed);
        }).WithDisplayName("Aether Realtime, any other method");

    private static void Refuses(this RouteHandlerBuilder endpoint, params ReadOnlySpan<int> statuses)
    {
        foreach (int status in statuses)
            endpoint.Produces<Problem>(status, ProblemJson);
    }
}
