using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Aether.Api.Access;
using Aether.Application.Ports;
using Aether.Application.Tracing;
using Microsoft.AspNetCore.Mvc;

namespace Aether.Api.Http;

/// <summary>
/// What one client sends and is sent, as it happens: <c>/v3/groups/{group_id}/clients/{client_id}/trace</c>. Needs the
/// permission admin, and a key that is good for the group. Nothing of it is kept or logged.
/// </summary>
internal sealed class TraceApi(HttpCallers callers, ClientTraces traces, IHostApplicationLifetime lifetime)
    : IDisposable
{
    /// <summary>How many may look at the same time, on one instance.</summary>
    private const int Most = 4;

    private readonly SemaphoreSlim slots = new(Most);

    public async Task<IResult> TraceAsync(
        [FromRoute(Name = "group_id")] string groupId,
        [FromRoute(Name = "client_id")] string clientId,
        HttpContext context)
    {
        var admitted = await callers.AdmitAsync(context, groupId, clientId).ConfigureAwait(false);
        if (admitted.Refusal is not null)
            return admitted.Refusal;
        if (!QueryText.Allows(context.Request.Query, [], out var refusal))
            return refusal;
        if (!await slots.WaitAsync(TimeSpan.Zero, CancellationToken.None).ConfigureAwait(false))
        {
            return Problems.Of(
                StatusCodes.Status429TooManyRequests,
                "Too many requests",
                $"this instance has {Most} traces already; end one of them");
        }
        try
        {
            var trace = await traces.BeginAsync(
                admitted.Group,
                admitted.Client,
                // The key may be taken away meanwhile, and the user's rights too.
                mayGoOn: async () => (await callers.AdmitAsync(context, groupId, clientId).ConfigureAwait(false)).Refusal is null,
                lifetime.ApplicationStopping).ConfigureAwait(false);
            if (trace is null)
                return Problems.Of(context, BackplaneFault.Unreachable.ToRejection());
            await using (trace.ConfigureAwait(false))
                await WriteAsync(context, trace).ConfigureAwait(false);
            return Results.Empty;
        }
        finally
        {
            slots.Release();
        }
    }

    public void Dispose() => slots.Dispose();

    private static async Task WriteAsync(HttpContext context, ClientTrace trace)
    {
        // Some proxies would collect the events until there is a page of them.
        context.Response.Headers["X-Accel-Buffering"] = "no";
        try
        {
            await TypedResults.ServerSentEvents(ReadAsync(trace, context.RequestAborted)).ExecuteAsync(context)
                .ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // Whoever looked has left, which is how most of these end.
        }
    }

    private static async IAsyncEnumerable<SseItem<string>> ReadAsync(
        ClientTrace trace, [EnumeratorCancellation] CancellationToken aborted)
    {
        await foreach (var told in trace.ReadAsync(aborted).ConfigureAwait(false))
            yield return new SseItem<string>(Encoding.UTF8.GetString(told.Span), NameOf(told));
    }

    private static string? NameOf(ReadOnlyMemory<byte> told)
    {
        using var document = JsonDocument.Parse(told);
        return document.RootElement.TryGetProperty("event"u8, out var name) ? name.GetString() : null;
    }
}
