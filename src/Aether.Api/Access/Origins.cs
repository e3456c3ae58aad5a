using Aether.Api.Hosting;

namespace Aether.Api.Access;

/// <summary>Which web pages may connect. Programs send no origin, and are not asked for one.</summary>
internal sealed class Origins(LiveOptions options)
{
    public bool Allows(HttpRequest request)
    {
        var allowed = options.Current.AllowedOrigins;
        var origin = request.Headers.Origin;
        return allowed.Count == 0 || origin.Count == 0
            || (origin.Count == 1 && allowed.Contains(origin[0]!, StringComparer.OrdinalIgnoreCase));
    }
}
