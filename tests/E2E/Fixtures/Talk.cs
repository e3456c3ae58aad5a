using System.Text.Json;

namespace Aether.Tests.E2E;

/// <summary>What became of one numbered message.</summary>
/// <param name="Id">Its id, which is its text too.</param>
/// <param name="Error">The code that it was refused with; <see langword="null"/> if it was acknowledged.</param>
/// <param name="Instances">How many instances heard it, as the ack says.</param>
public sealed record Said(string Id, string? Error, int Instances);

/// <summary>
/// Two clients of one group, on two instances: the one sends numbered messages to the group and to the other in turn,
/// each when the one before is answered. Both have the full profile, so that they are told what they may have missed.
/// </summary>
public sealed class Talk : IAsyncDisposable
{
    private readonly TestClient speaker;
    private readonly TestClient listener;
    private readonly List<Said> said = [];
    private readonly List<JsonElement> heard = [];

    private Talk(TestClient speaker, TestClient listener) => (this.speaker, this.listener) = (speaker, listener);

    /// <summary>Their group.</summary>
    public string Group => speaker.Group;

    /// <summary>Both.</summary>
    public string[] Members => [listener.Id, speaker.Id];

    /// <summary>Who hears.</summary>
    public TestClient Listener => listener;

    /// <summary>What was said and answered so far.</summary>
    public IReadOnlyList<Said> Said => said;

    /// <summary>What the listener got so far, with <see cref="ListenUntilNowAsync"/>.</summary>
    public IReadOnlyList<JsonElement> Heard => heard;

    /// <summary>How often the listener was told that messages may be missing.</summary>
    public int Gaps => heard.Count(message => message.Text("cmd") == "gap");

    /// <summary>Connects both.</summary>
    public static async Task<Talk> StartAsync(ServerProcess from, ServerProcess to, string group)
    {
        var speaker = await TestClient.ConnectAsync(from, group, "speaker-" + group, "echo=off", TwoInstances.Full);
        var listener = await TestClient.ConnectAsync(to, group, "listener-" + group, "echo=off", TwoInstances.Full);
        return new Talk(speaker, listener);
    }

    /// <summary>Says one thing after the other until told to end.</summary>
    public async Task GoOnAsync(CancellationToken end)
    {
        while (!end.IsCancellationRequested)
        {
            await SayAsync(said.Count % 2 == 0 ? "group" : "direct");
            // Far below the limit of what one client may send.
            await Task.Delay(20, CancellationToken.None);
        }
    }

    /// <summary>Says the next thing, and waits for the answer.</summary>
    public async Task<Said> SayAsync(string target)
    {
        string id = target + "-" + said.Count;
        await speaker.SendAsync(
            Json.Message(speaker.Id, target, to: target == "direct" ? listener.Id : null, msg: id, id: id));
        while (true)
        {
            var answer = await speaker.ReceiveAsync();
            if (answer.Text("reply_to") != id)
                continue;
            said.Add(answer.Text("cmd") == "ack"
                ? new Said(id, null, answer.Payload("instances").GetInt32())
                : new Said(id, answer.Payload("code").GetString(), 0));
            return said[^1];
        }
    }

    /// <summary>Waits until the listener has a message.</summary>
    public async Task ListenForAsync(string id)
    {
        while (!heard.Exists(message => message.Text("msg") == id))
            heard.Add(await listener.ReceiveAsync());
    }

    /// <summary>Says the next thing, and tells whether the listener got it within a moment.</summary>
    public async Task<bool> IsHeardAsync(string target)
    {
        string id = (await SayAsync(target)).Id;
        try
        {
            while (heard.Count == 0 || heard[^1].Text("msg") != id)
                heard.Add(await listener.ReceiveAsync(TimeSpan.FromSeconds(2)));
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Takes what the listener's instance has sent it.</summary>
    public async Task ListenUntilNowAsync()
    {
        foreach (string text in await listener.ReceiveUntilNowAsync())
            heard.Add(Json.Read(text));
    }

    /// <summary>Who was told to have left.</summary>
    public IEnumerable<string?> Left()
    {
        foreach (var message in heard.Where(message => message.Text("msg_type") == "presence"))
        {
            if (message.Text("cmd") == "leave")
                yield return message.Text("from_id");
            if (message.Text("cmd") != "changes")
                continue;
            foreach (var one in message.Payload("left").EnumerateArray())
                yield return one.Text("client_id");
        }
    }

    /// <summary>
    /// What was acknowledged and neither heard nor followed by a gap: a loss that nobody was told of.
    /// </summary>
    public IEnumerable<string> LostInSilence()
    {
        var places = new Dictionary<string, int>();
        for (int i = 0; i < heard.Count; i++)
        {
            if (heard[i].Text("msg") is { } text)
                places[text] = i;
        }
        int lastGap = heard.FindLastIndex(message => message.Text("cmd") == "gap");
        int before = -1;
        foreach (var one in said)
        {
            if (places.TryGetValue(one.Id, out int place))
                before = place;
            else if (one.Error is null && (lastGap < 0 || lastGap < before))
                yield return one.Id;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await speaker.DisposeAsync();
        await listener.DisposeAsync();
    }
}
