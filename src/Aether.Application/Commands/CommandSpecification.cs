using Aether.Domain;
using Aether.Domain.Commands;

namespace Aether.Application.Commands;

/// <summary>What is to be done, and by whom: what a giver says of a command, read and within its rules.</summary>
internal sealed record CommandSpecification
{
    /// <summary>How many clients a command can name.</summary>
    public const int MaxNamed = 1_000;

    /// <summary>What the members get.</summary>
    public required string Cmd { get; init; }

    /// <summary>Text for people.</summary>
    public string? Msg { get; init; }

    /// <summary>A JSON object in UTF-8.</summary>
    public required ReadOnlyMemory<byte> Payload { get; init; }

    /// <summary>Whom it is for, each once; <see langword="null"/>: whoever is present.</summary>
    public IReadOnlyList<VisionId>? To { get; init; }

    /// <summary>How it is carried out, and for members of which role.</summary>
    public CommandPlan Plan { get; init; } = new();

    /// <summary>The lease that the giver has to hold.</summary>
    public LeaseClaim? Lease { get; init; }
}
