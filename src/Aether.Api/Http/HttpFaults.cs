
namespace Aether.Api.Http;

/// <summary>
/// Answers what a handler did not expect as problem+json. A host of its own has no error page in front, and one that
/// has would show it only half the time.
/// </summary>
internal sealed class HttpFaults(ILogger<HttpFaults> logger) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        try
        {
            return await next(context).ConfigureAwait(false);
        }
        catch (BadHttpRequestException fault)
        {
            return Problems.Of(fault.StatusCode, "Bad request", "the request could not be read");
        }
        catch (Exception fault) when (!context.HttpContext.RequestAborted.IsCancellationRequested)
        {
            logger.RequestFailed(fault.GetType().Name);
            return Problems.Fault();
        }
    }
}
