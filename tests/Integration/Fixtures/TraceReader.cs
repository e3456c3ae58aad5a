using System.Diagnostics;
using System.Net.ServerSentEvents;
using System.Text.Json;
using Xunit;

namespace Aether.Tests.Integration.Fixtures;

/// <summary>Somebody who looks at the trace of a client, and waits for one event after the other.</summary>
internal sealed class TraceReader : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly HttpResponseMessage answer;
    private readonly IAsyncEnumerator<SseItem<string>> events;

    private TraceReader(HttpResponseMessage answer, Stream body)
    {
        this.answer = answer;
        events = SseParser.Create(body).EnumerateAsync(CancellationToken.None).GetAsyncEnumerator();
    }

    /// <summary>Where the trace of a client is.</summary>
    public static string Path(string group, string client) => $"/v3/groups/{group}/clients/{client}/trace";

    /// <summary>Begins to look, and waits until the server says so.</summary>
    public static async Task<TraceReader> OpenAsync(HttpClient client, string group, string clientId)
    {
        var answer = await client.GetAsync(
            Path(group, clientId), HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        Assert.Equal("200 text/event-stream", $"{(int)answer.StatusCode} {answer.Content.Headers.ContentType?.MediaType}");
        var reader = new TraceReader(
            answer, await answer.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
        await reader.NextAsync("tracing");
        return reader;
    }

    /// <summary>The next event of a kind; those before it are passed over.</summary>
    public async Task<JsonElement> NextAsync(string name, string holds = "")
    {
        var seen = new List<string>();
        var watch = Stopwatch.StartNew();
        try
        {
            while (watch.Elapsed < Patience && await events.MoveNextAsync().AsTask().WaitAsync(Patience))
            {
                seen.Add(events.Current.Data);
                if (events.Current.EventType != name || !events.Current.Data.Contains(holds, StringComparison.Ordinal))
                    continue;
                using var document = JsonDocument.Parse(events.Current.Data);
                Assert.Equal(name, document.RootElement.GetProperty("event").GetString());
                return document.RootElement.Clone();
            }
        }
        catch (TimeoutException)
        {
            // The same as an end: what was waited for did not come.
        }
        Assert.Fail($"no {name} came, but\n{string.Join('\n', seen)}");
        return default;
    }

    /// <summary>Every event up to the end of the stream.</summary>
    public async Task<IReadOnlyList<string>> ToEndAsync()
    {
        var rest = new List<string>();
        while (await events.MoveNextAsync().AsTask().WaitAsync(Patience))
            rest.Add(events.Current.Data);
        return rest;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        // Leaves as a browser does: by closing the connection.
        answer.Dispose();
        return default;
    }
}

/// <summary>What a test reads of an event.</summary>
internal static class TraceEvents
{
    /// <summary>One property as text.</summary>
    public static string? Of(this JsonElement told, string name) =>
        told.TryGetProperty(name, out var value) ? value.ToString() : null;

    /// <summary>The message in it.</summary>
    public static JsonElement Frame(this JsonElement told)
    {
        using var document = JsonDocument.Parse(told.GetProperty("frame").GetString()!);
        return document.RootElement.Clone();
    }
}
