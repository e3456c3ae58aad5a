using System.ComponentModel;
using System.Globalization;

namespace Aether.Application;

/// <summary>
/// A span of time in the configuration: seconds as a number (<c>30</c>, <c>0.5</c>), milliseconds (<c>1ms</c>) or
/// <c>[d.]hh:mm:ss</c>. A plain <see cref="TimeSpan"/> would read <c>30</c> as thirty days.
/// </summary>
/// <param name="Value">The span.</param>
[TypeConverter(typeof(DurationConverter))]
public readonly record struct Duration(TimeSpan Value)
{
    /// <summary>A span of so many seconds.</summary>
    public static Duration FromSeconds(double seconds) => new(TimeSpan.FromSeconds(seconds));

    /// <summary>The span as the framework's type.</summary>
    public static implicit operator TimeSpan(Duration duration) => duration.Value;

    /// <summary>The span as the framework's type.</summary>
    public TimeSpan ToTimeSpan() => Value;

    /// <summary>The span as the configuration has it.</summary>
    public override string ToString() => Value.ToString("c", CultureInfo.InvariantCulture);
}

internal sealed class DurationConverter : TypeConverter
{
    public override bool CanConvertFrom(ITypeDescriptorContext? context, Type sourceType) =>
        sourceType == typeof(string);

    public override object ConvertFrom(ITypeDescriptorContext? context, CultureInfo? culture, object value)
    {
        // The runtime lets zero characters follow a number.
        if (value is string text && !text.Contains('\0', StringComparison.Ordinal))
        {
            bool isMs = text.EndsWith("ms", StringComparison.Ordinal);
            if (double.TryParse(
                    isMs ? text.AsSpan(..^2) : text,
                    NumberStyles.AllowDecimalPoint,
                    CultureInfo.InvariantCulture,
                    out double number)
                && number < int.MaxValue)
                return Duration.FromSeconds(isMs ? number / 1_000 : number);
            if (text.Contains(':', StringComparison.Ordinal)
                && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var span))
                return new Duration(span);
        }
        throw new FormatException("a duration is a number of seconds, milliseconds as 5ms, or hh:mm:ss");
    }
}
