using Aether.Application.Ports;
using MediatR;

namespace Aether.Application.Presence;

/// <summary>An operator asks which instances run.</summary>
internal sealed record ReadInstances : IRequest<Answer<IReadOnlyList<InstanceFacts>>>;

/// <summary>
/// Reads what they tell of themselves; the oldest comes first. All who ask at a time share a read.
/// </summary>
internal sealed class ReadInstancesHandler(IPresenceDirectory directory, TimeProvider time)
    : IRequestHandler<ReadInstances, Answer<IReadOnlyList<InstanceFacts>>>
{
    private readonly SharedRead<InstanceFacts[]?> all = new(
        async () => await directory.GetInstancesAsync(CancellationToken.None).ConfigureAwait(false) is { } instances
            ? [.. instances.OrderBy(static one => one.StartedAt).ThenBy(static one => one.InstanceId, StringComparer.Ordinal)]
            : null,
        time);

    /// <inheritdoc/>
    public async Task<Answer<IReadOnlyList<InstanceFacts>>> Handle(
        ReadInstances request, CancellationToken cancellationToken) =>
        await all.GetAsync(cancellationToken).ConfigureAwait(false) is { } instances
            ? instances
            : Rejection.PresenceUnavailable;
}
