using System.Net.Sockets;
using Aether.Application.Ports;
using Aether.Domain;
using Aether.Infrastructure.Redis;
using StackExchange.Redis;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>What is made of what Redis answers: how far it reaches, and what a sender is told.</summary>
public sealed class RedisFaultsTests
{
    [Theory]
    [InlineData("OutOfMemory", "OOM command not allowed when used memory > 'maxmemory'.", "Full", "Call")]
    [InlineData("NoPermission", "NOPERM User aether has no permissions to run the 'hdel' command", "Forbidden", "Call")]
    [InlineData("NoPermission", "NOPERM No permissions to access a key", "Forbidden", "Call")]
    [InlineData("UnknownError", "ERR ACL failure in script: User aether has no permissions to run the 'hset' command",
        "Forbidden", "Call")]
    [InlineData("WrongType", "WRONGTYPE Operation against a key holding the wrong kind of value", "Refused", "Call")]
    [InlineData("UnknownError", "ERR user_script:3: attempt to index a nil value", "Refused", "Call")]
    [InlineData("NoScript", "NOSCRIPT No matching script. Please use EVAL.", "Refused", "Call")]
    [InlineData("Misconfigured", "MISCONF Redis is configured to save RDB snapshots, but it can't", "ReadOnly",
        "Backplane")]
    [InlineData("NoReplicas", "NOREPLICAS Not enough good replicas to write.", "ReadOnly", "Backplane")]
    [InlineData("Busy", "BUSY Redis is busy running a script.", "Refused", "Backplane")]
    [InlineData("MaxClients", "ERR max number of clients reached", "Refused", "Backplane")]
    [InlineData("TryAgain", "TRYAGAIN Multiple keys request during rehashing of slot", "Refused", "Backplane")]
    [InlineData("ReadOnly", "READONLY You can't write against a read only replica.", "ReadOnly", "Server")]
    [InlineData("Loading", "LOADING Redis is loading the dataset in memory", "Loading", "Server")]
    [InlineData("MasterDown", "MASTERDOWN Link with MASTER is down", "Refused", "Server")]
    [InlineData("ClusterDown", "CLUSTERDOWN The cluster is down", "Refused", "Server")]
    [InlineData("NoAuth", "NOAUTH Authentication required.", "Forbidden", "Server")]
    [InlineData("WrongPass", "WRONGPASS invalid username-password pair or user is disabled.", "Forbidden", "Server")]
    public void AnAnswerOfRedis_ReachesAsFarAsItSays_AndIsToldAsWhatItIs(
        string kind, string text, string fault, string scope)
    {
        var exception = new RedisServerException(Enum.Parse<RedisErrorKind>(kind), CommandFlags.None, text);

        Assert.Equal(fault, RedisFaults.FaultOf(exception).ToString());
        Assert.Equal(scope, RedisFaults.ScopeOf(exception).ToString());
    }

    [Fact]
    public void WhatIsNoAnswer_IsToldAsUnreachable_UnlessTheLoginWasRefused()
    {
        var refused = new SocketException((int)SocketError.ConnectionRefused);
        Assert.Equal(BackplaneFault.Unreachable, RedisFaults.FaultOf(new TimeoutException()));
        Assert.Equal(BackplaneFault.Unreachable, RedisFaults.FaultOf(new ObjectDisposedException("connection")));
        Assert.Equal(BackplaneFault.Unreachable, RedisFaults.FaultOf(Connection("It was not possible to connect", refused)));
        Assert.Equal(
            BackplaneFault.Forbidden,
            RedisFaults.FaultOf(Connection("No connection", Connection("WRONGPASS invalid username-password pair"))));
        Assert.Equal(FaultScope.Backplane, RedisFaults.ScopeOf(new TimeoutException()));
    }

    [Fact]
    public void Rejection_SaysWhatIsTrue_OfEachFault()
    {
        var texts = Enum.GetValues<BackplaneFault>()
            .ToDictionary(fault => fault, fault => fault.ToRejection());

        Assert.Equal(
            new()
            {
                [BackplaneFault.Unreachable] = "the backplane cannot be reached; nothing was sent",
                [BackplaneFault.Unverified] = "the backplane is not verified yet; nothing was sent",
                [BackplaneFault.Full] = "the backplane is full; nothing was sent",
                [BackplaneFault.ReadOnly] = "the backplane is read-only; nothing was sent",
                [BackplaneFault.Loading] = "the backplane is loading its data; nothing was sent",
                [BackplaneFault.Forbidden] = "the backplane does not permit it; nothing was sent",
                [BackplaneFault.Refused] = "the backplane refuses it now; nothing was sent",
            },
            texts.ToDictionary(one => one.Key, one => one.Value.Text));
        Assert.All(texts.Values, one => Assert.Same(ErrorCode.BackplaneUnavailable, one.Code));
        Assert.All(texts.Values, one => Assert.NotNull(one.RetryAfter));
    }

    private static RedisConnectionException Connection(string text, Exception? inner = null) =>
        new(ConnectionFailureType.UnableToConnect, CommandFlags.None, text, inner);
}
