namespace Aether.Application.Wire;

/// <summary>What is wrong with a message. Neither part ever holds anything that the sender wrote.</summary>
/// <param name="Field">The field, or <c>message</c> for the whole.</param>
/// <param name="Rule">What the field must be.</param>
/// <param name="Id">The <c>id</c> of the message, when it could still be read.</param>
internal readonly record struct MessageError(string Field, string Rule, string? Id = null)
{
    /// <summary>Field and rule in one line.</summary>
    public override string ToString() => Field + ": " + Rule;
}
