using System.Text.Json;
using System.Text.Json.Nodes;
using Worker;

if (args is not [var server, var group, var client] || !Uri.TryCreate(server, UriKind.Absolute, out var address))
{
    Console.Error.WriteLine("usage: worker SERVER GROUP CLIENT, as in: worker http://localhost:5000 press-7 worker-1");
    return 2;
}
using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stop.Cancel();
};
try
{
    await new Connection(address, group, client, Environment.GetEnvironmentVariable("AETHER_KEY")).RunAsync(WorkAsync, stop.Token);
}
catch (OperationCanceledException)
{
    return 0;
}
return 1;

// What is done with a command. What it returns is the answer to whoever asks for one; null: the command is none of ours.
static async Task<JsonObject?> WorkAsync(JsonElement message)
{
    if (message.GetProperty("cmd").GetString() != "start")
        return null;
    int speed = message.GetProperty("payload").TryGetProperty("speed", out var given) && given.TryGetInt32(out int number)
        ? number
        : 1;
    Console.WriteLine($"working at speed {speed}");
    await Task.Delay(TimeSpan.FromMilliseconds(300 / Math.Clamp(speed, 1, 10)));
    return new JsonObject { ["pages"] = 100 * speed };
}
