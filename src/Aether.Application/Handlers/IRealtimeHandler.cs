using Aether.Domain;

namespace Aether.Application.Handlers;

/// <summary>
/// What the host hears of its V3 connections. Add it with <c>services.AddRealtimeHandler&lt;T&gt;()</c> and implement what
/// is of interest. Each call has a scope of services of its own, and may take as long as <c>HandlerTimeout</c> says; then
/// its token is canceled and nobody waits for it any longer. The calls of one connection come one after the other, in the
/// order of what happened; those of several connections come at the same time. Several handlers are asked in the order in
/// which they were added, until one refuses or answers.
/// </summary>
/// <remarks>
/// A handler that throws harms nobody: the type of the fault is logged, what it was asked about is refused with the code
/// <c>internal</c>, and the connection stays. What is sent over HTTP or with <see cref="Messaging.IRealtime"/>, and what
/// V1 and V2 clients do, is not heard here.
/// </remarks>
public interface IRealtimeHandler
{
    /// <summary>
    /// A client that may connect wants to. Nobody sees it yet. It is also asked when a page only wants to know why it was
    /// refused, so that it decides and changes nothing.
    /// </summary>
    /// <param name="connection">Who it is; it has no <see cref="RealtimeConnection.Id"/> yet.</param>
    /// <param name="cancellationToken">Canceled when the call has taken too long.</param>
    /// <returns>
    /// Why it may not: HTTP status 403, or 503 where it may try again. <see langword="null"/>: it may.
    /// </returns>
    ValueTask<Refusal?> OnConnectingAsync(RealtimeConnection connection, CancellationToken cancellationToken) => default;

    /// <summary>
    /// A client is connected: it is present in its group, and gets what is sent to it. Its first message waits for this.
    /// </summary>
    /// <param name="connection">The connection.</param>
    /// <param name="cancellationToken">Canceled when the call has taken too long.</param>
    ValueTask OnConnectedAsync(RealtimeConnection connection, CancellationToken cancellationToken) => default;

    /// <summary>
    /// A client sent a message or a command that it may send; it has not been delivered yet. Its next one waits for this.
    /// Heartbeats, presence, and what the server answers itself are not heard.
    /// </summary>
    /// <param name="connection">Who sent it.</param>
    /// <param name="message">What it sent.</param>
    /// <param name="cancellationToken">Canceled when the call has taken too long.</param>
    /// <returns>What is to become of it.</returns>
    ValueTask<MessageResult> OnMessageAsync(
        RealtimeConnection connection, ReceivedMessage message, CancellationToken cancellationToken) =>
        new(MessageResult.Continue);

    /// <summary>
    /// A connection has ended, whoever ended it, the end of the instance included. Called once for each that was told as
    /// connected.
    /// </summary>
    /// <param name="connection">The connection.</param>
    /// <param name="reason">Why it ended.</param>
    /// <param name="cancellationToken">Canceled when the call has taken too long.</param>
    ValueTask OnDisconnectedAsync(
        RealtimeConnection connection, CloseReason reason, CancellationToken cancellationToken) => default;
}
