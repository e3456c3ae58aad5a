using Aether.Domain;
using MediatR;

namespace Aether.Application.Messaging;

/// <summary>Sends a message back to the connection it came from. It never leaves the instance.</summary>
/// <param name="Sender">On whose behalf.</param>
/// <param name="Message">The message.</param>
internal sealed record Echo(Sender Sender, Message Message) : ISendCommand;

/// <summary>Answers with the message itself.</summary>
internal sealed class EchoHandler : IRequestHandler<Echo, Outcome>
{
    /// <inheritdoc/>
    public Task<Outcome> Handle(Echo request, CancellationToken cancellationToken) =>
        Task.FromResult(Outcome.Answered(request.Message));
}
