using Aether.Application;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace Aether.Api.Hosting;

/// <summary>
/// The options as the configuration has them now: keys and origins follow it without a restart. A configuration that
/// becomes wrong while the instance runs is refused as a whole and the one before stays; the framework's monitor would
/// throw in whoever noticed the change.
/// </summary>
internal sealed class LiveOptions : IDisposable
{
    private readonly IOptionsFactory<RealtimeOptions> factory;
    private readonly ILogger<LiveOptions> logger;
    private readonly IDisposable[] subscriptions;
    private volatile RealtimeOptions current;

    public LiveOptions(
        IOptions<RealtimeOptions> first,
        IOptionsFactory<RealtimeOptions> factory,
        IEnumerable<IOptionsChangeTokenSource<RealtimeOptions>> sources,
        ILogger<LiveOptions> logger)
    {
        (this.factory, this.logger) = (factory, logger);
        current = first.Value;
        subscriptions = [.. sources.Select(source => ChangeToken.OnChange(source.GetChangeToken, Reload))];
    }

    /// <summary>Raised after a change.</summary>
    public event Action? Changed;

    /// <summary>The newest options that were valid.</summary>
    public RealtimeOptions Current => current;

    public void Dispose()
    {
        foreach (var subscription in subscriptions)
            subscription.Dispose();
    }

    private void Reload()
    {
        try
        {
            current = factory.Create(Options.DefaultName);
        }
        catch (OptionsValidationException invalid)
        {
            logger.ReloadRefused(string.Join("; ", invalid.Failures));
            return;
        }
        catch (InvalidOperationException)
        {
            // Of a host that configures more on top. The binder's text may repeat a value, and a value may be a key.
            logger.ReloadRefused("an option is not known, or its value cannot be read");
            return;
        }
        Changed?.Invoke();
    }
}
