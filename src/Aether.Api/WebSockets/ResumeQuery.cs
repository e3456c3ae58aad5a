using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Api.WebSockets;

/// <summary>Reads from the query of an upgrade what a client asks for that was away.</summary>
internal static class ResumeQuery
{
    private const string RewindRule = "must be a whole number from 1 to 100";

    /// <returns>What is wrong with it, if anything.</returns>
    public static MessageError? TryRead(IQueryCollection query, out ResumeRequest request)
    {
        request = default;
        if (!TryRead(query, "group_pos", out var group))
            return new("group_pos", Position.Rule);
        if (!TryRead(query, "client_pos", out var client))
            return new("client_pos", Position.Rule);
        if (!TryRead(query, "broadcast_pos", out var broadcast))
            return new("broadcast_pos", Position.Rule);
        int rewind = 0;
        if (query.TryGetValue("rewind", out var text)
            && !(text.Count == 1
                && Digits.TryParse(text[0], out rewind)
                && rewind is >= 1 and <= ResumeRequest.MaxRewind))
            return new("rewind", RewindRule);
        request = new ResumeRequest(new ChannelPositions(group, client, broadcast), rewind);
        return null;
    }

    private static bool TryRead(IQueryCollection query, string name, out Position position)
    {
        position = default;
        return !query.TryGetValue(name, out var values)
            || (values.Count == 1 && Position.TryParse(values[0], out position));
    }
}
