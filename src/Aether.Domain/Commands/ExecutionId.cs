using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Aether.Domain.Commands;

/// <summary>
/// The id of the message in which a member gets a command, and to which it replies: the command's id and which of its
/// executions, so that nothing has to be looked up.
/// </summary>
/// <param name="CommandId">The command.</param>
/// <param name="Index">Which of its executions, from 0.</param>
public readonly record struct ExecutionId(string CommandId, int Index)
{
    /// <summary>The longest id of a command.</summary>
    public const int MaxCommandLength = 40;

    /// <summary>Whether a text can be the id of a command.</summary>
    public static bool IsCommandId([NotNullWhen(true)] string? text) =>
        text is { Length: > 0 and <= MaxCommandLength } && text.All(char.IsAsciiLetterOrDigit);

    /// <summary>Reads an id from text.</summary>
    public static bool TryParse(string? text, out ExecutionId id)
    {
        id = default;
        int dot = text?.IndexOf('.', StringComparison.Ordinal) ?? -1;
        if (dot < 0 || !IsCommandId(text![..dot]))
            return false;
        var number = text.AsSpan(dot + 1);
        // One spelling for each number.
        if (!Digits.TryParse(number, out int index)
            || index >= CommandPlan.MaxTargets || (number.Length > 1 && number[0] == '0'))
            return false;
        id = new ExecutionId(text[..dot], index);
        return true;
    }

    /// <summary>The id as it is spelled.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{CommandId}.{Index}");
}
