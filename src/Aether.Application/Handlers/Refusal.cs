using Aether.Domain;

namespace Aether.Application.Handlers;

/// <summary>Why the host says no.</summary>
public sealed record Refusal
{
    private const int MaxText = 1_024;

    /// <summary>Says no.</summary>
    /// <param name="text">
    /// The reason as a person reads it, at most 1,024 characters. The client gets it as it is.
    /// </param>
    /// <param name="code">
    /// The reason as a program reads it: one of the protocol's codes, or one of the host's own, of at most 64 of a-z, 0-9
    /// and _, the first a letter.
    /// </param>
    /// <param name="retryable">
    /// Whether the same can succeed later. The protocol's codes say that themselves, whatever is given here.
    /// </param>
    /// <exception cref="ArgumentException">The text is empty or too long, or the code is not of that form.</exception>
    public Refusal(string text, string code = "forbidden", bool retryable = false)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(text);
        if (text.Length > MaxText)
            throw new ArgumentException($"must be at most {MaxText} characters", nameof(text));
        Rejection = new Rejection(ErrorCode.Of(code, retryable), text) { IsForgiven = true };
    }

    /// <summary>The reason as a person reads it.</summary>
    public string Text => Rejection.Text;

    /// <summary>The reason as a program reads it.</summary>
    public string Code => Rejection.Code.Name;

    /// <summary>Whether the same can succeed later.</summary>
    public bool Retryable => Rejection.Code.Retryable;

    internal Rejection Rejection { get; }
}
