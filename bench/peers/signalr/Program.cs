using Aether.Peers.SignalR;
using Microsoft.AspNetCore.Http.Connections;
using Microsoft.AspNetCore.SignalR;
using StackExchange.Redis;

// What Aether is compared with: SignalR as its documentation says to use it, with all that makes it fast.
var builder = WebApplication.CreateSlimBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Warning);

// Serializers made by the compiler instead of by reflection.
var signalR = builder.Services.AddSignalR().AddJsonProtocol(json =>
    json.PayloadSerializerOptions.TypeInfoResolverChain.Insert(0, PayloadJson.Default));
builder.Services.AddSingleton<IUserIdProvider, ClientIds>();
if (builder.Configuration.GetConnectionString("Redis") is { Length: > 0 } redis)
{
    signalR.AddStackExchangeRedis(redis, options =>
        options.Configuration.ChannelPrefix = RedisChannel.Literal("peer"));
}

var app = builder.Build();
app.MapHub<MessageHub>("/hub", options => options.Transports = HttpTransportType.WebSockets);
app.MapGet("/health/ready", () => "ready");
app.Run();
