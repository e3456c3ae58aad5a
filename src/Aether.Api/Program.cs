using Aether.Api.Hosting;

try
{
    // The project file says one, and why fewer than the cores; that is for machines with up to three of them.
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
