using Aether.Application.Messaging;
using Aether.Application.Pipeline;
using Aether.Domain;
using FluentValidation.Results;
using Xunit;

namespace Aether.Tests.Unit;

public sealed class SendValidatorTests
{
    private static readonly VisionId ThirdGroup = VisionId.Parse("g3");

    public static TheoryData<string> Commands => ["direct", "group", "broadcast", "echo", "heartbeat"];

    [Theory]
    [MemberData(nameof(Commands))]
    public void Validate_Passes_GivenTheSendersOwnMessage(string command) =>
        Assert.Null(Validate(command, Some.Sender(Permissions.Broadcast), Some.Message));

    [Theory]
    [MemberData(nameof(Commands))]
    public void Validate_IsInvalidMessage_GivenASpoofedSender(string command) =>
        AssertBroken(
            ErrorCode.InvalidMessage, "from_id",
            Validate(command, Some.Sender(Permissions.Broadcast), Some.Message with { FromId = Some.OtherClient }));

    [Theory]
    [MemberData(nameof(Commands))]
    public void Validate_IsInvalidMessage_GivenTheServersNameAsSender(string command) =>
        AssertBroken(
            ErrorCode.InvalidMessage, "from_id",
            Validate(
                command,
                new Sender(Some.Client, Some.Group, Access.Full),
                Some.Message with { FromId = VisionId.Server }));

    [Theory]
    [MemberData(nameof(Commands))]
    public void Validate_IsForbidden_GivenAForeignGroupWithoutCrossGroup(string command) =>
        AssertBroken(
            ErrorCode.Forbidden, "group_id",
            Validate(
                command,
                Some.Sender(Permissions.Broadcast | Permissions.Admin),
                Some.Message with { GroupId = Some.OtherGroup }));

    [Theory]
    [MemberData(nameof(Commands))]
    public void Validate_Passes_GivenAForeignGroupWithCrossGroup(string command) =>
        Assert.Null(Validate(
            command,
            Some.Sender(Permissions.Broadcast | Permissions.CrossGroup),
            Some.Message with { GroupId = Some.OtherGroup }));

    [Theory]
    [MemberData(nameof(Commands))]
    public void Validate_LimitsCrossGroup_ToTheGroupsOfTheKey(string command)
    {
        var sender = Some.Sender(Permissions.Broadcast | Permissions.CrossGroup, Some.Group, Some.OtherGroup);
        Assert.Null(Validate(command, sender, Some.Message with { GroupId = Some.OtherGroup }));
        AssertBroken(
            ErrorCode.Forbidden, "group_id", Validate(command, sender, Some.Message with { GroupId = ThirdGroup }));
    }

    [Theory]
    [InlineData(Permissions.None)]
    [InlineData(Permissions.CrossGroup | Permissions.Admin)]
    public void Validate_IsForbidden_GivenABroadcastWithoutThePermission(Permissions permissions) =>
        AssertBroken(ErrorCode.Forbidden, "target", Validate("broadcast", Some.Sender(permissions), Some.Message));

    [Fact]
    public void Validate_TellsTheFirstRuleOnly_GivenThatAllAreBroken() =>
        AssertBroken(
            ErrorCode.InvalidMessage, "from_id",
            Validate(
                "broadcast", Some.Sender(),
                Some.Message with { FromId = Some.OtherClient, GroupId = Some.OtherGroup }));

    [Fact]
    public void Validate_IsInvalidMessage_GivenADirectMessageToNobody() =>
        AssertBroken(
            ErrorCode.InvalidMessage, "to_id",
            new PublishValidator().Validate(
                new Publish(Some.Sender(), Some.Message with { Target = Target.Direct })));

    [Theory]
    [MemberData(nameof(Commands))]
    public void Validate_Passes_GivenAnythingOfTheHosts(string command) =>
        Assert.Null(Validate(
            command, Sender.Host, Some.Message with { FromId = Some.OtherClient, GroupId = ThirdGroup }));

    [Theory]
    [MemberData(nameof(Commands))]
    public void Validate_Passes_GivenTheServersNameAndNoGroupFromTheHost(string command) =>
        Assert.Null(Validate(command, Sender.Host, Some.Message with { FromId = VisionId.Server, GroupId = default }));

    /// <summary>What is broken; <see langword="null"/> if nothing is.</summary>
    private static ValidationResult? Validate(string command, Sender sender, Message message)
    {
        var addressed = message with { ToId = Some.OtherClient };
        var result = command switch
        {
            "direct" => Publishing(Target.Direct),
            "group" => Publishing(Target.Group),
            "broadcast" => Publishing(Target.Broadcast),
            "echo" => Publishing(Target.Echo),
            _ => new MessageCommandValidator<Heartbeat>().Validate(new Heartbeat(sender, message)),
        };
        return result.IsValid ? null : result;

        ValidationResult Publishing(Target target) =>
            new PublishValidator().Validate(new Publish(sender, addressed with { Target = target }));
    }

    private static void AssertBroken(ErrorCode code, string field, ValidationResult? result)
    {
        var failure = Assert.Single(result?.Errors ?? []);
        Assert.Equal((code.Name, field), (failure.ErrorCode, failure.PropertyName));
        Assert.NotEmpty(failure.ErrorMessage);
        Assert.DoesNotContain("c2", failure.ErrorMessage, StringComparison.Ordinal);
        Assert.DoesNotContain("g2", failure.ErrorMessage, StringComparison.Ordinal);
    }
}
