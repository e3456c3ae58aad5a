using System.Text;
using Aether.Api.Configuration;
using Aether.Application;
using Aether.Application.Tokens;
using Aether.Domain;
using Aether.Domain.Tokens;

namespace Aether.Api.Access;

/// <summary>
/// What a request may do by the credential that it shows, an API key or a token, and whether a connection still may.
/// </summary>
internal sealed class Credentials : IDisposable
{
    /// <summary>What a credential is told that is right, and grants nothing here.</summary>
    public const string NotForThisGroup = "this credential is not good for this group";

    private const int RetryAfterSeconds = 5;

    private readonly LiveOptions options;
    private readonly LiveTokens tokens;
    private readonly TokenChecks checks;
    private readonly Revocations revocations;
    private volatile State state;

    public Credentials(LiveOptions options, LiveTokens tokens, TokenChecks checks, Revocations revocations)
    {
        (this.options, this.tokens, this.checks, this.revocations) = (options, tokens, checks, revocations);
        options.Changed += OnChanged;
        revocations.Changed += OnRevoked;
        // Behind that, so that no change is missed between the two.
        tokens.Apply(options.Current.Tokens);
        state = new State(options.Current);
    }

    /// <summary>Raised when some may no longer be good: the options changed, or tokens were revoked.</summary>
    public event Action? Changed;

    /// <summary>Whether a credential is asked for.</summary>
    public bool Required => state.Required;

    /// <summary>How far the clock of a token's issuer may be off.</summary>
    public TimeSpan ClockSkew => options.Current.Tokens.ClockSkew.Value;

    /// <summary>Whether some are tokens.</summary>
    public bool HasTokens => tokens.IsOn;

    /// <summary>What a request may do.</summary>
    /// <param name="request">The request.</param>
    /// <param name="basic">Whether an API key may also be the password of Basic authentication.</param>
    /// <param name="bearer">Whether a Bearer credential may also be an API key.</param>
    public ValueTask<FoundGrant> FindAsync(HttpRequest request, bool basic = false, bool bearer = false)
    {
        if (!Required)
            return new(new FoundGrant(state.Anonymous));
        if (!ShownCredential.TryRead(request, tokens.IsOn, basic, bearer, out var shown))
            return default;
        if (shown.MayBeKey && state.Keys.Find(shown.Value) is { } grant)
            return new(new FoundGrant(grant));
        return shown.MayBeToken && tokens.IsOn
            ? FindTokenAsync(Encoding.UTF8.GetString(shown.Value), request.HttpContext.RequestAborted)
            : default;
    }

    /// <summary>The answer to who may do nothing.</summary>
    public IResult Refuse(FoundGrant found = default)
    {
        if (!found.IsUnknown)
            return Problems.Unauthorized(HasTokens ? "API key or token" : "API key");
        return Problems.Unavailable("whether this token is good cannot be found out now", RetryAfterSeconds);
    }

    /// <summary>
    /// Whether it is for us to say what a request may do: what it shows stands where only credentials of ours do, or is one.
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="basic">Whether an API key may also be the password of Basic authentication.</param>
    /// <param name="bearer">Whether a Bearer credential may also be an API key.</param>
    public bool AreShownBy(HttpRequest request, bool basic, bool bearer) =>
        ShownCredential.IsIn(request)
        || ((basic || bearer)
            && ShownCredential.TryRead(request, tokens.IsOn, basic, bearer, out var shown)
            && shown.MayBeKey && state.Keys.Find(shown.Value) is not null)
        || (tokens.IsOn && tokens.AreShownBy(request));

    /// <summary>Whether a token that was good still is, in this group.</summary>
    public bool StillGrants(Token token, VisionId group) =>
        IsGood(token) && token.Access.Covers(group);

    /// <summary>Whether what let a legacy connection in is still good for its group.</summary>
    public bool StillGrants(Grant grant, VisionId group) => AccessNow(grant)?.Covers(group) ?? false;

    /// <summary>Whether it still grants all that a client in this group was granted, or more.</summary>
    public bool StillGrants(Grant grant, VisionId group, Domain.Access granted) =>
        AccessNow(grant) is { } now
        && now.Covers(group)
        && now.Has(granted.Permissions)
        && (!ReachesOthers(granted) || now.Groups is null || granted.Groups?.All(now.Covers) == true);

    public void Dispose()
    {
        options.Changed -= OnChanged;
        revocations.Changed -= OnRevoked;
    }

    private async ValueTask<FoundGrant> FindTokenAsync(string shown, CancellationToken aborted)
    {
        var check = await checks.CheckAsync(shown, aborted).ConfigureAwait(false);
        return check.Token is { } token ? new(Grant.Of(token)) : new(null, check.IsUnknown);
    }

    private void OnChanged()
    {
        // Between these two neither the old credentials nor the new ones may be good; but one is asked for all along.
        tokens.Apply(options.Current.Tokens);
        state = new State(options.Current);
        Changed?.Invoke();
    }

    private void OnRevoked() => Changed?.Invoke();

    // Whoever can do nothing in other groups loses nothing with them.
    private static bool ReachesOthers(Domain.Access access) =>
        (access.Permissions & (Permissions.CrossGroup | Permissions.Admin)) != Permissions.None;

    private bool IsGood(Token token) => tokens.StillTrusts(token) && !revocations.IsKnown(token);

    private Domain.Access? AccessNow(Grant grant)
    {
        if (grant.Token is { } token)
            return IsGood(token) ? token.Access : null;
        if (grant.Credential == Grant.OfHost)
            return Domain.Access.Full;
        if (grant.Credential.Length > 0)
            return state.Keys.AccessOf(grant.Credential);
        return Required ? null : state.Anonymous.Access;
    }

    private sealed class State(RealtimeOptions options)
    {
        public ApiKeys Keys { get; } = new(options.ApiKeys);

        public bool Required { get; } = LiveOptions.AsksForCredentials(options);

        public Grant Anonymous { get; } =
            new("", new Domain.Access(PermissionNames.Parse(options.AnonymousPermissions ?? ["broadcast"])));
    }
}

/// <summary>What a request may do.</summary>
/// <param name="Grant">It; <see langword="null"/>: nothing, its credential is missing, wrong or given twice.</param>
/// <param name="IsUnknown">Whether that cannot be found out now.</param>
internal readonly record struct FoundGrant(Grant? Grant, bool IsUnknown = false);
