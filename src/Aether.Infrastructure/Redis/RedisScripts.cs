namespace Aether.Infrastructure.Redis;

/// <summary>The scripts that Redis runs. Each is a file of its own in the assembly, under its file's name.</summary>
internal static class RedisScripts
{
    /// <summary>The text of a script.</summary>
    public static string Load(string name)
    {
        using var stream = typeof(RedisScripts).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException("The script " + name + " is not in the assembly.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
