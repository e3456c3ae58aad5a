using System.Reflection;

namespace Aether.Benchmarks.Redis;

/// <summary>Says that the benchmarks of a class start a <c>redis-server</c>, and are skipped where there is none.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class NeedsRedisAttribute : Attribute
{
    public static bool Is(Type type) => type.IsDefined(typeof(NeedsRedisAttribute));
}
