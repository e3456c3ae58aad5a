using Aether.Domain;
using Microsoft.AspNetCore.WebUtilities;

namespace Aether.Api.Access;

/// <summary>
/// The users of the host, beside API keys and tokens. Whoever shows one of ours has what it grants and nothing else; a
/// wrong one is refused and never taken for none.
/// </summary>
internal sealed class HostUsers(Credentials credentials, ILogger<HostUsers> logger, RealtimeAuthorizer? authorize = null)
{
    /// <summary>Whether there are any.</summary>
    public bool Exist => authorize is not null;

    /// <summary>Whether it is the host who knows what a request may do.</summary>
    /// <param name="request">The request.</param>
    /// <param name="basic">
    /// Whether the key may also stand in <c>Authorization</c>. What is there and is none of ours may be the host's own.
    /// </param>
    /// <param name="bearer">Whether it may be a Bearer token there.</param>
    public bool AreAsked(HttpRequest request, bool basic = false, bool bearer = false)
    {
        if (authorize is null)
            return false;
        return !credentials.Required || !credentials.AreShownBy(request, basic, bearer);
    }

    /// <summary>Asks the host.</summary>
    /// <param name="context">The request.</param>
    /// <param name="group">The group it is about; empty: none.</param>
    /// <param name="client">The client; empty: none.</param>
    public async ValueTask<HostUser> FindAsync(HttpContext context, VisionId group, VisionId client)
    {
        try
        {
            var answer = await authorize!(context, NameOf(group), NameOf(client)).ConfigureAwait(false);
            return answer is { IsGranted: true }
                ? new(new Grant(Grant.OfHost, AccessOf(answer, group)) { Role = answer.Role }, null)
                : new(null, answer ?? throw new InvalidOperationException("there was no answer"));
        }
        catch (Exception fault)
        {
            logger.AuthorizationFailed(fault.GetType().Name);
            return default;
        }
    }

    private static string? NameOf(VisionId id) => id.IsEmpty ? null : id.Value;

    private static Domain.Access AccessOf(RealtimeAuthorization answer, VisionId group)
    {
        if (answer.Groups.Contains("*"))
            return new(answer.Permissions);
        var reached = answer.Groups.Select(VisionId.Parse);
        return new(answer.Permissions, group.IsEmpty ? reached : reached.Append(group));
    }
}

/// <summary>What the host said of a request.</summary>
/// <param name="Grant">What it may do; <see langword="null"/>: nothing.</param>
/// <param name="Refused">Why not; <see langword="null"/> beside no grant: the host failed.</param>
internal readonly record struct HostUser(Grant? Grant, RealtimeAuthorization? Refused)
{
    /// <summary>The answer to who may do nothing.</summary>
    public IResult Refusal => Refused is null
        ? Problems.Fault()
        : Problems.Of(
            Refused.RefusalStatus, ReasonPhrases.GetReasonPhrase(Refused.RefusalStatus), Refused.RefusalText!);
}
