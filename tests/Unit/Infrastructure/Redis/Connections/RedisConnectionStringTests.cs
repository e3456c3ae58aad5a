using System.Net;
using Aether.Application;
using Aether.Infrastructure.Redis.Connections;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>What the connection string means, and what it must not say.</summary>
public sealed class RedisConnectionStringTests
{
    private const string Secret = "s3cret";

    [Theory]
    [InlineData("redis://localhost", "localhost", 6379, false, null, null)]
    [InlineData(" redis://localhost:7000\n", "localhost", 7000, false, null, null)]
    [InlineData("redis://localhost:7000/0", "localhost", 7000, false, null, null)]
    [InlineData("REDIS://10.1.2.3", "10.1.2.3", 6379, false, null, null)]
    [InlineData("rediss://cache.example:6380", "cache.example", 6380, true, null, null)]
    [InlineData("redis://:pass@localhost", "localhost", 6379, false, null, "pass")]
    [InlineData("redis://app:pass@localhost", "localhost", 6379, false, "app", "pass")]
    [InlineData("redis://app:a%2Cb%40c%3Ad%25@localhost", "localhost", 6379, false, "app", "a,b@c:d%")]
    [InlineData("redis://[::1]:6390", "::1", 6390, false, null, null)]
    [InlineData("valkeys://u:p@localhost", "localhost", 6379, true, "u", "p")]
    public void Parse_ReadsTheUrl(string text, string host, int port, bool tls, string? user, string? password)
    {
        var options = RedisConnectionString.Parse(text);
        var server = Assert.Single(options.EndPoints);
        Assert.Equal(
            (host, port),
            server is IPEndPoint ip ? (ip.Address.ToString(), ip.Port) : (((DnsEndPoint)server).Host, ((DnsEndPoint)server).Port));
        Assert.Equal((tls, user, password), (options.Ssl, options.User, options.Password));
    }

    [Theory]
    [InlineData("redis://app:s3cret@localhost/2", "Redis:Prefix")]
    [InlineData("redis://app:s3cret@localhost?db=2", "URL")]
    [InlineData("redis://app:s3cret@localhost/s3cret", "URL")]
    [InlineData("redis://app:s3cret@", "URL")]
    [InlineData("redis://app:s3cret@a b", "URL")]
    [InlineData("http://app:s3cret@localhost", "scheme")]
    [InlineData("unix:///s3cret.sock", "scheme")]
    [InlineData("localhost,password=s3cret,defaultDatabase=2", "Redis:Prefix")]
    [InlineData("localhost,password=s3cret,channelPrefix=staging", "Redis:Prefix")]
    [InlineData("localhost,password=a,s3cret", "Redis:Password")]
    [InlineData("localhost,password=s3cret,proxy=Twemproxy", "proxy")]
    [InlineData("localhost,passwort=s3cret", "cannot be read")]
    [InlineData("user:s3cret@localhost", "server")]
    [InlineData("password=s3cret", "no server")]
    public void Parse_SaysWhy_GivenWhatWouldNotBeInForce(string text, string says)
    {
        var error = Assert.Throws<ArgumentException>(() => RedisConnectionString.Parse(text));
        Assert.StartsWith("ConnectionStrings:Redis ", error.Message, StringComparison.Ordinal);
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("localhost:6379")]
    [InlineData("a:1,b:2,c:3,ssl=true,password=x=y=z,serviceName=main")]
    [InlineData("localhost,defaultDatabase=0,proxy=None,$CLIENT=")]
    [InlineData("127.0.0.1:6379,password=redis://x")]
    [InlineData("[::1]:6379,abortConnect=false")]
    public void Parse_ReadsTheLibrarysOwnSyntax(string text) =>
        Assert.NotEmpty(RedisConnectionString.Parse(text).EndPoints);

    [Fact]
    public void With_TakesAPassword_WhateverItIsMadeOf()
    {
        var options = RedisConnectionString.Parse("localhost")
            .With(new RedisOptions { User = "app", Password = "a,b=c\"d e" });
        Assert.Equal(("app", "a,b=c\"d e"), (options.User, options.Password));
    }

    [Theory]
    [InlineData("localhost,password=x", "", "y", "Redis:Password")]
    [InlineData("redis://u:x@localhost", "v", "", "Redis:User")]
    [InlineData("", "", "y", "Redis:Password")]
    [InlineData(null, "u", "", "Redis:User")]
    public void Contradictions_NameTheOption(string? text, string user, string password, string named) =>
        Assert.Contains(
            named,
            Assert.Single(RedisConnectionString.Contradictions(text, new RedisOptions { User = user, Password = password })),
            StringComparison.Ordinal);
}
