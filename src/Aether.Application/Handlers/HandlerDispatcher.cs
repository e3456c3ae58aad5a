using Aether.Application.Pipeline;
using Aether.Application.Requests;
using Aether.Application.Wire;
using Aether.Domain;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Aether.Application.Handlers;

/// <summary>
/// Asks the host's handlers: each call in a scope of its own, on a thread of the pool, for a limited time. Where the host
/// has none there is no dispatcher, and nobody pays for it.
/// </summary>
internal sealed class HandlerDispatcher
{
    // What an answer is longer than its payload: its ten fields, two ids and the id of the question.
    private const int AroundPayload = 640;

    private static readonly Rejection TookTooLong =
        new(ErrorCode.Internal, "the host did not decide in time; the message was not sent");

    private readonly IServiceScopeFactory scopes;
    private readonly CommandRules rules;
    private readonly ServerMessages messages;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly TimeSpan limit;
    private readonly int maxAnswer;

    private HandlerDispatcher(IServiceProvider services)
    {
        var options = services.GetRequiredService<RealtimeOptions>();
        scopes = services.GetRequiredService<IServiceScopeFactory>();
        rules = new CommandRules(services);
        messages = services.GetRequiredService<ServerMessages>();
        time = services.GetRequiredService<TimeProvider>();
        logger = services.GetRequiredService<ILogger<HandlerDispatcher>>();
        limit = options.HandlerTimeout;
        maxAnswer = options.MaxMessageBytes - AroundPayload;
    }

    /// <summary>Creates one, if the host has a handler.</summary>
    public static HandlerDispatcher? CreateIfAny(IServiceProvider services)
    {
        ArgumentNullException.ThrowIfNull(services);
        return services.GetRequiredService<IServiceProviderIsService>().IsService(typeof(IRealtimeHandler))
            ? new HandlerDispatcher(services)
            : null;
    }

    /// <summary>A client wants to connect.</summary>
    /// <returns>Why it may not.</returns>
    public Task<Rejection?> ConnectingAsync(RealtimeConnection connection) => AskAsync(
        nameof(IRealtimeHandler.OnConnectingAsync),
        async (handler, cancellation) =>
            (await handler.OnConnectingAsync(connection, cancellation).ConfigureAwait(false))?.Rejection,
        failed: Rejection.Internal,
        late: Rejection.Internal);

    /// <summary>A client is connected.</summary>
    public Task ConnectedAsync(RealtimeConnection connection) => TellAsync(
        nameof(IRealtimeHandler.OnConnectedAsync),
        (handler, cancellation) => handler.OnConnectedAsync(connection, cancellation));

    /// <summary>A connection has ended.</summary>
    public Task DisconnectedAsync(RealtimeConnection connection, CloseReason reason) => TellAsync(
        nameof(IRealtimeHandler.OnDisconnectedAsync),
        (handler, cancellation) => handler.OnDisconnectedAsync(connection, reason, cancellation));

    /// <summary>A client's message has become a command, which is not carried out yet.</summary>
    /// <returns>What became of it; <see langword="null"/>: it is to be carried out.</returns>
    public Task<Outcome?> MessageAsync(RealtimeConnection connection, IMessageCommand command)
    {
        ArgumentNullException.ThrowIfNull(command);
        // What its sender may not send is refused without the host, by whoever would carry it out.
        if (!Hears(command) || rules.Check(command) is not null)
            return Task.FromResult<Outcome?>(null);
        var received = new ReceivedMessage(command.Message);
        return AskAsync(
            nameof(IRealtimeHandler.OnMessageAsync),
            async (handler, cancellation) => ToOutcome(
                await handler.OnMessageAsync(connection, received, cancellation).ConfigureAwait(false), command),
            failed: Outcome.Rejected(Rejection.Internal),
            late: Outcome.Rejected(TookTooLong));
    }

    // Of what goes to the server itself only that which it would not know: the rest is its own business with a client, and
    // may hold a credential.
    private static bool Hears(IMessageCommand command) => command.Message switch
    {
        { Type: not (MessageType.Msg or MessageType.Cmd) } => false,
        { Target: Target.Direct } message when message.ToId == VisionId.Server =>
            command is RefuseRequest refuse && refuse.Rejection == Refusals.Unknown,
        _ => true,
    };

    private Outcome? ToOutcome(MessageResult? result, IMessageCommand command)
    {
        if (result is null)
            throw new InvalidOperationException("a handler has to say what is to become of a message");
        if (result.Refusal is { } refusal)
            return Outcome.Rejected(refusal.Rejection);
        if (result.Answer is not { } answer)
            return null;
        if (answer.Length > maxAnswer)
            throw new InvalidOperationException("an answer must not be longer than a message");
        var (sender, question) = (command.Sender, command.Message);
        return question.Id is null
            ? Outcome.Done
            : Outcome.Answer(messages.Reply(sender.ClientId, sender.GroupId, question.Id, answer));
    }

    private Task<object?> TellAsync(string call, Func<IRealtimeHandler, CancellationToken, ValueTask> tell) => AskAsync<object>(
        call,
        async (handler, cancellation) =>
        {
            await tell(handler, cancellation).ConfigureAwait(false);
            return null;
        },
        // What happened is told to each of them, whatever the others make of it.
        failed: null,
        late: null);

    private async Task<T?> AskAsync<T>(
        string call, Func<IRealtimeHandler, CancellationToken, Task<T?>> ask, T? failed, T? late)
        where T : class
    {
        // Not here: this thread may be one that reads for many connections, and a handler may block the one it gets.
        var asking = Task.Run(() => AskAllAsync(call, ask, failed), CancellationToken.None);
        try
        {
            var (answer, inTime) = await asking.WaitAsync(limit, time).ConfigureAwait(false);
            if (inTime)
                return answer;
        }
        catch (TimeoutException)
        {
            // It goes on without us, and sees to its own end.
        }
        logger.HandlerTookTooLong(call, limit.TotalSeconds);
        return late;
    }

    /// <summary>Never fails: nobody may be waiting for it any longer.</summary>
    private async Task<(T? Answer, bool InTime)> AskAllAsync<T>(
        string call, Func<IRealtimeHandler, CancellationToken, Task<T?>> ask, T? failed)
        where T : class
    {
        using var timer = new CancellationTokenSource(limit, time);
        try
        {
            var scope = scopes.CreateAsyncScope();
            await using (scope.ConfigureAwait(false))
            {
                foreach (var handler in scope.ServiceProvider.GetServices<IRealtimeHandler>())
                {
                    try
                    {
                        if (await ask(handler, timer.Token).ConfigureAwait(false) is { } answer)
                            return (answer, true);
                    }
                    catch (OperationCanceledException) when (timer.IsCancellationRequested)
                    {
                        return (null, false);
                    }
                    catch (Exception fault)
                    {
                        logger.HandlerFailed(handler.GetType().Name, call, fault.GetType().Name);
                        if (failed is not null)
                            return (failed, true);
                    }
                }
            }
            return (null, true);
        }
        catch (Exception fault)
        {
            // A handler could not be made, or what it was made with could not be disposed of.
            logger.HandlerFailed(nameof(IRealtimeHandler), call, fault.GetType().Name);
            return (failed, true);
        }
    }
}
