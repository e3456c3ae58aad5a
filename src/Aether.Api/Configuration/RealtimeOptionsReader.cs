using System.Collections;
using System.ComponentModel;
using System.Reflection;
using Aether.Application;
using Microsoft.Extensions.Options;

namespace Aether.Api.Configuration;

/// <summary>
/// Reads the section into the options, and refuses what it does not understand. The framework's binder passes over much
/// in silence: a text where a list is expected, a list that is empty, <c>null</c> in place of a number. Each would leave
/// an option less strict than it was written. What cannot be read is said with the full name of the option, and never
/// with its value, which may be a secret.
/// </summary>
/// <remarks>
/// <c>null</c> is the default, except for a list: that is empty, as <c>[]</c> and an empty variable are, and holds no
/// <c>null</c>.
/// </remarks>
internal static class RealtimeOptionsReader
{
    /// <summary>Reads it.</summary>
    /// <exception cref="OptionsValidationException">An option is not known, or its value is of another kind.</exception>
    public static void Read(IConfigurationSection section, RealtimeOptions options)
    {
        var failures = new List<string>();
        ReadObject(section, options, failures);
        if (failures.Count > 0)
            throw new OptionsValidationException(Options.DefaultName, typeof(RealtimeOptions), failures);
    }

    private static void ReadObject(IConfigurationSection section, object target, List<string> failures)
    {
        var properties = target.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance);
        if (!string.IsNullOrEmpty(section.Value))
            failures.Add(section.Path + " must be made of " + Names(properties));
        foreach (var child in section.GetChildren())
        {
            var property = Array.Find(
                properties, one => string.Equals(one.Name, child.Key, StringComparison.OrdinalIgnoreCase));
            // A misspelled option is as wrong as a wrong value: it would not be in force.
            if (property is null)
                failures.Add(child.Path + " is no option; there is " + Names(properties));
            else
                ReadProperty(child, property, target, failures);
        }
    }

    private static void ReadProperty(
        IConfigurationSection section, PropertyInfo property, object target, List<string> failures)
    {
        var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        if (IsList(type))
        {
            var list = ReadList(section, type.GetGenericArguments()[0], failures);
            if (property.SetMethod is not null)
            {
                property.SetValue(target, list);
                return;
            }
            var existing = (IList)property.GetValue(target)!;
            existing.Clear();
            foreach (object? one in list)
                existing.Add(one);
        }
        else if (!IsScalar(type))
        {
            // A host may have set it to null before.
            if (property.GetValue(target) is { } part)
                ReadObject(section, part, failures);
        }
        else if (TryConvert(section, type, failures, out object? value))
        {
            property.SetValue(target, value);
        }
    }

    private static IList ReadList(IConfigurationSection section, Type of, List<string> failures)
    {
        var list = (IList)Activator.CreateInstance(typeof(List<>).MakeGenericType(of))!;
        if (!string.IsNullOrEmpty(section.Value))
        {
            failures.Add(section.Path + (IsScalar(of)
                ? $" must be a list: its first entry is {section.Path}:0"
                : " must be a list, each entry made of " + Names(of.GetProperties())));
        }
        foreach (var child in section.GetChildren())
        {
            if (!IsScalar(of))
            {
                object one = Activator.CreateInstance(of)!;
                ReadObject(child, one, failures);
                list.Add(one);
            }
            else if (child.Value is null)
            {
                failures.Add(child.Path + " must be " + Kind(of));
            }
            else if (TryConvert(child, of, failures, out object? value))
            {
                list.Add(value);
            }
        }
        return list;
    }

    /// <returns>Whether there is a value to set: <c>null</c> leaves the default.</returns>
    private static bool TryConvert(IConfigurationSection section, Type type, List<string> failures, out object? value)
    {
        value = null;
        if (section.GetChildren().Any())
        {
            failures.Add(section.Path + " must be " + Kind(type));
            return false;
        }
        if (section.Value is not { } text)
            return false;
        // The framework also takes a choice's number, and several choices at once.
        if (type.IsEnum && !Enum.GetNames(type).Contains(text.Trim(), StringComparer.OrdinalIgnoreCase))
        {
            failures.Add(section.Path + " must be " + Kind(type));
            return false;
        }
        try
        {
            value = TypeDescriptor.GetConverter(type).ConvertFromInvariantString(text);
            return true;
        }
        catch (Exception e) when (e is FormatException or ArgumentException or OverflowException or NotSupportedException)
        {
            // Not with the exception's text, which repeats the value.
            failures.Add(section.Path + " must be " + Kind(type));
            return false;
        }
    }

    private static bool IsList(Type type) => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IList<>);

    private static bool IsScalar(Type type) =>
        type == typeof(string) || type == typeof(int) || type == typeof(bool) || type == typeof(Duration) || type.IsEnum;

    private static string Names(PropertyInfo[] properties) => string.Join(", ", properties.Select(one => one.Name));

    private static string Kind(Type type) => type switch
    {
        _ when type == typeof(string) => "a text",
        _ when type == typeof(int) => "a whole number",
        _ when type == typeof(bool) => "true or false",
        _ when type == typeof(Duration) => "a number of seconds or hh:mm:ss",
        _ => string.Join(" or ", Enum.GetNames(type)),
    };
}
