namespace Aether.Application;

/// <summary>What a query found, or why it could not look.</summary>
/// <typeparam name="T">What was asked for.</typeparam>
public sealed class Answer<T> : IRejectable<Answer<T>>
{
    private readonly T? value;

    private Answer(T? value, Rejection? rejection)
    {
        this.value = value;
        Rejection = rejection;
    }

    /// <summary>Why there is no answer; <see langword="null"/> if there is one.</summary>
    public Rejection? Rejection { get; }

    /// <summary>The answer.</summary>
    /// <exception cref="InvalidOperationException">There is none: see <see cref="Rejection"/>.</exception>
    public T Value => Rejection is null ? value! : throw new InvalidOperationException(Rejection.Text);

    /// <summary>This was found.</summary>
    public static implicit operator Answer<T>(T value) => new(value, null);

    /// <summary>It could not be answered.</summary>
    public static implicit operator Answer<T>(Rejection rejection) => new(default, rejection);

    static Answer<T> IRejectable<Answer<T>>.Rejected(Rejection rejection) => rejection;
}
