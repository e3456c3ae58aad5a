using System.Text;
using Aether.Application.Pipeline;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Benchmarks;

/// <summary>Messages and members such as clients send and groups have.</summary>
internal static class Samples
{
    public static readonly VisionId Client = VisionId.Parse("camera-17");
    public static readonly VisionId Receiver = VisionId.Parse("console-2");
    public static readonly VisionId Group = VisionId.Parse("hall-4");
    public static readonly VisionId OtherGroup = VisionId.Parse("hall-5");

    /// <summary>A client's connection that may also broadcast.</summary>
    public static readonly Sender Sender = new(Client, Group, new Access(Permissions.Broadcast));

    /// <summary>A message of usual size to a group, as its sender wrote it.</summary>
    public static readonly byte[] Plain = Json("");

    /// <summary>The same, to be acknowledged.</summary>
    public static readonly byte[] WithId = Json(",\"id\":\"m-000123\"");

    /// <summary>The same, with text that JSON has to escape.</summary>
    public static readonly byte[] Escaped = Json(",\"msg\":\"line one\\nline \\\"two\\\" \\u00fc \\ud83d\\ude00 \\\\ end\"");

    /// <summary>The same, with a payload of 16 KiB.</summary>
    public static readonly byte[] Large = Json("", Payload(16_384));

    /// <summary>A message that lacks a field.</summary>
    public static readonly byte[] Incomplete =
        "{\"version\":\"3\",\"msg_type\":\"msg\",\"target\":\"group\",\"from_id\":\"camera-17\"}"u8.ToArray();

    /// <summary>What breaks off in the middle.</summary>
    public static readonly byte[] Torn = Plain[..^20];

    /// <summary>Reads one of the above.</summary>
    public static Message Read(byte[] json) =>
        MessageReader.TryRead(json, Client, Group, out var message, out var error)
            ? message
            : throw new InvalidOperationException(error.ToString());

    /// <summary>A group's members, in no order, every second one with a state.</summary>
    public static List<Member> Members(int count)
    {
        var start = new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc);
        byte[] none = "{}"u8.ToArray();
        byte[] state = "{\"zoom\":2.5,\"recording\":true,\"label\":\"north door\"}"u8.ToArray();
        return
        [
            .. Enumerable.Range(0, count).Select(i => i * 7919 % count).Select(i => new Member(
                VisionId.Parse($"client-{i}"),
                i % 10 == 0 ? Role.Controller : Role.Worker,
                i % 2 == 0 ? none : state,
                1,
                start.AddMilliseconds(i * 37),
                start.AddMilliseconds(60_000 + (i * 11)))),
        ];
    }

    private static byte[] Json(string more, string payload = "{\"x\":12.5,\"y\":-3,\"label\":\"person\",\"seen\":true}") =>
        Encoding.UTF8.GetBytes(
            "{\"version\":\"3\",\"msg_type\":\"cmd\",\"target\":\"group\",\"from_id\":\"camera-17\",\"to_id\":null,"
            + "\"group_id\":\"hall-4\",\"cmd\":\"track\",\"payload\":" + payload
            + ",\"sent_at\":\"2026-01-02T03:04:05.678Z\"" + more + "}");

    private static string Payload(int bytes)
    {
        var json = new StringBuilder("{\"points\":[{\"x\":0,\"y\":0}");
        for (int i = 1; json.Length < bytes - 40; i++)
            json.Append(System.Globalization.CultureInfo.InvariantCulture, $",{{\"x\":{i}.25,\"y\":{-i}}}");
        json.Append("],\"pad\":\"");
        json.Append('.', bytes - json.Length - 2);
        return json.Append("\"}").ToString();
    }
}
