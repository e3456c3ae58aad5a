using System.Net;
using System.Security.Cryptography;
using Aether.Infrastructure.Redis;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Tokens;

namespace Aether.Infrastructure.Tokens;

/// <summary>
/// The keys that an issuer publishes, at an address that the configuration names and no token does. They are read when
/// a token names a key that is not there, which strangers can do as often as they like: so at most once in 30 s, and one
/// request at a time for all who wait.
/// </summary>
internal sealed class PublishedKeys : IDisposable
{
    /// <summary>How long it takes at least until the issuer is asked again.</summary>
    public static readonly TimeSpan AskInterval = TimeSpan.FromSeconds(30);

    /// <summary>After how long what was read is read again, so that what the issuer withdraws ends.</summary>
    public static readonly TimeSpan MaxAge = TimeSpan.FromMinutes(10);

    /// <summary>How long what was read is good while it cannot be read again.</summary>
    public static readonly TimeSpan MaxSilence = TimeSpan.FromDays(1);

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private const int MaxBytes = 512 * 1024;

    private readonly Uri address;
    private readonly TimeProvider time;
    private readonly ILogger<PublishedKeys> logger;
    private readonly HttpClient http;
    private readonly LogThrottle failureLog;
    private readonly Lock gate = new();
    private volatile SigningKey[]? known;
    private Task? asking;
    private long? askedAt;
    private long readAt;
    private bool lastFailed;

    /// <summary>Creates it; nothing is asked yet.</summary>
    /// <param name="address">Where they are.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Where failures go.</param>
    /// <param name="transport">What asks; <see langword="null"/>: the network.</param>
    public PublishedKeys(
        Uri address, TimeProvider time, ILogger<PublishedKeys> logger, HttpMessageHandler? transport = null)
    {
        (this.address, this.time, this.logger) = (address, time, logger);
        failureLog = new LogThrottle(time);
        http = new HttpClient(transport ?? new SocketsHttpHandler
        {
            // The address is the one that was configured, and no other that it names.
            AllowAutoRedirect = false,
            PooledConnectionLifetime = MaxAge,
        })
        {
            Timeout = Patience,
            MaxResponseContentBufferSize = MaxBytes,
        };
    }

    /// <summary>Finds keys, and asks the issuer if there are none.</summary>
    /// <returns><see langword="null"/>: the issuer cannot be asked, and may have one.</returns>
    public async ValueTask<SigningKey[]?> FindAsync(Predicate<SigningKey> wanted, CancellationToken cancellationToken)
    {
        var found = Find(wanted);
        if (found.Length == 0 || Age > MaxAge)
        {
            await Ask().WaitAsync(cancellationToken).ConfigureAwait(false);
            found = Find(wanted);
        }
        // An issuer that is away for a moment takes nothing away; one that nobody has heard of for a day may have.
        return Volatile.Read(ref lastFailed) && (found.Length == 0 || Age > MaxSilence) ? null : found;
    }

    /// <inheritdoc/>
    public void Dispose() => http.Dispose();

    private TimeSpan Age => time.GetElapsedTime(Volatile.Read(ref readAt));

    private SigningKey[] Find(Predicate<SigningKey> wanted) => Array.FindAll(known ?? [], wanted);

    private Task Ask()
    {
        lock (gate)
        {
            if (asking is { IsCompleted: false } already)
                return already;
            if (askedAt is { } before && time.GetElapsedTime(before) < AskInterval)
                return Task.CompletedTask;
            askedAt = time.GetTimestamp();
            return asking = ReadAsync();
        }
    }

    private async Task ReadAsync()
    {
        // Whoever holds the lock does not wait for the network.
        await Task.Yield();
        try
        {
            using var answer = await http.GetAsync(address).ConfigureAwait(false);
            if (answer.StatusCode != HttpStatusCode.OK)
            {
                Failed("it answered " + (int)answer.StatusCode);
                return;
            }
            var read = Keys(new JsonWebKeySet(await answer.Content.ReadAsStringAsync().ConfigureAwait(false)));
            if (read.Length == 0)
            {
                Failed("there is no key in it for RS256 or ES256");
                return;
            }
            known = read;
            Volatile.Write(ref readAt, time.GetTimestamp());
            Volatile.Write(ref lastFailed, false);
        }
        // Whatever it is, those that are known stay.
        catch (Exception fault)
        {
            Failed(fault.GetType().Name);
        }
    }

    private void Failed(string why)
    {
        Volatile.Write(ref lastFailed, true);
        if (failureLog.Passes(out long count))
            logger.JwksFailed(why, count);
    }

    // Only what is surely for signatures, and long enough. A secret is never published.
    private static SigningKey[] Keys(JsonWebKeySet published) =>
        [.. published.Keys.Select(ToKey).OfType<SigningKey>()];

    private static SigningKey? ToKey(JsonWebKey key)
    {
        try
        {
            return ToKeyIfSound(key);
        }
        catch (Exception e) when (e is FormatException or ArgumentException or CryptographicException)
        {
            // One that cannot be read takes no others with it.
            return null;
        }
    }

    private static SigningKey? ToKeyIfSound(JsonWebKey key)
    {
        if (key.Use is not (null or "sig") || (key.KeyOps is { Count: > 0 } uses && !uses.Contains("verify")))
            return null;
        string? algorithm = key.Kty switch
        {
            JsonWebAlgorithmsKeyTypes.RSA when key.KeySize >= SigningKey.MinRsaBits => SecurityAlgorithms.RsaSha256,
            JsonWebAlgorithmsKeyTypes.EllipticCurve when key.Crv == "P-256" => SecurityAlgorithms.EcdsaSha256,
            _ => null,
        };
        if (algorithm is null || (key.Alg is { } only && only != algorithm))
            return null;
        string kid = key.Kid ?? "";
        string material = key.Kty == JsonWebAlgorithmsKeyTypes.RSA ? key.N + "." + key.E : key.X + "." + key.Y;
        return new(kid, algorithm, key, SigningKey.HashOf(kid, algorithm, System.Text.Encoding.UTF8.GetBytes(material)));
    }
}

/// <summary>What is logged of the keys that an issuer publishes.</summary>
internal static partial class PublishedKeysLog
{
    [LoggerMessage(170, LogLevel.Warning,
        "The issuer's keys could not be read from Tokens:Jwks ({Error}, {Count} since the last report); tokens of other "
        + "keys than those known are answered with 503, and after a day all of its tokens",
        EventName = "JwksFailed")]
    public static partial void JwksFailed(this ILogger logger, string error, long count);
}
