using Aether.Application.Messaging;
using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Domain;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>The sample of docs/embedding.md, as it stands there.</summary>
public sealed class EmbeddingSampleTests
{
    [Fact]
    public async Task SendGroup_PublishesOnTheGroupsChannel()
    {
        var bus = Substitute.For<IMessageBus>();
        var group = ChannelName.Group(Some.Group);
        bus.PublishAsync(group, Some.Message, Arg.Any<CancellationToken>()).Returns(PublishResult.To(instances: 2));

        var command = new Publish(Sender.Host, Some.Message);
        var outcome = await new PublishHandler(bus).Handle(command, CancellationToken.None);

        Assert.Null(outcome.Rejection);
        Assert.Equal(2, outcome.Instances);
    }
}
