using Aether.Application;
using Aether.Application.Messaging;
using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Domain;
using Microsoft.Extensions.DependencyInjection;
using NSubstitute;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>What only the server says nobody else says in its place, on whichever road.</summary>
public sealed class ServerCommandTests : IDisposable
{
    private readonly IMessageBus bus = Substitute.For<IMessageBus>();
    private readonly IPresenceStore presence = Substitute.For<IPresenceStore>();
    private readonly ServiceProvider provider;

    public ServerCommandTests()
    {
        bus.PublishAsync(default, null!, Arg.Any<CancellationToken>()).ReturnsForAnyArgs(PublishResult.To(1));
        provider = new ServiceCollection()
            .AddSingleton(bus).AddSingleton(presence).AddSingleton(Substitute.For<ICommandStore>()).AddAetherApplication().BuildServiceProvider();
    }

    public static TheoryData<string> Reserved =>
    [
        "ack", "error", "welcome", "gap", "recovered", "changes", "lease", "aether.disconnect", "aether.", "aether.x",
        "auth.refreshed", "command.changed", "execution.done",
    ];

    public static TheoryData<string> Free =>
        ["start", "Ack", "ack ", "acknowledge", "errors", "aether", "authenticate", "commands.x", "executions", "roster"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => provider.Dispose();

    [Theory]
    [MemberData(nameof(Reserved))]
    public async Task Realtime_IsRejected_GivenACommandOfTheServers(string cmd)
    {
        var realtime = provider.GetRequiredService<IRealtime>();
        var message = new RealtimeMessage { Cmd = cmd };
        foreach (var outcome in (Outcome[])
            [
                await realtime.ToClient("g1", "c1", message, Cancellation),
                await realtime.ToGroup("g1", message, Cancellation),
                await realtime.Broadcast(message, Cancellation),
            ])
            Assert.Equal((ErrorCode.InvalidMessage, "cmd"), (outcome.Rejection?.Code, outcome.Rejection?.Field));
        Assert.Empty(bus.ReceivedCalls());
    }

    [Theory]
    [MemberData(nameof(Free))]
    public async Task Realtime_Publishes_GivenAnyOtherCommand(string cmd) =>
        Assert.Null((await provider.GetRequiredService<IRealtime>()
            .ToGroup("g1", new RealtimeMessage { Cmd = cmd }, Cancellation)).Rejection);

    [Theory]
    [MemberData(nameof(Reserved))]
    public async Task Send_IsRejected_GivenTheServersNameAndItsCommandInAnyMessage(string cmd)
    {
        foreach (var type in (MessageType[])[MessageType.Msg, MessageType.Cmd, MessageType.Heartbeat])
        {
            foreach (var target in Enum.GetValues<Target>())
            {
                var forged = Some.Message with
                {
                    Type = type,
                    Target = target,
                    FromId = VisionId.Server,
                    ToId = Some.OtherClient,
                    Cmd = cmd,
                };
                Assert.Equal("cmd", (await Send(Sender.Host, forged)).Rejection?.Field);
            }
        }
        Assert.Empty(bus.ReceivedCalls());
        Assert.Empty(presence.ReceivedCalls());
    }

    [Theory]
    [InlineData(Target.Group, "update")]
    [InlineData(Target.Group, "join")]
    [InlineData(Target.Echo, "roster")]
    public async Task Send_IsRejected_GivenPresenceInTheServersName(Target target, string cmd)
    {
        var forged = Some.Message with
        {
            Type = MessageType.Presence,
            Target = target,
            FromId = VisionId.Server,
            Cmd = cmd,
        };
        var rejection = (await Send(Sender.Host, forged)).Rejection;
        Assert.Equal((ErrorCode.InvalidMessage, "msg_type"), (rejection?.Code, rejection?.Field));
        Assert.Empty(presence.ReceivedCalls());
    }

    [Theory]
    [MemberData(nameof(Reserved))]
    public async Task Send_Publishes_GivenAClientThatUsesTheNameForItself(string cmd)
    {
        var message = Some.Message with { Type = MessageType.Cmd, Cmd = cmd };
        Assert.Null((await Send(Some.Sender(), message)).Rejection);
        Assert.Null((await Send(Sender.Host, message)).Rejection);
    }

    private Task<Outcome> Send(Sender sender, Message message) =>
        provider.GetRequiredService<MediatR.IMediator>().Send(MessageCommands.From(sender, message), Cancellation);
}
