using System.Text.Json;
using Aether.Application.Handlers;
using Aether.Domain;

namespace EmbeddingHost;

/// <summary>
/// Hears the workers report, and lets nobody but a controller send them orders. <c>Commands:Givers</c>, in Program.cs, says
/// the same of commands that report back.
/// </summary>
internal sealed partial class JobReports(JobBoard board, ILogger<JobReports> logger) : IRealtimeHandler
{
    public ValueTask OnConnectedAsync(RealtimeConnection connection, CancellationToken cancellationToken)
    {
        Came(connection.ClientId, connection.GroupId);
        return default;
    }

    public ValueTask OnDisconnectedAsync(
        RealtimeConnection connection, CloseReason reason, CancellationToken cancellationToken)
    {
        Left(connection.ClientId, connection.GroupId, reason.Code);
        return default;
    }

    public ValueTask<MessageResult> OnMessageAsync(
        RealtimeConnection connection, ReceivedMessage message, CancellationToken cancellationToken) => new(message switch
        {
            { IsForServer: true, Cmd: "done" } => Take(connection, message),
            { Cmd: "start" } when connection.Role != Role.Controller =>
                MessageResult.Refuse("only a controller starts anything", code: "not_in_charge"),
            _ => MessageResult.Continue,
        });

    private MessageResult Take(RealtimeConnection connection, ReceivedMessage message)
    {
        Report? report;
        try
        {
            report = message.ReadPayload<Report>();
        }
        catch (JsonException)
        {
            return MessageResult.Refuse("pages: must be a whole number", code: "bad_report");
        }
        board.Add(connection.GroupId, new Done(connection.ClientId, report!.Pages));
        return MessageResult.Reply(new { taken = true });
    }

    [LoggerMessage(1, LogLevel.Information, "{Client} has come to {Group}.")]
    private partial void Came(string client, string group);

    [LoggerMessage(2, LogLevel.Information, "{Client} has left {Group}: {Code}.")]
    private partial void Left(string client, string group, int code);

    private sealed record Report(int Pages);
}
