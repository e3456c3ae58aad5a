using Aether.Application;

namespace Aether.Api.Configuration;

/// <summary>
/// Finds sections that were meant for the real-time layer and are not read, since a name in front of them is misspelled.
/// Without them a server would run open, in memory and alone, and nobody would know why. What a host has for itself is
/// left alone: only names that nearly are ours are refused.
/// </summary>
internal static class MisspelledSections
{
    private const string ConnectionStrings = "ConnectionStrings";
    private const string Redis = "Redis";

    private static readonly string[] Ours = RealtimeOptions.Section.Split(':');

    // Whole paths: what an orchestrator says of a service named aether-realtime-redis (AETHER_REALTIME_REDIS_PORT) is none.
    private static readonly HashSet<string> Options = [.. Paths(typeof(RealtimeOptions), "")];

    /// <summary>One sentence for each.</summary>
    public static IEnumerable<string> Find(IConfiguration configuration)
    {
        foreach (var section in configuration.GetChildren())
        {
            if (Is(section.Key, Ours[0]))
            {
                foreach (var child in section.GetChildren().Where(child => IsNearlyRealtime(child.Key)))
                    yield return Sentence(child.Path, RealtimeOptions.Section);
            }
            else if (IsBeginning(section.Key, string.Concat(Ours))
                || (IsNearly(section.Key, Ours[0])
                    && section.GetChildren().Any(child => Is(child.Key, Ours[1]) || IsNearlyRealtime(child.Key))))
            {
                // Aether_Realtime__ApiKeys__0__Key, AetherRealtime:…, Aethr:Realtime:…
                yield return Sentence(section.Path, RealtimeOptions.Section);
            }
        }
        foreach (string path in FindConnectionStrings(configuration))
            yield return Sentence(path, ConnectionStrings + ":" + Redis);
    }

    private static IEnumerable<string> FindConnectionStrings(IConfiguration configuration)
    {
        // With the right one there, another that looks like it is the host's own.
        if (!string.IsNullOrEmpty(configuration.GetConnectionString(Redis)))
            yield break;
        foreach (var section in configuration.GetChildren())
        {
            if (Is(section.Key, ConnectionStrings))
            {
                foreach (var child in section.GetChildren().Where(child => IsNearly(child.Key, Redis, most: 1)))
                    yield return child.Path;
            }
            else if (Letters(section.Key) == Letters(ConnectionStrings + Redis))
            {
                yield return section.Path;
            }
            else if (IsNearly(section.Key, ConnectionStrings))
            {
                foreach (var child in section.GetChildren().Where(child => Is(child.Key, Redis)))
                    yield return child.Path;
            }
        }
    }

    private static string Sentence(string path, string meant) => path + " is not read; write " + meant;

    private static bool Is(string name, string meant) => string.Equals(name, meant, StringComparison.OrdinalIgnoreCase);

    private static bool IsNearlyRealtime(string name) =>
        !Is(name, Ours[1]) && (IsNearly(name, Ours[1]) || IsBeginning(name, Ours[1]));

    // RealTime2, Realtime_ApiKeys: what follows is nothing, or was to stand below it.
    private static bool IsBeginning(string name, string meant)
    {
        string letters = Letters(name), beginning = Letters(meant);
        return letters.StartsWith(beginning, StringComparison.Ordinal)
            && (letters.Length == beginning.Length || Options.Contains(letters[beginning.Length..]));
    }

    private static IEnumerable<string> Paths(Type type, string before)
    {
        foreach (var property in type.GetProperties())
        {
            var inner = property.PropertyType.IsGenericType
                ? property.PropertyType.GetGenericArguments()[0]
                : property.PropertyType;
            string path = before + Letters(property.Name);
            yield return path;
            if (inner.Assembly != type.Assembly || !inner.IsClass)
                continue;
            foreach (string one in Paths(inner, path))
                yield return one;
        }
    }

    private static bool IsNearly(string name, string meant, int most = 2)
    {
        string letters = Letters(name), wanted = Letters(meant);
        return !Is(name, meant) && Distance(letters, wanted) <= most
            // Redis2 is another one, and not a slip of the finger.
            && !(name.Length > meant.Length && char.IsAsciiDigit(name[^1]) && letters == wanted);
    }

    private static string Letters(string name) =>
        string.Concat(name.Where(char.IsAsciiLetter).Select(char.ToLowerInvariant));

    /// <summary>How many letters are missing, too many, wrong, or swapped with their neighbour.</summary>
    private static int Distance(string a, string b)
    {
        if (Math.Abs(a.Length - b.Length) > 2)
            return int.MaxValue;
        var d = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
        {
            for (int j = 0; j <= b.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    d[i, j] = i + j;
                    continue;
                }
                int change = a[i - 1] == b[j - 1] ? 0 : 1;
                d[i, j] = Math.Min(Math.Min(d[i - 1, j], d[i, j - 1]) + 1, d[i - 1, j - 1] + change);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
            }
        }
        return d[a.Length, b.Length];
    }
}
