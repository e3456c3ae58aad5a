using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Aether.Application;
using Xunit;

namespace Aether.Tests.E2E.Deploy;

/// <summary>Behind nginx, with the configuration of deploy/: an instance goes, Redis goes, nobody says anything.</summary>
public sealed class NginxFaultTests
{
    // What nginx waits in the file, and here. The server's ping is as much shorter here as it is there.
    private static readonly (string, string)[] Impatient =
        [("proxy_read_timeout 90s;", "proxy_read_timeout 6s;"), ("proxy_send_timeout 90s;", "proxy_send_timeout 6s;")];

    [Fact]
    public async Task Clients_ComeBackThroughTheOtherInstance_AndMissNothing_WhenOneIsKilled()
    {
        await using var site = await Site.StartAsync();
        await using var one = await site.ConnectAsync("g", "one");
        await using var other = await site.ConnectAsync("g", "other");
        Assert.Equal(2, await site.Instances.HeardByAsync("ws:group:g"));
        await one.SendAsync(Json.Message("one", type: "cmd", cmd: "first"));
        string? position = (await one.ReceiveAsync()).Text("pos");
        Assert.Equal(position, (await other.ReceiveAsync()).Text("pos"));

        site.Instances.A.Kill();
        var ended = await Task.WhenAny(one.EndAsync(), other.EndAsync());
        Assert.Equal(TestClient.Abnormal, (await ended).Code);
        var (gone, stays) = one.HasEnded ? (one, other) : (other, one);
        await stays.SendAsync(Json.Message(stays.Id, type: "cmd", cmd: "second"));
        Assert.Equal("second", (await stays.ReceiveAsync()).Text("cmd"));

        // More than nginx would have to be unlucky for.
        for (int i = 0; i < 5; i++)
        {
            await using var back = await site.ConnectAsync("g", gone.Id, "group_pos=" + position);
            Assert.Equal("second", (await back.ReceiveAsync()).Text("cmd"));
            Assert.False(stays.HasEnded);
        }
    }

    [Fact]
    public async Task Clients_GoToTheOtherInstance_WhileOneDrains()
    {
        await using var site = await Site.StartAsync(new() { ["Drain"] = "60" });
        var draining = site.Instances.A;
        // It does not answer its close, so the drain goes on.
        await using var stubborn = await RawClient.ConnectAsync(draining, "g", "stubborn");
        draining.Terminate();
        Assert.Equal(1012, (await stubborn.ReceiveAsync())!.CloseCode);
        for (int i = 0; i < 5; i++)
        {
            await using var client = await site.ConnectAsync("g", "c" + i.ToString(CultureInfo.InvariantCulture));
            await client.SendAsync(Json.Message(client.Id, "echo", msg: "here"));
            Assert.Equal("here", (await client.ReceiveAsync()).Text("msg"));
        }
        Assert.False(draining.HasExited);
    }

    [Fact]
    public async Task Refusals_ArePassedOnAsTheyAre_WhileRedisIsAway()
    {
        await using var site = await Site.StartAsync();
        await site.Instances.Redis.KillAsync();
        foreach (var server in new[] { site.Instances.A, site.Instances.B })
        {
            await Eventually.HoldsAsync(
                async () => await TwoInstances.StatusAsync(server, "/health/ready") == 503, "it is not ready");
        }
        // Each time: an instance that nginx had taken out would leave a 502 that says nothing.
        for (int i = 0; i < 5; i++)
        {
            using var refused = await site.AskAsync(HttpMethod.Get, "/v3/ws/group/g/client/one");
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.NotNull(refused.Headers.RetryAfter);
            Assert.Equal("application/problem+json", refused.Content.Headers.ContentType?.MediaType);
        }
        await site.Instances.Redis.StartAgainAsync();
        await TwoInstances.WaitUntilReadyAsync(site.Instances.A, Eventually.Soon);
        await using var back = await site.ConnectAsync("g", "one");
    }

    [Fact]
    public async Task SilentClient_StaysForLongerThanNginxWaits_SinceTheServerPings()
    {
        await using var site = await Site.StartAsync(new() { ["KeepAlive:Interval"] = "1" }, Impatient);
        await using var silent = await site.ConnectAsync("g", "silent");
        await using var speaker = await TestClient.ConnectAsync(site.Instances.A, "g", "speaker");
        var silence = Stopwatch.StartNew();
        await Eventually.HoldsAsync(() => silent.HasEnded || silence.Elapsed > TimeSpan.FromSeconds(15), "it was silent");
        Assert.False(silent.HasEnded);
        await speaker.SendAsync(Json.Message("speaker", msg: "still there?"));
        Assert.Equal("still there?", (await silent.ReceiveAsync()).Text("msg"));
    }

    [Fact]
    public async Task SilentClient_IsCut_GivenPingsThatAreTooSeldomForNginx()
    {
        // What the test above would see if the two did not fit.
        await using var site = await Site.StartAsync(new() { ["KeepAlive:Interval"] = "0" }, Impatient);
        await using var silent = await site.ConnectAsync("g", "silent");
        Assert.Equal(TestClient.Abnormal, (await silent.EndAsync()).Code);
    }

    [Fact]
    public void Limits_FitTheDefaultsOfTheServer()
    {
        string text = Repository.Read("deploy/nginx.conf");
        var options = new RealtimeOptions();
        double silence = (options.KeepAlive.Interval.Value + options.KeepAlive.Timeout.Value).TotalSeconds;
        foreach (string name in new[] { "proxy_read_timeout", "proxy_send_timeout" })
            Assert.InRange(Number(text, $@"^\s*{name} (\d+)s;"), silence * 1.5, 3_600);
        Assert.InRange(Number(text, @"^\s*client_max_body_size (\d+)m;") * 1_048_576, options.MaxMessageBytes, 1 << 30);
    }

    private static double Number(string text, string pattern)
    {
        var found = Assert.Single(Regex.Matches(text, pattern, RegexOptions.Multiline));
        return double.Parse(found.Groups[1].Value, CultureInfo.InvariantCulture);
    }
}
