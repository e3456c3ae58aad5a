using Aether.Application.Messaging;
using Aether.Application.Pipeline;
using Aether.Domain;
using Xunit;

namespace Aether.Tests.Unit;

public sealed class MessageCommandsTests
{
    public static TheoryData<MessageType, Target, Type> Pairs => new()
    {
        { MessageType.Msg, Target.Direct, typeof(Publish) },
        { MessageType.Msg, Target.Group, typeof(Publish) },
        { MessageType.Msg, Target.Broadcast, typeof(Publish) },
        { MessageType.Msg, Target.Echo, typeof(Publish) },
        { MessageType.Cmd, Target.Direct, typeof(Publish) },
        { MessageType.Cmd, Target.Group, typeof(Publish) },
        { MessageType.Cmd, Target.Broadcast, typeof(Publish) },
        { MessageType.Cmd, Target.Echo, typeof(Publish) },
        { MessageType.Heartbeat, Target.Direct, typeof(Heartbeat) },
        { MessageType.Heartbeat, Target.Group, typeof(Heartbeat) },
        { MessageType.Heartbeat, Target.Broadcast, typeof(Heartbeat) },
        { MessageType.Heartbeat, Target.Echo, typeof(Heartbeat) },
    };

    [Theory]
    [MemberData(nameof(Pairs), DisableDiscoveryEnumeration = true)]
    public void From_IsTheOneCommand_GivenTypeAndTarget(MessageType type, Target target, Type command)
    {
        var (sender, message) = (Some.Sender(), Some.Message with { Type = type, Target = target });

        var from = Assert.IsAssignableFrom<IMessageCommand>(MessageCommands.From(sender, message));

        Assert.Equal(command, from.GetType());
        Assert.Same(sender, from.Sender);
        Assert.Same(message, from.Message);
    }

    [Fact]
    public void From_HasACommand_GivenAnyPair() =>
        Assert.All(
            from type in Enum.GetValues<MessageType>()
            from target in Enum.GetValues<Target>()
            select Some.Message with { Type = type, Target = target },
            message => Assert.NotNull(MessageCommands.From(Some.Sender(), message)));
}
