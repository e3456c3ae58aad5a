using Aether.Application.Messaging;
using Aether.Tests.Integration.Fixtures;
using MediatR;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using StackExchange.Redis;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>The layer beside services that a host has of the same kind: a connection to Redis, a mediator.</summary>
public sealed class EmbeddingServicesTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("")]
    [InlineData(",defaultDatabase=3,protocol=resp2")]
    [InlineData(",protocol=resp3,sharedSubscriptionConnection=true,allowAdmin=true")]
    public async Task SharedRedis_CarriesEverything_AndIsLeftAsItWas(string options)
    {
        await using var redis = await RedisServer.StartAsync();
        await using var connection = await ConnectionMultiplexer.ConnectAsync(redis.ConnectionString + options);
        string before = await ConnectionsAsync(redis);
        string heard = await redis.RunAsync("PUBSUB", "CHANNELS");
        await using (var sharing = await StartSharingAsync(connection))
        {
            await using var other = await EmbeddingApp.StartAsync(
                builder => builder.WebHost.UseSetting("ConnectionStrings:Redis", redis.ConnectionString));
            await ReadyAsync(other);
            using var here = await sharing.ConnectAsync();
            using var there = await other.ConnectAsync(client: "c2");

            await here.SendAsync(EmbeddingApp.Message("out"));
            Assert.Equal("out", (string?)(await there.ReceiveAsync())["msg"]);
            await there.SendAsync(EmbeddingApp.Message("back", "c2"));
            Assert.Equal("out", (string?)(await here.ReceiveAsync())["msg"]);
            Assert.Equal("back", (string?)(await here.ReceiveAsync())["msg"]);
            string roster = await sharing.CreateClient().GetStringAsync("v3/groups/g1/clients", Cancellation);
            Assert.Contains("\"total\":2", roster, StringComparison.Ordinal);
        }

        Assert.True(connection.IsConnected);
        await Eventually.HoldsAsync(async () => await redis.RunAsync("PUBSUB", "CHANNELS") == heard);
        await Eventually.HoldsAsync(async () => await ConnectionsAsync(redis) == before);
        Assert.True(await connection.GetDatabase().StringSetAsync("host's", "own"));
    }

    [Theory]
    [InlineData(",channelPrefix=own:", "channelPrefix")]
    [InlineData(",asyncTimeout=500", "asyncTimeout")]
    public async Task SharedRedis_IsRefused_GivenOneThatCannotBeReliedOn(string options, string named)
    {
        await using var redis = await RedisServer.StartAsync();
        await using var connection = await ConnectionMultiplexer.ConnectAsync(redis.ConnectionString + options);

        var refused = await Assert.ThrowsAsync<ArgumentException>(() => StartSharingAsync(connection));

        Assert.Contains(named, refused.Message, StringComparison.Ordinal);
        Assert.StartsWith("The host's IConnectionMultiplexer", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void SharedRedis_IsRefused_GivenThatTheFirstCallChoseOtherwise()
    {
        var configuration = new ConfigurationBuilder().Build();
        var services = new ServiceCollection().AddAetherRealtime(configuration);

        Assert.Throws<InvalidOperationException>(() => services.AddAetherRealtime(
            configuration, redis: provider => provider.GetRequiredService<IConnectionMultiplexer>()));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Mediator_IsTheHosts_WithItsScopesAndBehaviors(bool hostFirst)
    {
        var seen = new List<Type>();
        await using var host = await EmbeddingApp.StartAsync(
            builder =>
            {
                builder.Host.UseDefaultServiceProvider(
                    provider => provider.ValidateScopes = provider.ValidateOnBuild = true);
                if (!hostFirst)
                    builder.Services.AddAetherRealtime(builder.Configuration);
                builder.Services.AddSingleton(seen).AddScoped<Unit>()
                    .AddScoped<ServiceFactory>(provider => provider.GetRequiredService)
                    .AddScoped<IMediator, Mediator>()
                    .AddScoped(typeof(IPipelineBehavior<,>), typeof(HostsBehavior<,>))
                    .AddScoped<IRequestHandler<Ask, string>, AskHandler>();
            },
            app =>
            {
                app.MapAetherRealtime();
                app.MapGet("/ask", (IMediator mediator) => mediator.Send(new Ask()));
            });
        using var socket = await host.ConnectAsync();

        Assert.Equal("answered", await host.CreateClient().GetStringAsync("ask", Cancellation));
        await socket.SendAsync(EmbeddingApp.Message("validated"));
        Assert.Equal("validated", (string?)(await socket.ReceiveAsync())["msg"]);
        await host.Services.GetRequiredService<IRealtime>().ToGroup(
            "g1", new RealtimeMessage { Msg = "from the host" }, Cancellation);
        Assert.Equal("from the host", (string?)(await socket.ReceiveAsync())["msg"]);
        Assert.Equal([typeof(Ask)], seen);
    }

    [Theory]
    [InlineData(5, 40)]
    [InlineData(60, 60)]
    // Without an end.
    [InlineData(-0.001, -0.001)]
    public async Task ShutdownTimeout_IsRaised_WhereItIsShorterThanTheDrain(double seconds, double then)
    {
        await using var host = await EmbeddingApp.StartAsync(builder => builder.Services.Configure<HostOptions>(
            options => options.ShutdownTimeout = TimeSpan.FromSeconds(seconds)));

        var options = host.Services.GetRequiredService<IOptions<HostOptions>>().Value;

        Assert.Equal(TimeSpan.FromSeconds(then), options.ShutdownTimeout);
    }

    private static async Task<EmbeddingApp> StartSharingAsync(ConnectionMultiplexer connection)
    {
        var host = await EmbeddingApp.StartAsync(builder =>
        {
            builder.Services.AddSingleton<IConnectionMultiplexer>(connection);
            builder.Services.AddAetherRealtime(
                builder.Configuration, redis: provider => provider.GetRequiredService<IConnectionMultiplexer>());
        });
        await ReadyAsync(host);
        return host;
    }

    private static async Task ReadyAsync(EmbeddingApp host)
    {
        string said = "";
        await Eventually.HoldsAsync(
            async () =>
            {
                var answer = await host.CreateClient().GetAsync("health/ready", Cancellation);
                said = await answer.Content.ReadAsStringAsync(Cancellation);
                return answer.IsSuccessStatusCode;
            },
            TimeSpan.FromSeconds(30),
            () => said);
    }

    private static async Task<string> ConnectionsAsync(RedisServer redis) => string.Join(
        ',',
        (await redis.RunAsync("CLIENT", "LIST")).Split('\n').Where(line => !line.Contains("cmd=client", StringComparison.Ordinal))
            .Select(line => line.Split(' ')[0]).Order());

    internal sealed record Ask : IRequest<string>;

    internal sealed class AskHandler(Unit unit) : IRequestHandler<Ask, string>
    {
        public Task<string> Handle(Ask request, CancellationToken cancellationToken) =>
            Task.FromResult(unit is null ? "" : "answered");
    }

    /// <summary>Of one request, as a host's connection to its database is.</summary>
    internal sealed class Unit;

    internal sealed class HostsBehavior<TRequest, TResponse>(Unit unit, List<Type> seen)
        : IPipelineBehavior<TRequest, TResponse>
    {
        public Task<TResponse> Handle(
            TRequest request, CancellationToken cancellationToken, RequestHandlerDelegate<TResponse> next)
        {
            _ = unit;
            seen.Add(typeof(TRequest));
            return next();
        }
    }
}
