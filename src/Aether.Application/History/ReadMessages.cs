using Aether.Application.Pipeline;
using Aether.Application.Ports;
using Aether.Domain;
using FluentValidation;
using MediatR;

namespace Aether.Application.History;

/// <summary>A client, the host or an operator reads what was kept on a channel.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="After">The position before the first message; empty: the oldest there is.</param>
/// <param name="Limit">How many messages at most.</param>
internal sealed record ReadMessages(ChannelName Channel, Position After, int Limit = ReadMessages.DefaultLimit)
    : IRequest<Answer<HistoryPage>>
{
    /// <summary>How many messages are read where nobody says how many.</summary>
    public const int DefaultLimit = 100;
}

/// <summary>The page must be one that can be had.</summary>
internal sealed class ReadMessagesValidator : AbstractValidator<ReadMessages>
{
    /// <summary>Adds the rule.</summary>
    public ReadMessagesValidator() => this.HasLimit(query => query.Limit);
}

/// <summary>Reads the stream of the channel.</summary>
internal sealed class ReadMessagesHandler(KeptMessages kept) : IRequestHandler<ReadMessages, Answer<HistoryPage>>
{
    /// <inheritdoc/>
    public async Task<Answer<HistoryPage>> Handle(ReadMessages request, CancellationToken cancellationToken)
    {
        var page = await kept.ReadAsync(request.Channel, request.After, request.Limit, cancellationToken)
            .ConfigureAwait(false);
        return page.Status == HistoryStatus.Unavailable ? Rejection.HistoryUnavailable : page;
    }
}
