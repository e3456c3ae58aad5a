using Microsoft.AspNetCore.Mvc;

namespace Aether.Api.Http;

/// <summary>The errors of this layer, as problem+json. None says anything of the inside, or repeats what the caller sent.</summary>
internal static class Problems
{
    public static Task WriteAsync(HttpContext context, int status, string title, string detail, string? field = null)
    {
        var problem = new ProblemDetails { Status = status, Title = title, Detail = detail };
        if (field is not null)
            problem.Extensions["field"] = field;
        return Results.Problem(problem).ExecuteAsync(context);
    }

    public static Task BadRequestAsync(HttpContext context, string field, string rule) =>
        WriteAsync(context, StatusCodes.Status400BadRequest, "Bad request", field + ": " + rule, field);

    public static Task UnavailableAsync(HttpContext context, string detail, int retryAfterSeconds)
    {
        context.Response.Headers.RetryAfter = retryAfterSeconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return WriteAsync(context, StatusCodes.Status503ServiceUnavailable, "Unavailable", detail);
    }
}
