using Aether.Api.Access;
using Aether.Application;
using Aether.Application.Leases;
using Aether.Application.Pipeline;
using Aether.Domain;
using MediatR;
using Microsoft.AspNetCore.Mvc;

namespace Aether.Api.Http;

/// <summary>Who holds a lease of a group, and the end of it. Needs the permission admin.</summary>
internal sealed class LeasesApi(
    HttpCallers callers,
    [FromKeyedServices(OwnMediator.Key)] IMediator mediator)
{
    public Task<IResult> ReadAsync(
        [FromRoute(Name = "group_id")] string groupId,
        string name,
        HttpContext context,
        CancellationToken cancellationToken) =>
        AnswerAsync(context, groupId, name, static (group, lease) => new ReadLease(group, lease), cancellationToken);

    public Task<IResult> TakeAsync(
        [FromRoute(Name = "group_id")] string groupId,
        string name,
        HttpContext context,
        CancellationToken cancellationToken) =>
        AnswerAsync(context, groupId, name, static (group, lease) => new TakeLease(group, lease), cancellationToken);

    private async Task<IResult> AnswerAsync(
        HttpContext context,
        string groupId,
        string name,
        Func<VisionId, VisionId, IRequest<Answer<LeaseInfo>>> request,
        CancellationToken cancellationToken)
    {
        var admitted = await callers.AdmitAsync(context, groupId).ConfigureAwait(false);
        if (admitted.Refusal is not null)
            return admitted.Refusal;
        if (!VisionId.TryParse(name, out var lease))
            return Problems.BadRequest("name", VisionId.Rule);
        var answer = await mediator.Send(request(admitted.Group, lease), cancellationToken).ConfigureAwait(false);
        return answer.Rejection is { } rejection
            ? Problems.Of(context, rejection)
            : JsonObjects.Answer(writer => LeaseWriter.Write(writer, answer.Value));
    }
}
