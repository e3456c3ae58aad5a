using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Aether.Application;
using Microsoft.Extensions.Configuration.KeyPerFile;
using Microsoft.Extensions.FileProviders;

namespace Aether.Api.Configuration;

/// <summary>
/// The files behind the configuration. Their provider watches the directory that a file lies in, and hears nothing when
/// the file is a link into another directory that is swapped, as Kubernetes mounts secrets; nor on file systems that
/// tell of no change. So the files are also looked at. And what cannot be read in one that changed is logged, where the
/// provider would throw where nobody catches.
/// </summary>
internal sealed class ConfigurationFiles(IConfiguration configuration, ILogger<ConfigurationFiles> logger)
{
    private static readonly PropertyInfo? SourceOfDirectory = typeof(KeyPerFileConfigurationProvider).GetProperty(
        "Source", BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic);

    private readonly Dictionary<IConfigurationProvider, string> seen = [];

    /// <summary>Begins to log what cannot be read, and to see what changes. A host's own handler stays.</summary>
    public void Watch()
    {
        foreach (var provider in Providers(configuration))
        {
            if (provider is FileConfigurationProvider file)
            {
                file.Source.OnLoadException ??= context =>
                {
                    context.Ignore = true;
                    logger.SettingsUnreadable(context.Provider.Source.Path ?? "", FaultCause.Of(context.Exception));
                };
            }
            if (!IsReadAgain(provider))
                continue;
            try
            {
                // It may have changed since its provider read it. Quietly: mostly it is the same.
                if (provider is FileConfigurationProvider { Source: var source } read && Read(source) is { } content)
                    read.Load(new MemoryStream(content));
                if (HashOf(provider) is { } hash)
                    seen[provider] = hash;
            }
            catch (Exception)
            {
                // The first look reads it, and tells why it cannot be read.
            }
        }
    }

    /// <summary>Reads again what has changed. Who listens to the configuration is told by it.</summary>
    public void Look()
    {
        foreach (var provider in Providers(configuration).Where(IsReadAgain))
        {
            try
            {
                if (HasChanged(provider))
                    provider.Load();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
            {
                logger.SettingsUnreadable(provider.ToString() ?? "", FaultCause.Of(e));
            }
            catch (Exception fault)
            {
                // Of a host that listens to the configuration, too. The other files are looked at all the same.
                logger.SettingsLookFailed(fault.GetType().Name);
            }
        }
    }

    /// <summary>The files and directories that something of the section comes from now.</summary>
    /// <param name="before">Those of before, which may be away by now and still be remembered by their providers.</param>
    public IReadOnlySet<IConfigurationProvider> Sources(IReadOnlySet<IConfigurationProvider> before) =>
        // What a host sets in code, every provider holds, also one whose file never was.
        Providers(configuration).Where(one => Holds(one) && (before.Contains(one) || Exists(one))).ToHashSet();

    /// <summary>
    /// The first of these that gives nothing any more since it is missing or cannot be read: its provider takes such a
    /// file for an empty one. Whatever can be read again is.
    /// </summary>
    public string? FindLost(IReadOnlySet<IConfigurationProvider> sources) => Providers(configuration)
        .FirstOrDefault(provider => sources.Contains(provider) && !Holds(provider) && !TryReadAgain(provider))?.ToString();

    /// <summary>Tells one state of the section from another, without holding what stands in it.</summary>
    public string Fingerprint()
    {
        var text = new StringBuilder();
        foreach (var (key, value) in configuration.GetSection(RealtimeOptions.Section).AsEnumerable()
            .OrderBy(entry => entry.Key, StringComparer.OrdinalIgnoreCase))
            text.Append(key).Append('\0').Append(value ?? "\0").Append('\0');
        return Hash(Encoding.UTF8.GetBytes(text.ToString()));
    }

    // What the host wants to be read once is read once.
    private static bool IsReadAgain(IConfigurationProvider provider) =>
        provider is FileConfigurationProvider { Source.ReloadOnChange: true } or KeyPerFileConfigurationProvider;

    private static bool Holds(IConfigurationProvider provider) =>
        provider.GetChildKeys([], RealtimeOptions.Section).Any();

    private static bool Exists(IConfigurationProvider provider) => provider switch
    {
        FileConfigurationProvider { Source: { Path: { } path } source } =>
            source.FileProvider?.GetFileInfo(path).Exists == true,
        KeyPerFileConfigurationProvider => ContentOf(provider) is { Exists: true },
        _ => false,
    };

    private bool TryReadAgain(IConfigurationProvider provider)
    {
        try
        {
            // So that a look does not pass over it when it is again as it was before.
            seen[provider] = HashOf(provider) ?? "";
            if (provider is not FileConfigurationProvider file)
                return ContentOf(provider) is { Exists: true };
            if (Read(file.Source) is not { } content)
                return false;
            file.Load(new MemoryStream(content));
            return true;
        }
        catch (Exception)
        {
            // Whatever its format's parser throws.
            return false;
        }
    }

    private bool HasChanged(IConfigurationProvider provider)
    {
        // A directory that cannot be found can only be read.
        if (HashOf(provider) is not { } now)
            return true;
        bool changed = !seen.TryGetValue(provider, out string? before) || before != now;
        seen[provider] = now;
        // What is away may be on its way back. The provider's own watcher tells it where it stays away.
        return changed && now.Length > 0;
    }

    /// <returns>Empty: it is away. <see langword="null"/>: nobody knows where it is.</returns>
    private static string? HashOf(IConfigurationProvider provider)
    {
        if (provider is FileConfigurationProvider file)
            return Read(file.Source) is { } content ? Hash(content) : "";
        if (ContentOf(provider) is not { } directory)
            return null;
        if (!directory.Exists)
            return "";
        using var all = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var one in directory.Where(one => !one.IsDirectory).OrderBy(one => one.Name, StringComparer.Ordinal))
        {
            all.AppendData(Encoding.UTF8.GetBytes(Hash(Encoding.UTF8.GetBytes(one.Name))));
            all.AppendData(Encoding.UTF8.GetBytes(Hash(Read(one))));
        }
        return Convert.ToHexString(all.GetHashAndReset());
    }

    // Its provider keeps to itself where it reads.
    private static IDirectoryContents? ContentOf(IConfigurationProvider provider) =>
        SourceOfDirectory?.GetValue(provider) is KeyPerFileConfigurationSource { FileProvider: { } files }
            ? files.GetDirectoryContents("/")
            : null;

    private static byte[]? Read(FileConfigurationSource source) =>
        source.Path is not null && source.FileProvider?.GetFileInfo(source.Path) is { Exists: true } file
            ? Read(file)
            : null;

    private static byte[] Read(IFileInfo file)
    {
        using var content = file.CreateReadStream();
        using var read = new MemoryStream();
        content.CopyTo(read);
        return read.ToArray();
    }

    private static string Hash(byte[] content) => Convert.ToHexString(SHA256.HashData(content));

    /// <summary>All providers of a configuration, those that are behind others included.</summary>
    internal static IEnumerable<IConfigurationProvider> Providers(IConfiguration configuration) =>
        configuration is not IConfigurationRoot root ? [] : root.Providers.SelectMany(
            provider => provider is ChainedConfigurationProvider chained ? Providers(chained.Configuration) : [provider]);
}
