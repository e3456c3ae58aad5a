using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Aether.Tests.Unit;

/// <summary>
/// Messages of client <c>c1</c> in group <c>g1</c>, kept as files so that tests over a live WebSocket can replay them.
/// <c>invalid.json</c>: each is invalid for one reason, with the field and part of the rule that is told.
/// <c>valid.json</c>: each with the canonical form that receivers get.
/// </summary>
internal static class Corpus
{
    public static IReadOnlyDictionary<string, InvalidCase> Invalid { get; } =
        Load<InvalidCase>("invalid.json").ToDictionary(c => c.Name);

    public static IReadOnlyDictionary<string, ValidCase> Valid { get; } =
        Load<ValidCase>("valid.json").ToDictionary(c => c.Name);

    private static T[] Load<T>(string file) => JsonSerializer.Deserialize<T[]>(
        File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Corpus", file)),
        new JsonSerializerOptions(JsonSerializerDefaults.Web)
        {
            UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
            RespectNullableAnnotations = true,
            RespectRequiredConstructorParameters = true,
        })!;
}

/// <summary>A message that is refused. <c>json</c> is text, <c>base64</c> is bytes that no text can spell.</summary>
internal sealed record InvalidCase(string Name, string Field, string Rule, string? Json = null, string? Base64 = null)
{
    public byte[] Bytes => Json is null ? Convert.FromBase64String(Base64!) : Encoding.UTF8.GetBytes(Json);
}

internal sealed record ValidCase(string Name, string Json, string Canonical);
