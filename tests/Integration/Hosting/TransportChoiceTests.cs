using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Aether.Api.WebSockets;
using Aether.Application.Messaging;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Aether.Tests.Integration;

/// <summary>
/// Which way out a connection gets. Where nothing can be overtaken it is the socket itself, and nothing else would tell
/// if a new version of the server made that no longer so.
/// </summary>
public sealed class TransportChoiceTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true, false, false, typeof(SocketTransportWriter))]
    [InlineData(false, false, false, typeof(PipeTransportWriter))] // the 101 may still be on its way to the socket
    [InlineData(true, true, false, typeof(PipeTransportWriter))] // what is written has to be encrypted
    [InlineData(true, false, true, typeof(PipeTransportWriter))] // an earlier response may still be in the pipe
    public async Task Upgrade_ChoosesTheWayOut_AndMessagesArrive(
        bool inline, bool tls, bool afterAnotherRequest, Type expected)
    {
        var seen = new ConcurrentQueue<HttpContext>();
        await using var app = Build(inline, tls, seen);
        await app.StartAsync(Cancellation);
        await using var stream = await ConnectAsync(new Uri(app.Urls.Single()).Port, tls);
        if (afterAnotherRequest)
            await ExchangeAsync(stream, "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n", "\"ok\"");

        await ExchangeAsync(
            stream,
            "GET /v3/ws/group/g/client/c HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            "HTTP/1.1 101 ");

        var upgrade = seen.Last().Features.Get<UpgradeCapture>()!;
        await Eventually.HoldsAsync(() => upgrade.Output is not null);
        Assert.IsType(expected, upgrade.Output);
        var realtime = app.Services.GetRequiredService<IRealtime>();
        await realtime.ToClient("g", "c", new RealtimeMessage { Msg = "here you are" }, Cancellation);
        await ExchangeAsync(stream, "", "here you are");
    }

    private static WebApplication Build(bool inline, bool tls, ConcurrentQueue<HttpContext> seen)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseSetting("Aether:Realtime:Delivery:InlineScheduling", $"{inline}");
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            if (tls)
                listen.UseHttps(OwnCertificate());
        }));
        builder.Services.AddLogging().AddRoutingCore();
        builder.Services.AddAetherRealtime(builder.Configuration);
        var app = builder.Build();
        app.Use((context, next) =>
        {
            seen.Enqueue(context);
            return next(context);
        });
        app.UseRouting();
        app.MapAetherRealtime();
        return app;
    }

    private static async Task<Stream> ConnectAsync(int port, bool tls)
    {
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port, Cancellation);
        if (!tls)
            return client.GetStream();
        var encrypted = new SslStream(client.GetStream(), leaveInnerStreamOpen: false, IsOwn);
        await encrypted.AuthenticateAsClientAsync("localhost");
        return encrypted;
    }

    private static async Task ExchangeAsync(Stream stream, string request, string awaited)
    {
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request), Cancellation);
        var received = new StringBuilder();
        byte[] buffer = new byte[4_096];
        while (!received.ToString().Contains(awaited, StringComparison.Ordinal))
        {
            int count = await stream.ReadAsync(buffer, Cancellation);
            Assert.True(count > 0, "the server hung up after: " + received);
            received.Append(Encoding.ASCII.GetString(buffer, 0, count));
        }
    }

    private static bool IsOwn(
        object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors) =>
        certificate?.Subject == "CN=localhost";

    private static X509Certificate2 OwnCertificate()
    {
        using var key = RSA.Create(2_048);
        var request = new CertificateRequest(
            "CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var now = DateTimeOffset.UtcNow;
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
    }
}
