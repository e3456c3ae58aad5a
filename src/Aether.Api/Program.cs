using Aether.Api;
using Aether.Api.Configuration;
using Aether.Api.Hosting;
using Aether.Api.Http;
using Aether.Api.Telemetry;

// Told to stop before the host listens for that: nothing has begun, so nothing is to be ended.
using var start = new StartSignals();
string[] certificates = [];
try
{
    var app = FileWatching.Build(() => Build(args), out string? refusal);
    if (refusal is not null)
        app.Logger.FilesArePolled(refusal);
    certificates = [.. KestrelSection.Certificates(app.Configuration)];
    app.MapAetherRealtime();
    RootPage.Map(app);
    app.Lifetime.ApplicationStarted.Register(start.Done);
    await ServerRun.RunAsync(app);
    return 0;
}
catch (Exception failure) when (!start.IsDone)
{
    return start.End(KestrelSection.NameCertificate(failure, certificates));
}

static WebApplication Build(string[] args)
{
    // The settings lie beside the program, from whatever folder it is started.
    var builder = WebApplication.CreateBuilder(
        new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
    KestrelSection.Validate(builder.Configuration);
    builder.Services.AddAetherRealtime(builder.Configuration);
    OtlpExport.Add(builder.Services, OtlpVariables.Read(Environment.GetEnvironmentVariable));
    return builder.Build();
}

/// <summary>
/// Named here so that nobody else sees it: a host that embeds this assembly has a Program of its own.
/// </summary>
internal sealed partial class Program;
