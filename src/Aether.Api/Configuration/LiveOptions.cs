using Aether.Application;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace Aether.Api.Configuration;

/// <summary>
/// The options as the configuration has them now: keys and origins follow it without a restart. A configuration that
/// becomes wrong while the instance runs is refused as a whole and the one before stays; the framework's monitor would
/// throw in whoever noticed the change. So is one that takes away altogether what keeps strangers out: a file that is
/// gone for a moment opens nothing.
/// </summary>
internal sealed class LiveOptions : IDisposable
{
    /// <summary>How often the files are looked at, whatever is told of them.</summary>
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(20);

    private readonly IOptionsFactory<RealtimeOptions> factory;
    private readonly ConfigurationFiles files;
    private readonly ILogger<LiveOptions> logger;
    private readonly IDisposable[] subscriptions;
    private readonly ITimer timer;
    private readonly Lock gate = new();
    private string fingerprint;
    private volatile RealtimeOptions current;

    public LiveOptions(
        IOptions<RealtimeOptions> first,
        IOptionsFactory<RealtimeOptions> factory,
        IEnumerable<IOptionsChangeTokenSource<RealtimeOptions>> sources,
        ConfigurationFiles files,
        TimeProvider time,
        ILogger<LiveOptions> logger)
    {
        (this.factory, this.files, this.logger) = (factory, files, logger);
        current = first.Value;
        fingerprint = files.Fingerprint();
        files.Watch();
        subscriptions = [.. sources.Select(source => ChangeToken.OnChange(source.GetChangeToken, Reload))];
        timer = time.CreateTimer(_ => Look(), null, LookInterval, LookInterval);
    }

    /// <summary>Raised after a change.</summary>
    public event Action? Changed;

    /// <summary>The newest options that were valid.</summary>
    public RealtimeOptions Current => current;

    public void Dispose()
    {
        timer.Dispose();
        foreach (var subscription in subscriptions)
            subscription.Dispose();
    }

    private void Look()
    {
        lock (gate)
        {
            files.Look();
            // Not every provider tells that it has read something else.
            if (files.Fingerprint() != fingerprint)
                Reload();
        }
    }

    private void Reload()
    {
        lock (gate)
        {
            fingerprint = files.Fingerprint();
            RealtimeOptions next;
            try
            {
                next = factory.Create(Options.DefaultName);
            }
            catch (OptionsValidationException invalid)
            {
                logger.ReloadRefused(string.Join("; ", invalid.Failures));
                return;
            }
            catch (InvalidOperationException)
            {
                // Of a host that configures more on top. Its text may repeat a value, and a value may be a key.
                logger.ReloadRefused("an option is not known, or its value cannot be read");
                return;
            }
            if (TakenAway(next) is { } option)
            {
                logger.ReloadRefused(
                    RealtimeOptions.Section + ":" + option + " is gone altogether, which only a restart may do");
                return;
            }
            current = next;
        }
        Changed?.Invoke();
    }

    private string? TakenAway(RealtimeOptions next) =>
        current.ApiKeys.Count > 0 && next.ApiKeys.Count == 0 ? nameof(next.ApiKeys)
        : current.AllowedOrigins is not null && next.AllowedOrigins is null ? nameof(next.AllowedOrigins)
        : current.AnonymousPermissions is not null && next.AnonymousPermissions is null
            ? nameof(next.AnonymousPermissions)
        : null;
}
