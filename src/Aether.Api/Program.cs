var builder = WebApplication.CreateBuilder(args);
builder.Services.AddAetherRealtime(builder.Configuration);

var app = builder.Build();
app.MapAetherRealtime();
app.Run();

/// <summary>The host of its own; here so that tests can start it.</summary>
public partial class Program;
