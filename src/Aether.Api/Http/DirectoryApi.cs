using Aether.Api.Access;
using Aether.Application;
using Aether.Application.Pipeline;
using Aether.Application.Presence;
using Aether.Domain;
using MediatR;

namespace Aether.Api.Http;

/// <summary>
/// What there is on the platform: its groups and its instances. Needs the permission admin; a key that is limited to
/// groups learns of no other ones.
/// </summary>
internal sealed class DirectoryApi(
    HttpCallers callers,
    [FromKeyedServices(OwnMediator.Key)] IMediator mediator)
{
    public async Task<IResult> ReadGroupsAsync(
        string? offset, string? limit, HttpContext context, CancellationToken cancellationToken)
    {
        var caller = await AdmitAsync(context).ConfigureAwait(false);
        if (caller.Access is not { } access)
            return caller.Refusal!;
        if (!QueryText.Allows(context.Request.Query, ["offset", "limit"], out var refusal)
            || !QueryText.TryReadPage(offset, limit, out var page, out refusal))
            return refusal;
        var answer = await mediator.Send(new ReadGroups(access.Groups, page.Offset, page.Limit), cancellationToken)
            .ConfigureAwait(false);
        return Answer(context, answer, static (writer, groups) => DirectoryWriter.WriteGroups(writer, groups));
    }

    public async Task<IResult> ReadInstancesAsync(HttpContext context, CancellationToken cancellationToken)
    {
        var caller = await AdmitAsync(context).ConfigureAwait(false);
        if (caller.Access is null)
            return caller.Refusal!;
        if (!QueryText.Allows(context.Request.Query, [], out var refusal))
            return refusal;
        var answer = await mediator.Send(new ReadInstances(), cancellationToken).ConfigureAwait(false);
        return Answer(context, answer, static (writer, instances) => DirectoryWriter.WriteInstances(writer, instances));
    }

    private async ValueTask<Caller> AdmitAsync(HttpContext context)
    {
        var caller = await callers.FindAsync(context).ConfigureAwait(false);
        return caller.Access is { } access && !access.Has(Permissions.Admin) ? new(Problems.NeedsAdmin()) : caller;
    }

    private static IResult Answer<T>(
        HttpContext context, Answer<T> answer, Action<System.Text.Json.Utf8JsonWriter, T> write) =>
        answer.Rejection is { } rejection
            ? Problems.Of(context, rejection)
            : JsonObjects.Answer(writer => write(writer, answer.Value));
}
