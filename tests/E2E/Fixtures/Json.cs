using System.Text;
using System.Text.Json;

namespace Aether.Tests.E2E;

/// <summary>Messages as text, and back.</summary>
public static class Json
{
    /// <summary>When the messages of these tests were sent.</summary>
    public const string SentAt = "2026-01-02T03:04:05Z";

    /// <summary>A message as its sender writes it. What is not given is not in it.</summary>
    /// <param name="from">The sender.</param>
    /// <param name="target">Where it goes.</param>
    /// <param name="to">The receiver of a direct message.</param>
    /// <param name="type">Its type.</param>
    /// <param name="group">The group it is scoped to.</param>
    /// <param name="cmd">The command.</param>
    /// <param name="msg">Text for people.</param>
    /// <param name="payload">A JSON object.</param>
    /// <param name="sentAt">When it was sent.</param>
    /// <param name="id">Its name, for an ack.</param>
    /// <param name="replyTo">The message that it answers.</param>
    /// <param name="role">The role that it is for.</param>
    public static string Message(
        string from,
        string target = "group",
        string? to = null,
        string type = "msg",
        string? group = null,
        string? cmd = null,
        string? msg = null,
        string payload = "{}",
        string sentAt = SentAt,
        string? id = null,
        string? replyTo = null,
        string? role = null)
    {
        var json = new StringBuilder("{\"version\":\"3\"");
        void Add(string name, string? value)
        {
            if (value is not null)
                json.Append($",\"{name}\":{JsonSerializer.Serialize(value)}");
        }
        Add("msg_type", type);
        Add("target", target);
        Add("from_id", from);
        Add("to_id", to);
        Add("group_id", group);
        Add("cmd", cmd);
        Add("msg", msg);
        json.Append(",\"payload\":").Append(payload);
        Add("sent_at", sentAt);
        Add("id", id);
        Add("reply_to", replyTo);
        Add("to_role", role);
        return json.Append('}').ToString();
    }

    /// <summary>Reads a JSON text.</summary>
    public static JsonElement Read(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }

    /// <summary>The text of a field; <see langword="null"/> where it is null or not there.</summary>
    public static string? Text(this JsonElement message, string field) =>
        message.TryGetProperty(field, out var value) ? value.GetString() : null;

    /// <summary>A field of the payload.</summary>
    public static JsonElement Payload(this JsonElement message, string field) =>
        message.GetProperty("payload").GetProperty(field);

    /// <summary>Whether it is an error frame with this code.</summary>
    public static bool IsError(this JsonElement message, string code) =>
        message.Text("cmd") == "error" && message.Text("from_id") == "aether"
            && message.Payload("code").GetString() == code;
}
