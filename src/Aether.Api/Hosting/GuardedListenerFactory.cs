using System.Net;
using Microsoft.AspNetCore.Connections;

namespace Aether.Api.Hosting;

/// <summary>Guards every listener of the host's server, whatever transport it has.</summary>
internal sealed class GuardedListenerFactory(
    IConnectionListenerFactory inner, TimeProvider time, ListenerPauses pauses)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    public bool CanBind(EndPoint endpoint) =>
        inner is not IConnectionListenerFactorySelector selector || selector.CanBind(endpoint);

    public async ValueTask<IConnectionListener> BindAsync(
        EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var listener = await inner.BindAsync(endpoint, cancellationToken).ConfigureAwait(false);
        return OpenFiles.Limit == OpenFiles.Unlimited ? listener : new GuardedListener(listener, time, pauses);
    }
}
