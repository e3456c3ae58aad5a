using Xunit;

namespace Aether.Tests.E2E;

/// <summary>Tests that need the machine for themselves, or that watch the clock. They run after all others.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
