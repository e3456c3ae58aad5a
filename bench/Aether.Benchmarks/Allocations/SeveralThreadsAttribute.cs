namespace Aether.Benchmarks.Allocations;

/// <summary>
/// Says that the benchmarks of a class do part of their work on other threads, so that what the whole process allocates
/// counts.
/// </summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class SeveralThreadsAttribute : Attribute;
