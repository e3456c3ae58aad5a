using Aether.Api.Access;
using Aether.Application.Commands;
using Aether.Application.Handlers;
using Aether.Application.Wire;
using Aether.Domain;
using MediatR;

namespace Aether.Api.WebSockets;

/// <summary>What every connection of the instance shares.</summary>
internal sealed record ConnectionServices(
    IMediator Mediator,
    ServerMessages Messages,
    ConnectionLimits Limits,
    Instance Instance,
    Clock Clock,
    TimeProvider Time,
    ILogger<SocketConnection> Logger,
    HandlerDispatcher? Handlers = null,
    CommandServices? Commands = null,
    Credentials? Credentials = null);

/// <summary>What connections need for the commands that they have to do with.</summary>
internal sealed record CommandServices(CommandWatches Watches, CommandRunner Runner);

/// <summary>What a connection asked to hear.</summary>
/// <param name="Full">Whether it also gets the welcome frame, presence events and gaps.</param>
/// <param name="Echo">Whether it gets the group and broadcast messages of its own client.</param>
/// <param name="Role">What it is in its group.</param>
internal readonly record struct Profile(bool Full, bool Echo, Role Role);
