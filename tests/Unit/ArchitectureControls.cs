using Aether.Application;
using MediatR;
using StackExchange.Redis;

// What the architecture's rules must find: each type here breaks one on purpose.
namespace Aether.Tests.Unit.Breaking
{
    internal sealed class UsesInfrastructure
    {
        public static Type Names => typeof(Infrastructure.Redis.RedisNames);
    }

    internal sealed class UsesAspNetCore
    {
        public static Type Context => typeof(Microsoft.AspNetCore.Http.HttpContext);
    }

    internal sealed record Command : IRequest<Outcome>;

    internal class OpenHandler : IRequestHandler<Command, Outcome>
    {
        public Task<Outcome> Handle(Command request, CancellationToken cancellationToken) =>
            Task.FromResult(Outcome.Done);
    }

    internal sealed class DerivedHandler : OpenHandler;

    internal sealed class HandlesAndIsSealed : IRequestHandler<Command, Outcome>
    {
        public Task<Outcome> Handle(Command request, CancellationToken cancellationToken) =>
            Task.FromResult(Outcome.Done);
    }

    internal sealed class SealedHandler : IRequestHandler<Command, Outcome>
    {
        public Task<Outcome> Handle(Command request, CancellationToken cancellationToken) =>
            Task.FromResult(Outcome.Done);
    }

    internal sealed class BuildsAKey
    {
        public static RedisKey Key => "ws:leases";
    }

    internal sealed class BuildsAChannel
    {
        public static RedisChannel Channel => RedisChannel.Literal("ws:broadcast");
    }

    internal sealed class BuildsAKeyLater
    {
        public static async Task<RedisKey> KeyAsync(string name)
        {
            await Task.Yield();
            return name;
        }
    }

    internal sealed class PassesAKeyOn
    {
        public static RedisKey[] Keys(RedisKey key) => [key];
    }
}

namespace Aether.Api.Controls
{
    /// <summary>Nothing of the host's may be used from inside; a name in its namespace stands for it.</summary>
    internal sealed class UsesItself
    {
        public static Type Other => typeof(Used);
    }

    internal sealed class Used;
}
