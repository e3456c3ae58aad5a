using Aether.Application.Leases;
using Aether.Application.Pipeline;
using Aether.Domain;
using MediatR;

namespace Aether.Application.Messaging;

/// <summary>Sends a message back to the connection it came from. It never leaves the instance.</summary>
/// <param name="Sender">On whose behalf.</param>
/// <param name="Message">The message.</param>
internal sealed record Echo(Sender Sender, Message Message) : ISendCommand;

/// <summary>Answers with the message itself.</summary>
internal sealed class EchoHandler(LeaseGuard? guard = null) : IRequestHandler<Echo, Outcome>
{
    /// <inheritdoc/>
    public Task<Outcome> Handle(Echo request, CancellationToken cancellationToken) => request.Message.Lease is null
        ? Task.FromResult(Outcome.Answered(request.Message))
        : EchoUnderLeaseAsync(request.Message, cancellationToken);

    private async Task<Outcome> EchoUnderLeaseAsync(Message message, CancellationToken cancellationToken)
    {
        var refused = await (guard ?? LeaseGuard.Closed).CheckAsync(message, cancellationToken).ConfigureAwait(false);
        return refused is null ? Outcome.Answered(message) : Outcome.Rejected(refused);
    }
}
