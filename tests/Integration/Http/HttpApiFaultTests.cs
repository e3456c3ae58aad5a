using System.Net;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Tests.Integration.Fixtures;
using Microsoft.Extensions.DependencyInjection;
using Xunit;
using static Aether.Tests.Integration.Fixtures.HttpApi;

namespace Aether.Tests.Integration;

/// <summary>What callers of the HTTP API are told when something behind it fails.</summary>
public sealed class HttpApiFaultTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Request_SaysWhenToComeBack_GivenNoBackplane()
    {
        using var host = HttpHost.Open(replace: services => services
            .AddSingleton<IMessageBus>(new BrokenBus(() => PublishResult.Unavailable))
            .AddSingleton<IPresenceStore, PresenceThatIsDown>()
            .AddSingleton<IPresenceDirectory, DirectoryThatIsDown>());
        var client = host.CreateClient();

        foreach (var response in new[]
        {
            await SendAsync(client, Message("group")),
            await client.GetAsync("/v3/groups", Cancellation),
            await client.GetAsync("/v3/instances", Cancellation),
            await client.GetAsync(Roster("g1"), Cancellation),
            await client.GetAsync(Client("g1", "c1"), Cancellation),
            await client.DeleteAsync(Client("g1", "c1"), Cancellation),
        })
        {
            await ProblemAsync(HttpStatusCode.ServiceUnavailable, response);
            Assert.Equal(TimeSpan.FromSeconds(1), response.Headers.RetryAfter?.Delta);
        }
    }

    [Fact]
    public async Task Request_TellsNothingOfTheInside_GivenAFault()
    {
        using var host = HttpHost.Open(replace: services => services
            .AddSingleton<IMessageBus>(new BrokenBus(() => throw new InvalidOperationException("secret"))));

        var problem = await ProblemAsync(
            HttpStatusCode.InternalServerError, await SendAsync(host.CreateClient(), Message("group")));

        Assert.DoesNotContain("secret", problem.ToJsonString(), StringComparison.Ordinal);
    }

    private sealed class BrokenBus(Func<PublishResult> answer) : IMessageBus
    {
        public string Description => "broken";

        public bool IsReady => false;

        public ValueTask<PublishResult> PublishAsync(
            ChannelName channel, Message message, CancellationToken cancellationToken) => new(answer());

        public Task<bool> SubscribeAsync(ChannelName channel, IMessageSink sink, CancellationToken cancellationToken) =>
            Task.FromResult(false);

        public Task UnsubscribeAsync(ChannelName channel, CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private sealed class PresenceThatIsDown : IPresenceStore
    {
        private static readonly Task<PresenceChange> NoChange = Task.FromResult(default(PresenceChange));

        public bool IsReady => false;

        public Task<PresenceChange> JoinAsync(
            VisionId group, VisionId client, Role role, CancellationToken cancellationToken) => NoChange;

        public Task<PresenceChange> LeaveAsync(
            VisionId group, VisionId client, Role role, CancellationToken cancellationToken) => NoChange;

        public Task<PresenceChange> UpdateStateAsync(
            VisionId group,
            VisionId client,
            ReadOnlyMemory<byte> state,
            CancellationToken cancellationToken) => NoChange;

        public void Touch(VisionId group, VisionId client)
        {
        }

        public Task<IReadOnlyList<Member>?> GetMembersAsync(VisionId group, CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<Member>?>(null);
    }

    private sealed class DirectoryThatIsDown : IPresenceDirectory
    {
        public Task<IReadOnlyList<GroupSize>?> GetGroupsAsync(
            IReadOnlyCollection<VisionId>? only, CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<GroupSize>?>(null);

        public Task<IReadOnlyList<InstanceFacts>?> GetInstancesAsync(CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<InstanceFacts>?>(null);
    }
}
