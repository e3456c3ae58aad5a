using Aether.Application.Pipeline;
using Aether.Domain;
using MediatR;

namespace Aether.Application.Requests;

/// <summary>A client asked the server for something that it cannot answer.</summary>
/// <param name="Sender">On whose behalf.</param>
/// <param name="Message">The question.</param>
/// <param name="Rejection">Why it cannot be answered.</param>
internal sealed record RefuseRequest(Sender Sender, Message Message, Rejection Rejection) : IMessageCommand;

/// <summary>Says why.</summary>
internal sealed class RefuseRequestHandler : IRequestHandler<RefuseRequest, Outcome>
{
    /// <inheritdoc/>
    public Task<Outcome> Handle(RefuseRequest request, CancellationToken cancellationToken) =>
        Task.FromResult(Outcome.Rejected(request.Rejection));
}
