using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Aether.Application.Ports;
using Aether.Application.Tokens;
using Aether.Domain;
using Aether.Domain.Tokens;
using Aether.Tests.Integration.Fixtures;
using Microsoft.Extensions.DependencyInjection;
using Xunit;
using static Aether.Tests.Integration.Fixtures.HttpApi;

namespace Aether.Tests.Integration;

/// <summary><c>POST /v3/revocations</c>: who may revoke what.</summary>
public sealed class HttpRevocationsTests
{
    private const string Route = "/v3/revocations";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(HttpHost.Admin, 202)]
    [InlineData(HttpHost.AdminOfG1, 403)]
    [InlineData(HttpHost.Crossing, 403)]
    [InlineData(HttpHost.Broadcasting, 403)]
    [InlineData(HttpHost.Plain, 403)]
    [InlineData("wrong-key-0123456789", 401)]
    [InlineData(null, 401)]
    public async Task Revoke_IsAllowed_ByAdminInEveryGroup(string? key, int status)
    {
        using var host = HttpHost.WithKeys();
        await AssertStatusAsync(status, await PostAsync(host.CreateClient(key), """{"jti":"t1"}"""));
        Assert.Equal(status == 202, Knows(host, "t1"));
    }

    [Fact]
    public async Task Revoke_SaysWhy_GivenAKeyOfSomeGroups()
    {
        using var host = HttpHost.WithKeys();
        var problem = await ProblemAsync(
            HttpStatusCode.Forbidden, await PostAsync(host.CreateClient(HttpHost.AdminOfG1), """{"jti":"t1"}"""));
        Assert.Contains("every group", (string?)problem["detail"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("127.0.0.1", 202)]
    [InlineData("10.0.0.1", 403)]
    public async Task Revoke_IsAllowed_FromThisMachine_GivenNoKeys(string address, int status)
    {
        using var host = HttpHost.Open(seen => seen.Address = IPAddress.Parse(address));
        await AssertStatusAsync(status, await PostAsync(host.CreateClient(), """{"jti":"t1"}"""));
    }

    [Theory]
    [InlineData("""{"jti":"t1"}""", true, true)]
    [InlineData("""{"jti":"t1","sub":null,"issued_before":null}""", true, true)]
    [InlineData("""{"sub":"c1","issued_before":"2026-01-02T03:04:05.5Z"}""", true, false)]
    [InlineData("""{"sub":"c1","issued_before":"2026-01-02T04:04:05.5+01:00"}""", true, false)]
    [InlineData("""{"sub":"c1","issued_before":1767323045.5}""", true, false)]
    [InlineData("""{"sub":"c1","issued_before":1767323046}""", true, true)]
    [InlineData("""{"sub":"c1","issued_before":1.767323045e9}""", false, false)]
    [InlineData("""{"sub":"c1","issued_before":0}""", false, false)]
    public async Task Revoke_TakesATokenOrAClientsUntilATime(string body, bool early, bool late)
    {
        using var host = HttpHost.Open();
        var before = DateTime.UtcNow;
        var response = await PostAsync(host.CreateClient(), body);

        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        var answer = (await response.Content.ReadFromJsonAsync<JsonObject>(Cancellation))!;
        Assert.Equal("until", Assert.Single(answer).Key);
        // A year, the day that it may be ahead, and twice 30 s for clocks.
        Assert.InRange((DateTime)answer["until"]!, before.AddDays(366), DateTime.UtcNow.AddDays(366).AddMinutes(1));
        var known = host.Services.GetRequiredService<Revocations>();
        Assert.Equal(early, known.IsKnown(TokenOf("t1", 0)));
        Assert.Equal(late, known.IsKnown(TokenOf("t1", 500)));
    }

    [Theory]
    [InlineData("", "message")]
    [InlineData("[]", "message")]
    [InlineData("""{"jti":"t1"} x""", "message")]
    [InlineData("{}", "jti")]
    [InlineData("""{"jti":null}""", "jti")]
    [InlineData("""{"jti":""}""", "jti")]
    [InlineData("""{"jti":7}""", "jti")]
    [InlineData("""{"jti":["t1"]}""", "jti")]
    [InlineData("""{"jti":"a\nb"}""", "jti")]
    [InlineData("""{"jti":"t1","jti":"t2"}""", "jti")]
    [InlineData("""{"jti":"t1","sub":"c1","issued_before":0}""", "jti")]
    [InlineData("""{"jti":"t1","issued_before":0}""", "jti")]
    [InlineData("""{"issued_before":0}""", "jti")]
    [InlineData("""{"sub":"c1"}""", "issued_before")]
    [InlineData("""{"sub":"c 1","issued_before":0}""", "sub")]
    [InlineData("""{"sub":"aether","issued_before":0}""", "sub")]
    [InlineData("""{"sub":7,"issued_before":0}""", "sub")]
    [InlineData("""{"sub":"c1","issued_before":"yesterday"}""", "issued_before")]
    [InlineData("""{"sub":"c1","issued_before":"0"}""", "issued_before")]
    [InlineData("""{"sub":"c1","issued_before":-1}""", "issued_before")]
    [InlineData("""{"sub":"c1","issued_before":1e300}""", "issued_before")]
    [InlineData("""{"sub":"c1","issued_before":253402300800}""", "issued_before")]
    [InlineData("""{"sub":"c1","issued_before":true}""", "issued_before")]
    [InlineData("""{"sub":"c1","issued_before":"9999-01-01T00:00:00Z"}""", "issued_before")]
    [InlineData("""{"jti":"t1","id":"x"}""", "id")]
    public async Task Revoke_IsRefused_NamingWhatIsWrong(string body, string field)
    {
        using var host = HttpHost.Open();
        var problem = await ProblemAsync(HttpStatusCode.BadRequest, await PostAsync(host.CreateClient(), body));
        Assert.Equal(field, (string?)problem["field"]);
        Assert.Equal(0, host.Services.GetRequiredService<Revocations>().Count);
    }

    [Fact]
    public async Task Revoke_TakesNoOtherForm_AndNoOtherMethod()
    {
        using var host = HttpHost.Open(settings: ("MaxMessageBytes", "256"));
        var client = host.CreateClient();
        await ProblemAsync(
            HttpStatusCode.UnsupportedMediaType, await PostAsync(client, """{"jti":"t1"}""", "text/plain"));
        await ProblemAsync(
            HttpStatusCode.RequestEntityTooLarge, await PostAsync(client, $$"""{"jti":"{{new string('x', 256)}}"}"""));
        var refused = await client.GetAsync(Route, Cancellation);
        await ProblemAsync(HttpStatusCode.MethodNotAllowed, refused);
        Assert.Equal("POST", string.Join(", ", refused.Content.Headers.Allow));
    }

    [Fact]
    public async Task Revoke_SaysWhenToComeBack_GivenNoBackplane()
    {
        using var host = HttpHost.Open(
            replace: services => services.AddSingleton<IRevocationStore>(new StoreThatIsAway()));
        var response = await PostAsync(host.CreateClient(), """{"jti":"t1"}""");
        await ProblemAsync(HttpStatusCode.ServiceUnavailable, response);
        Assert.Equal(TimeSpan.FromSeconds(1), response.Headers.RetryAfter?.Delta);
        Assert.False(Knows(host, "t1"));
    }

    [Fact]
    public async Task Revoke_IsKnownOnAnotherInstance_OverRedis()
    {
        await using var redis = await RedisServer.StartAsync();
        using var one = await HttpHost.OpenAsync(redis);
        using var other = await HttpHost.OpenAsync(redis);
        Assert.Equal(
            HttpStatusCode.Accepted, (await PostAsync(one.CreateClient(), """{"jti":"t1"}""")).StatusCode);
        var known = other.Services.GetRequiredService<Revocations>();
        Assert.True(await known.AskAsync(TokenOf("t1", 0), Cancellation));
        Assert.False(await known.AskAsync(TokenOf("t2", 0), Cancellation));
    }

    private static bool Knows(HttpHost host, string id) =>
        host.Services.GetRequiredService<Revocations>().IsKnown(TokenOf(id, 0));

    private static Task<HttpResponseMessage> PostAsync(
        HttpClient client, string json, string contentType = "application/json") =>
        client.PostAsync(Route, new StringContent(json, Encoding.UTF8, contentType), Cancellation);

    private static Token TokenOf(string id, int milliseconds)
    {
        var issued = new DateTime(2026, 1, 2, 3, 4, 5, milliseconds, DateTimeKind.Utc);
        return new(Messages.Id("c1"), id, issued, issued.AddHours(1), new Access(Permissions.None), null, "k");
    }

    private sealed class StoreThatIsAway : IRevocationStore
    {
        public ValueTask<Application.Rejection?> AddAsync(
            Revocation revocation, TimeSpan kept, CancellationToken cancellationToken) =>
            new(BackplaneFault.Unreachable.ToRejection());

        public ValueTask<RevocationPage?> ReadAsync(string after, CancellationToken cancellationToken) => default;

        public ValueTask RestoreAsync(
            IReadOnlyList<Revocation> missing, string after, TimeSpan kept, CancellationToken cancellationToken) => default;
    }
}
