using System.Text;

namespace Aether.Domain;

/// <summary>
/// Why the server closes a connection: the code tells a client's program what to do (4000–4099: stop, 4100–4199: come
/// back after a second), the text tells a person. Every close code is spelled here and nowhere else.
/// </summary>
public sealed record CloseReason
{
    /// <summary>The longest text, in bytes of UTF-8: what RFC 6455 leaves beside the code.</summary>
    public const int MaxTextBytes = 123;

    private CloseReason(ushort code, string text)
    {
        Code = code;
        Text = Shorten(text);
    }

    /// <summary>The client closed first; its close is answered.</summary>
    public static CloseReason Normal { get; } = new(1000, "");

    /// <summary>The instance ends for good.</summary>
    public static CloseReason GoingAway { get; } = new(1001, "going away");

    /// <summary>The connection broke off without a close frame. Nobody is told: it is never sent.</summary>
    public static CloseReason Lost { get; } = new(1006, "lost");

    /// <summary>A frame broke the rules of RFC 6455.</summary>
    public static CloseReason ProtocolError { get; } = new(1002, "broken frame");

    /// <summary>A binary frame came; the protocol has only text.</summary>
    public static CloseReason BinaryFrame { get; } = new(1003, "messages are text frames");

    /// <summary>A text frame was not UTF-8.</summary>
    public static CloseReason InvalidUtf8 { get; } = new(1007, "text frames are UTF-8");

    /// <summary>A fault of the server's own.</summary>
    public static CloseReason ServerFault { get; } = new(1011, "server fault");

    /// <summary>The instance restarts and drains.</summary>
    public static CloseReason Restarting { get; } = new(1012, "restarting, come back");

    /// <summary>There is too much to do, or the backplane has been down too long.</summary>
    public static CloseReason Overloaded { get; } = new(1013, "overloaded, come back later");

    /// <summary>The credential of this connection is no longer valid.</summary>
    public static CloseReason CredentialRevoked { get; } = new(4001, "credential revoked or expired");

    /// <summary>The same client connected again, and only its newest connection stays.</summary>
    public static CloseReason Superseded { get; } = new(4004, "superseded by a newer connection of this client");

    /// <summary>The API removed this client.</summary>
    public static CloseReason Removed { get; } = new(4005, "removed by the API");

    /// <summary>The client kept on sending over its rate limit.</summary>
    public static CloseReason Flooding { get; } = new(4100, "over the rate limit for too long");

    /// <summary>The client does not take what is sent to it.</summary>
    public static CloseReason TooSlow { get; } = new(4101, "too slow: the outgoing queue is full");

    /// <summary>The client said nothing for longer than the instance allows.</summary>
    public static CloseReason Idle { get; } = new(4102, "idle");

    /// <summary>The close code on the wire.</summary>
    public ushort Code { get; }

    /// <summary>Whether it answers a close of the client's, which chose the code.</summary>
    public bool IsAnswer { get; private init; }

    /// <summary>The reason in words, at most <see cref="MaxTextBytes"/> bytes of UTF-8.</summary>
    public string Text { get; }

    /// <summary>A message broke the limits of size, fragments or assembly time.</summary>
    public static CloseReason MessageTooBig(string rule) => new(1009, rule);

    /// <summary>A message broke the schema. <paramref name="rule"/> names the field and what it must be.</summary>
    public static CloseReason InvalidMessage(string rule) => new(4000, rule);

    /// <summary>The answer to a client's own close: its code back, and no text.</summary>
    public static CloseReason Answer(int code) =>
        code is >= 1000 and <= 4999 and not (1004 or 1005 or 1006 or 1015)
            ? new((ushort)code, "") { IsAnswer = true }
            : Normal;

    private static string Shorten(string text)
    {
        if (Encoding.UTF8.GetByteCount(text) <= MaxTextBytes)
            return text;
        var shortened = new StringBuilder();
        int bytes = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            if ((bytes += rune.Utf8SequenceLength) > MaxTextBytes)
                break;
            shortened.Append(rune.ToString());
        }
        return shortened.ToString();
    }
}
