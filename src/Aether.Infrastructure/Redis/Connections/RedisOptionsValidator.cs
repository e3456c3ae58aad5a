using Aether.Application;
using Microsoft.Extensions.Options;

namespace Aether.Infrastructure.Redis.Connections;

/// <summary>Checks what is said of Redis beside the connection string against the string.</summary>
internal sealed class RedisOptionsValidator(string? connectionString) : IValidateOptions<RealtimeOptions>
{
    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, RealtimeOptions options)
    {
        // What a host has set to null is named where all options are checked.
        if (options.Redis is not { User: not null, Password: not null })
            return ValidateOptionsResult.Success;
        string[] failures = [.. RedisConnectionString.Contradictions(connectionString, options.Redis)];
        return failures.Length == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}

/// <summary>Checks what is said of Redis where the host's own connection is used.</summary>
internal sealed class SharedRedisOptionsValidator : IValidateOptions<RealtimeOptions>
{
    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, RealtimeOptions options)
    {
        // What a host has set to null is named where all options are checked.
        if (options.Redis is not { User: not null, Password: not null })
            return ValidateOptionsResult.Success;
        string[] failures = [.. RedisConnectionString.UselessForShared(options.Redis)];
        return failures.Length == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}
