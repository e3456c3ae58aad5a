using System.Text;
using Aether.Api.Configuration;
using Aether.Application;
using Aether.Application.Ports;
using Aether.Domain.Tokens;
using Aether.Infrastructure.Tokens;

namespace Aether.Api.Access;

/// <summary>Tokens as the options say now, which change while the instance runs.</summary>
internal sealed class LiveTokens : ITokenValidator, IDisposable
{
    private readonly TimeProvider time;
    private readonly ILogger<PublishedKeys> logger;
    private volatile TokenValidator validator;
    private PublishedKeys? published;
    private string publishedAt = "";

    public LiveTokens(LiveOptions options, TimeProvider time, ILogger<PublishedKeys> logger)
    {
        (this.time, this.logger) = (time, logger);
        validator = Create(options.Current.Tokens);
    }

    /// <inheritdoc/>
    public bool IsOn => validator.IsOn;

    /// <inheritdoc/>
    public ValueTask<TokenCheck> ValidateAsync(string token, CancellationToken cancellationToken) =>
        validator.ValidateAsync(token, cancellationToken);

    /// <inheritdoc cref="TokenValidator.StillTrusts"/>
    public bool StillTrusts(Token token) => validator.StillTrusts(token);

    /// <summary>Whether a request shows a token that says it is of our issuer, whatever it is worth.</summary>
    public bool AreShownBy(HttpRequest request) =>
        BearerCredential.TryRead(request, out byte[] token) && validator.IsOurs(Encoding.UTF8.GetString(token));

    /// <summary>Goes by these options from now on.</summary>
    public void Apply(TokenOptions options) => validator = Create(options);

    public void Dispose() => published?.Dispose();

    private TokenValidator Create(TokenOptions options)
    {
        // What was read stays where the address does, and with it when it was last asked for.
        if (options.Jwks != publishedAt)
        {
            // The one before may be reading still, and is left to that.
            published = options.Jwks.Length == 0 ? null : new PublishedKeys(new Uri(options.Jwks), time, logger);
            publishedAt = options.Jwks;
        }
        return new TokenValidator(options, published, time);
    }
}
