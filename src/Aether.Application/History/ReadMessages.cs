using Aether.Application.Ports;
using Aether.Domain;
using FluentValidation;
using MediatR;

namespace Aether.Application.History;

/// <summary>The host or an operator reads what was kept of a group's messages.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="After">The position before the first message; empty: the oldest there is.</param>
/// <param name="Limit">How many messages at most.</param>
internal sealed record ReadMessages(VisionId GroupId, Position After, int Limit = ReadMessages.DefaultLimit)
    : IRequest<Answer<HistoryPage>>
{
    /// <summary>How many messages are read where nobody says how many.</summary>
    public const int DefaultLimit = 100;

    /// <summary>The most messages that are read at once.</summary>
    public const int MaxLimit = 500;
}

/// <summary>The group must be known, and the page one that can be had.</summary>
internal sealed class ReadMessagesValidator : AbstractValidator<ReadMessages>
{
    /// <summary>What <c>limit</c> has to be.</summary>
    public const string LimitRule = "must be a whole number from 1 to 500";

    /// <summary>Adds the rules.</summary>
    public ReadMessagesValidator()
    {
        RuleFor(query => query.GroupId).Must(id => !id.IsEmpty)
            .WithErrorCode(ErrorCode.InvalidMessage.Name).OverridePropertyName("group_id").WithMessage("is required");
        RuleFor(query => query.Limit).InclusiveBetween(1, ReadMessages.MaxLimit)
            .WithErrorCode(ErrorCode.InvalidMessage.Name).OverridePropertyName("limit").WithMessage(LimitRule);
    }
}

/// <summary>Reads the stream of the group.</summary>
internal sealed class ReadMessagesHandler(KeptMessages kept) : IRequestHandler<ReadMessages, Answer<HistoryPage>>
{
    /// <inheritdoc/>
    public async Task<Answer<HistoryPage>> Handle(ReadMessages request, CancellationToken cancellationToken)
    {
        var channel = ChannelName.Group(request.GroupId);
        var page = await kept.ReadAsync(channel, request.After, request.Limit, cancellationToken).ConfigureAwait(false);
        return page.Status == HistoryStatus.Unavailable ? Rejection.HistoryUnavailable : page;
    }
}
