using Aether.Application.Ports;
using MediatR;

namespace Aether.Application.Legacy;

/// <summary>Sends what a V1 or V2 client said to where it goes.</summary>
/// <param name="Message">What it said.</param>
internal sealed record SendLegacy(LegacyMessage Message) : IRequest<Outcome>;

/// <summary>Publishes on the one channel of the legacy endpoint.</summary>
internal sealed class SendLegacyHandler(ILegacyBus bus) : IRequestHandler<SendLegacy, Outcome>
{
    /// <inheritdoc/>
    public async Task<Outcome> Handle(SendLegacy request, CancellationToken cancellationToken) =>
        await bus.PublishAsync(request.Message, cancellationToken).ConfigureAwait(false)
            ? Outcome.Done
            : Outcome.Rejected(BackplaneFault.Refused.ToRejection());
}
