namespace Aether.Domain;

/// <summary>What a message that a member gets says of the command it is part of.</summary>
/// <param name="CommandId">The command.</param>
/// <param name="Attempt">For how often the member is asked, from 1.</param>
/// <param name="Deadline">When the command ends, whatever happens (UTC).</param>
public sealed record ExecutionAttempt(string CommandId, int Attempt, DateTime Deadline);
