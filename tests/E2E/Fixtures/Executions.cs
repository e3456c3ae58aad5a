using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Aether.Tests.E2E;

/// <summary>A client that carries out commands by hand, as the protocol's section on commands has it.</summary>
public static class Executions
{
    private static readonly ConditionalWeakTable<TestClient, HashSet<string>> Taken = [];

    /// <summary>
    /// The next attempt that comes and was not taken yet: one that is not taken may come again. What else came before it is
    /// passed over.
    /// </summary>
    public static async Task<JsonElement> TakeAsync(this TestClient member)
    {
        while (true)
        {
            var message = await member.ReceiveAsync();
            if (message.TryGetProperty("execution", out var execution)
                && Taken.GetOrCreateValue(member).Add($"{message.Text("id")} {execution.GetProperty("attempt").GetInt32()}"))
            {
                return message;
            }
        }
    }

    /// <summary>Says how far a part is.</summary>
    /// <param name="member">Whose part it is.</param>
    /// <param name="execution">The part, as it came.</param>
    /// <param name="status">How far it is.</param>
    /// <param name="more">Further fields, such as <c>"progress":{}</c>.</param>
    public static Task ReportAsync(this TestClient member, JsonElement execution, string status, string more = "")
    {
        int attempt = execution.GetProperty("execution").GetProperty("attempt").GetInt32();
        string rest = more.Length > 0 ? "," + more : "";
        return member.SendAsync(Json.Message(
            member.Id, "direct", "aether", type: "cmd", cmd: "execution.update", id: Guid.NewGuid().ToString("N"),
            replyTo: execution.Text("id"), payload: $$"""{"attempt":{{attempt}},"status":"{{status}}"{{rest}}}"""));
    }

    /// <summary>Waits until the server asks for a part to be stopped.</summary>
    public static async Task IsAskedToStopAsync(this TestClient member, JsonElement execution)
    {
        while (true)
        {
            var message = await member.ReceiveAsync();
            if (message.Text("cmd") == "execution.cancel" && message.Text("reply_to") == execution.Text("id"))
                return;
        }
    }
}
