using Aether.Application.Pipeline;
using Aether.Domain;

namespace Aether.Api.Access;

/// <summary>
/// Who may use the HTTP API: whoever shows a key or token that grants it, a user to whom the host grants it, or, where
/// there are none of these, programs on the same machine, which then may do everything.
/// </summary>
internal sealed class HttpCallers(Credentials credentials, Origins origins, HostUsers users)
{
    /// <summary>
    /// Whether what a request is about has to be read before it is known what it may do: the host is asked about that.
    /// </summary>
    public bool DependOnWhatIsAsked(HttpRequest request) => users.AreAsked(request);

    /// <summary>Finds what the caller may do.</summary>
    /// <param name="context">The request.</param>
    /// <param name="group">The group it is about; empty: none.</param>
    /// <param name="client">The client it is about; empty: none.</param>
    /// <param name="basic">
    /// What is asked for with Basic authentication, where the key may also be its password; else
    /// <see langword="null"/>.
    /// </param>
    /// <param name="bearer">Whether the key may also be a Bearer token.</param>
    public async ValueTask<Caller> FindAsync(
        HttpContext context,
        VisionId group = default,
        VisionId client = default,
        string? basic = null,
        bool bearer = false)
    {
        if (users.AreAsked(context.Request, basic is not null, bearer))
            return await FindUserAsync(context, group, client, basic).ConfigureAwait(false);
        if (!credentials.Required)
            return RefuseWithoutKeys(context) is { } why ? new(Problems.Forbidden(why)) : new(Domain.Access.Full);
        var found = await credentials.FindAsync(context.Request, basic is not null, bearer).ConfigureAwait(false);
        if (found.Grant is { } grant)
            return new(grant.Access) { Speaker = SpeakerOf(grant) };
        if (basic is not null && !found.IsUnknown)
            context.Response.Headers.WWWAuthenticate = BasicCredential.Challenge(basic);
        return new(credentials.Refuse(found));
    }

    /// <summary>Finds out whether the caller may operate a group.</summary>
    /// <param name="context">The request.</param>
    /// <param name="groupId">The group as it was asked for.</param>
    /// <param name="clientId">The client of it that was asked for, if one was.</param>
    public async ValueTask<Operator> AdmitAsync(HttpContext context, string groupId, string? clientId = null)
    {
        bool isGroup = VisionId.TryParse(groupId, out var group);
        var client = default(VisionId);
        bool isClient = clientId is null || VisionId.TryParse(clientId, out client);
        // The host is asked about ids only, and a stranger learns no more than that it has to show a key.
        if (users.AreAsked(context.Request) && !(isGroup && isClient))
            return new(Problems.BadRequest(isGroup ? "client_id" : "group_id", VisionId.Rule));
        var caller = await FindAsync(context, group, client).ConfigureAwait(false);
        if (caller.Access is not { } access)
            return new(caller.Refusal!);
        if (!access.Has(Permissions.Admin))
            return new(Problems.NeedsAdmin());
        if (!isGroup)
            return new(Problems.BadRequest("group_id", VisionId.Rule));
        if (!access.Covers(group))
            return new(Problems.Forbidden(Credentials.NotForThisGroup));
        return isClient ? new(group, client) : new(Problems.BadRequest("client_id", VisionId.Rule));
    }

    /// <summary>Finds out whether the caller may send to a group.</summary>
    /// <param name="context">The request.</param>
    /// <param name="groupId">The group as it was asked for.</param>
    public async ValueTask<GroupSender> AdmitSenderAsync(HttpContext context, string groupId)
    {
        bool isGroup = VisionId.TryParse(groupId, out var group);
        if (users.AreAsked(context.Request) && !isGroup)
            return new(Problems.BadRequest("group_id", VisionId.Rule));
        var caller = await FindAsync(context, group).ConfigureAwait(false);
        if (caller.Access is not { } access)
            return new(caller.Refusal!);
        if (!access.Has(Permissions.Admin) && !access.Has(Permissions.CrossGroup))
            return new(Problems.Forbidden("this needs the permission admin or cross_group"));
        if (!isGroup)
            return new(Problems.BadRequest("group_id", VisionId.Rule));
        return access.Covers(group)
            ? new(GroupSender.Of(access, caller.Speaker), group)
            : new(Problems.Forbidden(Credentials.NotForThisGroup));
    }

