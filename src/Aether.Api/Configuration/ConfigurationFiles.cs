using System.Security.Cryptography;
using System.Text;
using Aether.Application;
using Microsoft.Extensions.Configuration.KeyPerFile;

namespace Aether.Api.Configuration;

/// <summary>
/// The files behind the configuration. Their provider watches the directory that a file lies in, and hears nothing when
/// the file is a link into another directory that is swapped, as Kubernetes mounts secrets; nor on file systems that
/// tell of no change. So the files are also looked at. And what cannot be read in one that changed is logged, where the
/// provider would throw where nobody catches.
/// </summary>
internal sealed class ConfigurationFiles(IConfiguration configuration, ILogger<ConfigurationFiles> logger)
{
    private readonly Dictionary<FileConfigurationProvider, string> seen = [];

    /// <summary>Begins to log what cannot be read. A host's own handler stays.</summary>
    public void Watch()
    {
        foreach (var provider in Providers(configuration).OfType<FileConfigurationProvider>())
        {
            provider.Source.OnLoadException ??= context =>
            {
                context.Ignore = true;
                logger.SettingsUnreadable(context.Provider.Source.Path ?? "", FaultCause.Of(context.Exception));
            };
        }
    }

    /// <summary>Reads again what has changed. Who listens to the configuration is told by it.</summary>
    public void Look()
    {
        foreach (var provider in Providers(configuration))
        {
            try
            {
                // What the host wants to be read once is read once.
                if (provider is FileConfigurationProvider { Source.ReloadOnChange: true } file && HasChanged(file))
                    file.Load();
                else if (provider is KeyPerFileConfigurationProvider files)
                    files.Load();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
            {
                logger.SettingsUnreadable(provider.ToString() ?? "", FaultCause.Of(e));
            }
        }
    }

    /// <summary>Tells one state of the section from another, without holding what stands in it.</summary>
    public string Fingerprint()
    {
        var text = new StringBuilder();
        foreach (var (key, value) in configuration.GetSection(RealtimeOptions.Section).AsEnumerable()
            .OrderBy(entry => entry.Key, StringComparer.OrdinalIgnoreCase))
            text.Append(key).Append('\0').Append(value ?? "\0").Append('\0');
        return Hash(Encoding.UTF8.GetBytes(text.ToString()));
    }

    // At the first look nothing is known of what the provider read, so it reads once more.
    private bool HasChanged(FileConfigurationProvider provider)
    {
        var source = provider.Source;
        string now = source.Path is not null && source.FileProvider?.GetFileInfo(source.Path) is { Exists: true } file
            ? Hash(file.CreateReadStream())
            : "";
        bool changed = !seen.TryGetValue(provider, out string? before) || before != now;
        seen[provider] = now;
        // A file that is away may be on its way back. The provider's own watcher tells it where it stays away.
        return changed && now.Length > 0;
    }

    private static string Hash(Stream content)
    {
        using (content)
            return Convert.ToHexString(SHA256.HashData(content));
    }

    private static string Hash(byte[] content) => Convert.ToHexString(SHA256.HashData(content));

    /// <summary>All providers of a configuration, those that are behind others included.</summary>
    internal static IEnumerable<IConfigurationProvider> Providers(IConfiguration configuration) =>
        configuration is not IConfigurationRoot root ? [] : root.Providers.SelectMany(
            provider => provider is ChainedConfigurationProvider chained ? Providers(chained.Configuration) : [provider]);
}
