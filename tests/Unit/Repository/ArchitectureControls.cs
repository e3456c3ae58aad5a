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

namespace Aether.Tests.Unit.Breaking.InSignatures
{
    internal interface IAbove
    {
        Under.IBelow Below { get; }
    }
}

namespace Aether.Tests.Unit.Breaking.InSignatures.Under
{
    internal interface IBelow
    {
        void Take(IAbove above);
    }
}

namespace Aether.Tests.Unit.Breaking.InABody
{
    internal sealed class Above : Under.Below;
}

namespace Aether.Tests.Unit.Breaking.InABody.Under
{
    internal class Below
    {
        public static object Make() => new Above();
    }
}

namespace Aether.Tests.Unit.Breaking.InALambda
{
    internal sealed class Above : Under.Below;
}

namespace Aether.Tests.Unit.Breaking.InALambda.Under
{
    internal class Below
    {
        public static Func<object> Making => static () => new Above();
    }
}

namespace Aether.Tests.Unit.Breaking.InAnArgument
{
    internal sealed class Above : Under.Below;
}

namespace Aether.Tests.Unit.Breaking.InAnArgument.Under
{
    internal class Below
    {
        public static IReadOnlyList<Above[]>? All => null;
    }
}

namespace Aether.Tests.Unit.Breaking.InACall
{
    internal sealed class Above : Under.Below;
}

namespace Aether.Tests.Unit.Breaking.InACall.Under
{
    internal class Below
    {
        public static int Count(IEnumerable<object> all) => all.OfType<Above>().Count();
    }
}

namespace Aether.Tests.Unit.Breaking.InAnAttribute
{
    internal sealed class Above : Under.Below;
}

namespace Aether.Tests.Unit.Breaking.InAnAttribute.Under
{
    [System.ComponentModel.TypeConverter(typeof(Above))]
    internal class Below;
}

namespace Aether.Tests.Unit.Breaking.AroundACorner
{
    internal sealed class Above : Under.Below;
}

namespace Aether.Tests.Unit.Breaking.AroundACorner.Under
{
    internal class Below : Beside.Corner;
}

namespace Aether.Tests.Unit.Breaking.AroundACorner.Beside
{
    internal class Corner
    {
        public static Type Goal => typeof(Above);
    }
}

namespace Aether.Tests.Unit.Breaking.NoCycle
{
    internal sealed class Above : Under.Below;
}

namespace Aether.Tests.Unit.Breaking.NoCycle.Under
{
    internal class Below : Beside.Corner;
}

namespace Aether.Tests.Unit.Breaking.NoCycle.Beside
{
    internal class Corner;
}

namespace Aether.Tests.Unit.Breaking.PutTogether
{
    internal sealed class Root
    {
        public static Under.Below Below => new();
    }

    internal class Above;
}

namespace Aether.Tests.Unit.Breaking.PutTogether.Under
{
    internal sealed class Below : Above;
}

namespace Aether.Tests.Unit.Breaking.RootIsKnown
{
    internal sealed class Root
    {
        public static Under.Below Below => new();
    }
}

namespace Aether.Tests.Unit.Breaking.RootIsKnown.Under
{
    internal sealed class Below
    {
        public static Type Above => typeof(Root);
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
