using Microsoft.Extensions.FileProviders;

namespace Aether.Api.Configuration;

/// <summary>
/// Finds directories where settings files should be, as a container's runtime makes them where the file to mount does
/// not exist. Their provider takes them for a file that was left out, and the server would start without its keys.
/// </summary>
internal static class SettingsPaths
{
    /// <summary>One sentence for each.</summary>
    public static IEnumerable<string> FindMistaken(IConfiguration configuration)
    {
        foreach (var provider in ConfigurationFiles.Providers(configuration).OfType<FileConfigurationProvider>())
        {
            if (provider.Source is not { Path: { } name, FileProvider: PhysicalFileProvider files })
                continue;
            string path = Path.Combine(files.Root, name);
            if (Directory.Exists(path))
                yield return path + " is a directory, and no settings can be read from it";
        }
    }
}
