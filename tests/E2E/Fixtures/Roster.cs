using System.Text.Json;

namespace Aether.Tests.E2E;

/// <summary>A member of a group, as the roster tells of it.</summary>
public sealed record RosterMember(string Id, string? Role, string State, int Connections);

/// <summary>A page of a group's roster, asked for over a client's own connection.</summary>
public sealed record Roster(IReadOnlyList<RosterMember> Members, int Total)
{
    /// <summary>Asks for a page, and passes by what came before the answer.</summary>
    /// <param name="client">The client that asks.</param>
    /// <param name="payload">Which page.</param>
    public static async Task<Roster> OfAsync(TestClient client, string payload = "{}")
    {
        string id = Guid.NewGuid().ToString("N");
        await client.SendAsync(
            Json.Message(client.Id, "echo", type: "presence", cmd: "roster", payload: payload, id: id));
        while (true)
        {
            var answer = await client.ReceiveAsync();
            if (answer.Text("reply_to") != id || answer.Text("cmd") != "roster")
                continue;
            if (answer.Text("from_id") != "aether" || answer.Text("msg_type") != "presence")
                throw new InvalidOperationException(answer.GetRawText());
            return new Roster(
                [.. answer.Payload("members").EnumerateArray().Select(Read)], answer.Payload("total").GetInt32());
        }
    }

    private static RosterMember Read(JsonElement member) => new(
        member.Text("client_id")!,
        member.Text("role"),
        member.GetProperty("state").GetRawText(),
        member.GetProperty("connections").GetInt32());
}
