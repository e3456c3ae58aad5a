using System.Text.Json;
using Aether.Api.Access;
using Aether.Application;
using Aether.Application.Pipeline;
using Aether.Application.Tokens;
using Aether.Application.Wire;
using Aether.Domain;
using Aether.Domain.Tokens;
using MediatR;
using Microsoft.Extensions.Options;

namespace Aether.Api.Http;

/// <summary>
/// <c>POST /v3/revocations</c>: takes tokens back before their end. Needs the permission admin in every group, since a token
/// may be of any.
/// </summary>
internal sealed class RevocationsApi(
    HttpCallers callers,
    [FromKeyedServices(OwnMediator.Key)] IMediator mediator,
    IOptions<RealtimeOptions> options)
{
    private const string TimeRule = "must be an RFC 3339 time, or a number of seconds since 1970";

    // The year 9999.
    private const decimal LastSecond = 253_402_300_799;

    private readonly int maxBytes = options.Value.MaxMessageBytes;

    public async Task<IResult> RevokeAsync(HttpContext context, CancellationToken cancellationToken)
    {
        var caller = await callers.FindAsync(context).ConfigureAwait(false);
        if (caller.Access is not { } access)
            return caller.Refusal!;
        if (!access.Has(Permissions.Admin))
            return Problems.NeedsAdmin();
        if (access.Groups is not null)
            return Problems.Forbidden("this needs a key or token that is good for every group: what is revoked may be of any");
        if (JsonBody.Refuse(context) is { } unsupported)
            return unsupported;
        if (await JsonBody.ReadAsync(context.Request, maxBytes, cancellationToken).ConfigureAwait(false) is not { } body)
            return JsonBody.TooLarge(maxBytes);
        if (!TryRead(body, out var asked, out var refusal))
            return refusal;
        var answer = await mediator.Send(asked, cancellationToken).ConfigureAwait(false);
        return answer.Rejection is { } rejection
            ? Problems.Of(context, rejection)
            : JsonObjects.Answer(writer => writer.WriteString("until"u8, answer.Value), StatusCodes.Status202Accepted);
    }

    private static bool TryRead(ReadOnlyMemory<byte> body, out RevokeTokens asked, out IResult refusal)
    {
        asked = null!;
        // The same reader that a client's message passes: it knows depth, UTF-8 and surrogates.
        if (!MessageReader.TryReadObject(body, out var error))
            return QueryText.Refuse(error.Field, error.Rule, out refusal);
        using var document = JsonDocument.Parse(body);
        var root = document.RootElement;
        var seen = new HashSet<string>();
        foreach (var field in root.EnumerateObject())
        {
            if (field.Name is not ("jti" or "sub" or "issued_before"))
                return QueryText.Refuse(field.Name, "is no field of a revocation", out refusal);
            if (!seen.Add(field.Name))
                return QueryText.Refuse(field.Name, "must not be given twice", out refusal);
        }
        if (root.Has("jti", out _) && !Revocation.IsTokenId(root.Text("jti")))
            return QueryText.Refuse("jti", Revocation.IdRule, out refusal);
        var client = default(VisionId);
        if (root.Has("sub", out _) && !VisionId.TryParse(root.Text("sub"), out client))
            return QueryText.Refuse("sub", VisionId.Rule, out refusal);
        DateTime? before = null;
        if (root.Has("issued_before", out var time))
        {
            if (!TryReadTime(time, out var utc))
                return QueryText.Refuse("issued_before", TimeRule, out refusal);
            before = utc;
        }
        asked = new RevokeTokens(root.Text("jti"), client, before);
        refusal = Results.Empty;
        return true;
    }

    /// <summary>Reads a time as <c>sent_at</c> has it, or as a claim has it.</summary>
    private static bool TryReadTime(JsonElement value, out DateTime utc)
    {
        utc = default;
        if (value.ValueKind == JsonValueKind.String)
            return Timestamp.TryRead(System.Text.Encoding.UTF8.GetBytes(value.GetString()!), out utc);
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDecimal(out decimal seconds)
            || seconds is < 0 or > LastSecond)
            return false;
        utc = DateTime.UnixEpoch.AddTicks((long)Math.Ceiling(seconds * TimeSpan.TicksPerSecond));
        return true;
    }
}
