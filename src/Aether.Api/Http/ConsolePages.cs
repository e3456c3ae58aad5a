using Aether.Api.Access;
using Aether.Domain;

namespace Aether.Api.Http;

/// <summary>
/// The console for people who operate or try out the platform. It is for everybody during development, and else for
/// whoever may do everything. A browser that goes to a page sends no header of ours: it is asked for the key as the
/// password of Basic authentication. The page itself gets no key from here.
/// </summary>
internal sealed class ConsolePages(Assets assets, HttpCallers callers, IHostEnvironment environment)
{
    public const string Route = "/v3/console";
    public const string FileRoute = "/v3/console/{file}";

    // The page has nobody's scripts but ours, and talks to nobody but this server: it holds a key while it is used.
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    /// <summary>Serves the page.</summary>
    public Task WritePageAsync(HttpContext context) =>
        // The page's own links are relative to the address without a slash at its end.
        context.Request.Path.Value!.EndsWith('/')
            ? Results.Redirect("../console" + context.Request.QueryString, preserveMethod: true)
                .ExecuteAsync(context)
            : WriteAsync(context, Assets.ConsolePage);

    /// <summary>Serves one of the files that the page loads.</summary>
    public Task WriteFileAsync(HttpContext context) =>
        WriteAsync(context, Assets.ConsoleFolder + context.GetRouteValue("file"));

    private async Task WriteAsync(HttpContext context, string name)
    {
        context.Response.Headers.ContentSecurityPolicy = Policy;
        context.Response.Headers["Referrer-Policy"] = "no-referrer";
        context.Response.Headers.XContentTypeOptions = "nosniff";
        if (await RefuseAsync(context).ConfigureAwait(false) is { } refusal)
            await refusal.ExecuteAsync(context).ConfigureAwait(false);
        else
            await assets.WriteAsync(context, name).ConfigureAwait(false);
    }

    private async ValueTask<IResult?> RefuseAsync(HttpContext context)
    {
        if (environment.IsDevelopment())
            return null;
        var caller = await callers.FindAsync(context, basic: "Aether console").ConfigureAwait(false);
        return caller.Access is { } access && !access.Has(Permissions.Admin)
            ? Problems.Forbidden("the console needs the permission admin")
            : caller.Refusal;
    }
}
