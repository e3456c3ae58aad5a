using Aether.Application;
using Microsoft.Extensions.Options;

namespace Aether.Api.Configuration;

/// <summary>Looks for what was meant for the section and stands beside it, or in a file that is none.</summary>
internal sealed class SectionsValidator(IConfiguration configuration) : IValidateOptions<RealtimeOptions>
{
    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, RealtimeOptions options)
    {
        string[] failures = [.. SettingsPaths.FindMistaken(configuration), .. MisspelledSections.Find(configuration)];
        return failures.Length == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}
