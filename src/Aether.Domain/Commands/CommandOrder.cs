namespace Aether.Domain.Commands;

/// <summary>What was ordered. It stays as it was given, whatever becomes of the command.</summary>
public sealed record CommandOrder
{
    /// <summary>The command's own id: 1 to 40 letters and digits.</summary>
    public required string Id { get; init; }

    /// <summary>In which group.</summary>
    public required VisionId GroupId { get; init; }

    /// <summary>Who gave it.</summary>
    public required VisionId FromId { get; init; }

    /// <summary>The giver's own name for it: the same one again is the same command.</summary>
    public string? RequestId { get; init; }

    /// <summary>What has to be done, at most 256 characters.</summary>
    public required string Cmd { get; init; }

    /// <summary>Text for people.</summary>
    public string? Msg { get; init; }

    /// <summary>A JSON object in UTF-8.</summary>
    public required ReadOnlyMemory<byte> Payload { get; init; }

    /// <summary>The lease that the giver has to hold.</summary>
    public LeaseClaim? Lease { get; init; }

    /// <summary>How it is carried out.</summary>
    public CommandPlan Plan { get; init; } = new();
}
