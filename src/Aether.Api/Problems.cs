using System.Globalization;
using System.Text.Json.Serialization;
using Aether.Application;
using Aether.Application.Ports;
using Aether.Application.Wire;
using Aether.Domain;
using Microsoft.AspNetCore.Mvc;

namespace Aether.Api;

/// <summary>
/// The errors of this layer, as problem+json. None says anything of the inside, or repeats what the caller sent.
/// </summary>
internal static class Problems
{
    /// <summary>
    /// The detail of a connection that is refused while the instance is not ready. Why it is not, operators read from
    /// its health.
    /// </summary>
    public const string NoBackplane = "the backplane cannot be relied on now";

    public static IResult Of(int status, string title, string detail, string? field = null)
    {
        var problem = new Details { Status = status, Title = title, Detail = detail };
        if (field is not null)
            problem.Extensions["field"] = field;
        return Results.Problem(problem);
    }

    public static IResult BadRequest(string field, string rule) =>
        Of(StatusCodes.Status400BadRequest, "Bad request", field + ": " + rule, field);

    /// <param name="credential">What was needed.</param>
    public static IResult Unauthorized(string credential) =>
        Of(StatusCodes.Status401Unauthorized, "Unauthorized", $"a valid {credential} is needed, exactly once");

    public static IResult Forbidden(string detail, string? field = null) =>
        Of(StatusCodes.Status403Forbidden, "Forbidden", detail, field);

    /// <summary>What was asked for is lost; beside why, it is told where the stream ends.</summary>
    public static IResult Gone(string detail, HistoryPage page)
    {
        var problem = new Details { Status = StatusCodes.Status410Gone, Title = "Gone", Detail = detail };
        problem.Extensions["field"] = "after";
        problem.Extensions["reason"] = HistoryWriter.NameOf(page.Status);
        problem.Extensions["pos"] = page.End.IsEmpty ? null : page.End.ToString();
        return Results.Problem(problem);
    }

    public static IResult NeedsAdmin() => Forbidden("this needs the permission admin");

    /// <summary>What a command's expected failure is over HTTP.</summary>
    public static IResult Of(HttpContext context, Rejection rejection)
    {
        if (rejection.RetryAfter is { } after)
        {
            double seconds = Math.Ceiling(after.TotalSeconds);
            context.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        }
        return rejection.Code switch
        {
            var code when code == ErrorCode.InvalidMessage => BadRequest(rejection.Field ?? "message", rejection.Text),
            var code when code == ErrorCode.Forbidden => Forbidden(rejection.Text, rejection.Field),
            var code when code == ErrorCode.RecipientOffline =>
                Of(StatusCodes.Status404NotFound, "Not found", rejection.Text),
            var code when code == ErrorCode.BackplaneUnavailable =>
                Of(StatusCodes.Status503ServiceUnavailable, "Unavailable", rejection.Text),
            var code when code == ErrorCode.NotFound => Of(StatusCodes.Status404NotFound, "Not found", rejection.Text),
            var code when code == ErrorCode.NoRecipients || code == ErrorCode.StaleTerm || code == ErrorCode.LeaseHeld =>
                Coded(StatusCodes.Status409Conflict, "Conflict", rejection),
            var code when code == ErrorCode.TooManyCommands =>
                Coded(StatusCodes.Status429TooManyRequests, "Too many", rejection),
            _ => Fault(),
        };
    }

    /// <summary>With the code of the protocol, where the status alone does not say it.</summary>
    private static IResult Coded(int status, string title, Rejection rejection)
    {
        var problem = new Details { Status = status, Title = title, Detail = rejection.Text };
        problem.Extensions["code"] = rejection.Code.Name;
        if (rejection.Field is { } field)
            problem.Extensions["field"] = field;
        return Results.Problem(problem);
    }

    /// <summary>What a connection is told that a handler of the host's refuses.</summary>
    public static IResult OfHost(HttpContext context, Rejection rejection, int retryAfterSeconds)
    {
        if (rejection.Code == ErrorCode.Internal)
            return Fault();
        var problem = rejection.Code.Retryable
            ? new Details { Status = StatusCodes.Status503ServiceUnavailable, Title = "Unavailable" }
            : new Details { Status = StatusCodes.Status403Forbidden, Title = "Forbidden" };
        problem.Detail = rejection.Text;
        problem.Extensions["code"] = rejection.Code.Name;
        if (rejection.Code.Retryable)
            context.Response.Headers.RetryAfter = retryAfterSeconds.ToString(CultureInfo.InvariantCulture);
        return Results.Problem(problem);
    }

    public static IResult Fault() =>
        Of(StatusCodes.Status500InternalServerError, "Server fault", "the request was not carried out");

    public static Task WriteAsync(HttpContext context, int status, string title, string detail, string? field = null) =>
        Of(status, title, detail, field).ExecuteAsync(context);

    public static Task BadRequestAsync(HttpContext context, string field, string rule) =>
        BadRequest(field, rule).ExecuteAsync(context);

    /// <summary>It can be asked again in a moment. Nothing is said of it before it is the answer.</summary>
    public static IResult Unavailable(string detail, int retryAfterSeconds) => new Later(detail, retryAfterSeconds);

    public static Task UnavailableAsync(HttpContext context, string detail, int retryAfterSeconds)
    {
        context.Response.Headers.RetryAfter = retryAfterSeconds.ToString(CultureInfo.InvariantCulture);
        return WriteAsync(context, StatusCodes.Status503ServiceUnavailable, "Unavailable", detail);
    }

    private sealed class Later(string detail, int retryAfterSeconds) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext) => UnavailableAsync(httpContext, detail, retryAfterSeconds);
    }

    /// <summary>One whose status is a number, however the host has its numbers written.</summary>
    [JsonNumberHandling(JsonNumberHandling.Strict)]
    private sealed class Details : ProblemDetails;
}