    /// <summary>
    /// Lets only those through to the metrics who may do everything anyway. A scraper that knows nothing but Basic or
    /// Bearer authentication shows the key as its password or token.
    /// </summary>
    public async Task GuardMetricsAsync(HttpContext context, RequestDelegate next)
    {
        var caller = await FindAsync(context, basic: "Aether metrics", bearer: true).ConfigureAwait(false);
        if (caller.Access is not { } access)
            await caller.Refusal!.ExecuteAsync(context).ConfigureAwait(false);
        else if (access.Has(Permissions.Admin))
            await next(context).ConfigureAwait(false);
        else
            await Problems.Forbidden("reading metrics needs the permission admin").ExecuteAsync(context)
                .ConfigureAwait(false);
    }

    private async ValueTask<Caller> FindUserAsync(HttpContext context, VisionId group, VisionId client, string? basic)
    {
        // A browser says who its user is on any page's behalf.
        if (origins.Refuse(context, keyAsked: false) is { } why)
            return new(Problems.Forbidden(why));
        var user = await users.FindAsync(context, group, client).ConfigureAwait(false);
        if (user.Grant is { } grant)
            return new(grant.Access);
        if (basic is not null && credentials.Required && user.Refused?.RefusalStatus == StatusCodes.Status401Unauthorized)
            context.Response.Headers.WWWAuthenticate = BasicCredential.Challenge(basic);
        return new(user.Refusal);
    }

    // A key is of a program, which speaks for others; a token is of somebody who is in no position to, short of an operator.
    private static VisionId SpeakerOf(Grant grant) =>
        grant.Token is { } token && !token.Access.Has(Permissions.Admin) ? token.Subject : default;

    // A page of any origin can make a browser here ask, and needs no answer to have done harm.
    private string? RefuseWithoutKeys(HttpContext context) =>
        ThisMachine.IsCaller(context)
            ? origins.Refuse(context, keyAsked: false)
            : "neither API keys nor tokens are configured, so only callers on the same machine are served";
}

/// <summary>What a caller may do, or the answer that it gets instead.</summary>
internal readonly record struct Caller(Domain.Access? Access, IResult? Refusal)
{
    /// <summary>Who a message has to be from; empty: anybody.</summary>
    public VisionId Speaker { get; init; }

    /// <summary>The answer to somebody whose token says somebody else than the message does.</summary>
    public static IResult NotTheSpeaker { get; } = Problems.Forbidden(
        "a token speaks for its own client, and for others only with the permission admin", "from_id");

    public Caller(Domain.Access access)
        : this(access, null)
    {
    }

    public Caller(IResult refusal)
        : this(null, refusal)
    {
    }
}

/// <summary>What a caller may operate, or the answer that it gets instead.</summary>
internal readonly record struct Operator(VisionId Group, VisionId Client, IResult? Refusal)
{
    public Operator(VisionId group, VisionId client)
        : this(group, client, null)
    {
    }

    public Operator(IResult refusal)
        : this(default, default, refusal)
    {
    }
}

/// <summary>Who sends to a group without a connection, or the answer that it gets instead.</summary>
internal readonly record struct GroupSender(Sender Sender, VisionId Group, IResult? Refusal)
{
    public GroupSender(Sender sender, VisionId group)
        : this(sender, group, null)
    {
    }

    public GroupSender(IResult refusal)
        : this(Sender.Host, default, refusal)
    {
    }

    /// <summary>
    /// The sender that this access makes. Whoever may look after the groups that a key covers may also talk to them; a
    /// broadcast reaches all others too.
    /// </summary>
    /// <param name="access">What it grants.</param>
    /// <param name="speaker">Whom alone it may speak for; empty: anybody.</param>
    public static Sender Of(Domain.Access access, VisionId speaker) => new(
        speaker, default, access.Has(Permissions.Admin) ? access.With(Permissions.CrossGroup) : access);
}
