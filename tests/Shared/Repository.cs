namespace Aether.Tests.Shared;

/// <summary>The files of this repository, as they are in the folder that the tests were built in.</summary>
internal static class Repository
{
    /// <summary>The folder that holds everything.</summary>
    public static string Root { get; } = Find();

    /// <summary>The path of a file.</summary>
    /// <param name="path">From the root, with slashes.</param>
    public static string PathOf(string path) => Path.Combine(Root, path);

    /// <summary>The text of a file.</summary>
    public static string Read(string path) => File.ReadAllText(PathOf(path));

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Aether.sln")))
                return folder.FullName;
        }
        throw new InvalidOperationException("these tests were built outside of their repository");
    }
}
