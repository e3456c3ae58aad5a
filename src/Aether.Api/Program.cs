using Aether.Api.Hosting;

try
{
    // Starts at one, see the project file. A second thread of a core's work is mostly one that wakes for nothing.
    ThreadPool.SetMinThreads(Math.Max(1, Environment.ProcessorCount / 2), completionPortThreads: 1);
    // The settings lie beside the program, from whatever folder it is started.
    var builder = WebApplication.CreateBuilder(
        new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
    builder.Services.AddAetherRealtime(builder.Configuration);

    var app = builder.Build();
    app.MapAetherRealtime();
    app.Run();
    return 0;
}
catch (Exception failure) when (StartFailure.TryTell(failure))
{
    return 1;
}
