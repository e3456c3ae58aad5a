// The settings lie beside the program, from whatever folder it is started.
var builder = WebApplication.CreateBuilder(
    new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
builder.Services.AddAetherRealtime(builder.Configuration);

var app = builder.Build();
app.MapAetherRealtime();
app.Run();

/// <summary>The host of its own; here so that tests can start it.</summary>
public partial class Program;
