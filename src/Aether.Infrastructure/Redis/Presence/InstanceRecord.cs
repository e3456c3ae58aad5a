using System.Text.Json;
using Aether.Application.Ports;

namespace Aether.Infrastructure.Redis.Presence;

/// <summary>What an instance tells of itself, as it is kept in Redis: a JSON object. Fields may be added.</summary>
internal static class InstanceRecord
{
    /// <summary>Writes the facts.</summary>
    public static byte[] Write(InstanceFacts facts) => JsonSerializer.SerializeToUtf8Bytes(facts);

    /// <summary>Reads them; none if it is not what <see cref="Write"/> makes.</summary>
    public static InstanceFacts? Read(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize<InstanceFacts>(json) is { InstanceId: not null, Version: not null } facts
                ? facts
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
