using Aether.Application;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace Aether.Api.Configuration;

/// <summary>
/// The options as the configuration has them now: keys and origins follow it without a restart. A configuration that
/// becomes wrong while the instance runs is refused as a whole and the one before stays; the framework's monitor would
/// throw in whoever noticed the change. So is one that takes away altogether what keeps strangers out, and any while a
/// file is missing or broken that the options in force were read from: a file that is gone for a moment opens nothing,
/// and closes nobody.
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
    private IReadOnlySet<IConfigurationProvider> readFrom;
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
        readFrom = files.Sources(new HashSet<IConfigurationProvider>());
        files.Watch();
        subscriptions = [.. sources.Select(source => ChangeToken.OnChange(source.GetChangeToken, Reload))];
        timer = time.CreateTimer(_ => Look(), null, LookInterval, LookInterval);
    }

    /// <summary>Raised after a change, and not for two at the same time: the last one told of is the newest.</summary>
    public event Action? Changed;

    /// <summary>The newest options that were valid.</summary>
    public RealtimeOptions Current => current;

    /// <summary>Whether these options ask for a credential.</summary>
    public static bool AsksForCredentials(RealtimeOptions options) =>
        options.ApiKeys.Count > 0 || options.Tokens.Keys.Count > 0 || options.Tokens.Jwks.Length > 0;

    public void Dispose()
    {
        timer.Dispose();
        foreach (var subscription in subscriptions)
            subscription.Dispose();
    }

    // Of a timer, where an exception would end the process. What is read there, and who is told, is also the host's.
    private void Look()
    {
        try
        {
            lock (gate)
            {
                files.Look();
                // Not every provider tells that it has read something else.
                if (files.Fingerprint() != fingerprint)
                    Reload();
            }
        }
        catch (Exception fault)
        {
            logger.SettingsLookFailed(fault.GetType().Name);
        }
    }

    private void Reload()
    {
        lock (gate)
        {
            RealtimeOptions? next;
            try
            {
                next = Read();
            }
            catch (OptionsValidationException invalid)
            {
                logger.ReloadRefused(string.Join("; ", invalid.Failures));
                return;
            }
            catch (Exception fault)
            {
                // Of a host that configures more on top. Its text may repeat a value, and a value may be a key.
                logger.ReloadRefused($"the options cannot be made of it ({fault.GetType().Name})");
                return;
            }
            if (next is null)
                return;
            current = next;
            Changed?.Invoke();
        }
    }

    /// <summary>Makes the options of the configuration; <see langword="null"/>: those before stay.</summary>
    private RealtimeOptions? Read()
    {
        fingerprint = files.Fingerprint();
        var sources = files.Sources(readFrom);
        // What is left without the file would pass for a configuration, and grant other things.
        if (files.FindLost(readFrom) is { } lost)
        {
            logger.ReloadRefused(lost + " is missing or cannot be read");
            return null;
        }
        var next = factory.Create(Options.DefaultName);
        if (TakenAway(next) is { } option)
        {
            logger.ReloadRefused(
                RealtimeOptions.Section + ":" + option + " is gone altogether, which only a restart may do");
            return null;
        }
        // A file was read meanwhile, and these may be half of the one and half of the other. Who read it calls again, and
        // so does the next look.
        if (files.Fingerprint() != fingerprint)
        {
            fingerprint = "";
            return null;
        }
        readFrom = sources;
        return next;
    }

    private string? TakenAway(RealtimeOptions next) =>
        // Either may go while the other keeps strangers out.
        AsksForCredentials(current) && !AsksForCredentials(next)
            ? current.ApiKeys.Count > 0 ? nameof(next.ApiKeys) : nameof(next.Tokens)
        : current.AllowedOrigins is not null && next.AllowedOrigins is null ? nameof(next.AllowedOrigins)
        : current.AnonymousPermissions is not null && next.AnonymousPermissions is null
            ? nameof(next.AnonymousPermissions)
        : KeyWithoutItsGroups(next);

    // "Everywhere" is what is left when the limit is lost; whoever means it can write *.
    private string? KeyWithoutItsGroups(RealtimeOptions next)
    {
        for (int i = 0; i < next.ApiKeys.Count; i++)
        {
            var key = next.ApiKeys[i];
            if (key.Groups is null && current.ApiKeys.Any(
                before => ApiKeyHash.Of(before) == ApiKeyHash.Of(key) && before.Groups is not null && !before.Groups.Contains("*")))
                return $"{nameof(next.ApiKeys)}:{i}:{nameof(key.Groups)}";
        }
        return null;
    }
}
