using Aether.Application.Messaging;
using Aether.Application.Presence;
using Aether.Domain;
using EmbeddingHost;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddAetherRealtime(builder.Configuration);   // 1
builder.Services.AddSingleton<JobBoard>().AddRealtimeHandler<JobReports>();
// JobReports is not asked about commands that report back: who may give these is an option.
builder.Services.AddAetherRealtime(builder.Configuration, options => options.Commands.Givers = ["controller"]);

var app = builder.Build();
app.MapAetherRealtime();                                     // 2

// Gives all workers of a group something to do.
app.MapPost("/jobs/{group}", async (string group, IRealtime realtime) =>
{
    if (!VisionId.TryParse(group, out _))
        return Results.Problem("group: " + VisionId.Rule, statusCode: 400);
    var outcome = await realtime.ToGroup(group, new RealtimeMessage { Cmd = "start", Payload = new { speed = 3 } });
    return outcome.Rejection is { } rejection
        ? Results.Problem(rejection.Text, statusCode: 503)
        : Results.Accepted();
});

// What they have done since.
app.MapGet("/jobs/{group}", (string group, JobBoard board) => board.Of(group));

// Which workers are there.
app.MapGet("/workers/{group}", async (string group, IRealtime realtime) =>
{
    if (!VisionId.TryParse(group, out _))
        return Results.Problem("group: " + VisionId.Rule, statusCode: 400);
    var workers = await realtime.Roster(group, new RosterQuery { Role = Role.Worker });
    return workers.Rejection is { } rejection
        ? Results.Problem(rejection.Text, statusCode: 503)
        : Results.Ok(workers.Value.Members.Select(worker => worker.ClientId.Value));
});

app.Run();
