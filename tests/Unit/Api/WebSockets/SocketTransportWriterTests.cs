using System.Net;
using System.Net.Sockets;
using Aether.Api.WebSockets;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>The way straight into a socket, against a peer on the loopback that reads when it is told to.</summary>
public sealed class SocketTransportWriterTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Socket sender;
    private readonly Socket peer;

    public SocketTransportWriterTests()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        peer = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 8_192 };
        peer.Connect(listener.LocalEndPoint!);
        sender = listener.Accept();
        sender.SendBufferSize = 8_192;
    }

    [Fact]
    public async Task SendAsync_CompletesAtOnce_GivenAPeerThatReads()
    {
        var transport = new SocketTransportWriter(sender);
        var sent = transport.SendAsync("hello"u8);
        Assert.True(sent.IsCompletedSuccessfully);
        Assert.False(await sent);
        byte[] received = new byte[5];
        await ReadIntoAsync(received);
        Assert.Equal("hello"u8.ToArray(), received);
    }

    [Fact]
    public async Task SendAsync_LosesAndRepeatsNothing_GivenAPeerThatStalls()
    {
        var transport = new SocketTransportWriter(sender);
        byte[] expected = new byte[4_000_000];
        Random.Shared.NextBytes(expected);
        var (at, stalls) = (0, 0);
        byte[] scratch = new byte[100_000];
        var reading = Task.CompletedTask;
        byte[] received = [];
        while (at < expected.Length)
        {
            expected.AsSpan(at, scratch.Length).CopyTo(scratch);
            var sent = transport.SendAsync(scratch);
            // The bytes are the caller's again: what is still under way must not change with them.
            scratch.AsSpan().Clear();
            at += scratch.Length;
            if (sent.IsCompleted)
            {
                Assert.False(await sent);
                continue;
            }
            stalls++;
            if (received.Length == 0)
            {
                received = new byte[expected.Length];
                reading = ReadIntoAsync(received);
            }
            // A byte too many would wait for a reader that has all it expects.
            Assert.False(await sent.AsTask().WaitAsync(Patience, TestContext.Current.CancellationToken));
        }
        await reading;
        Assert.True(stalls > 0, "the peer never stalled");
        Assert.Equal(expected, received);
    }

    [Fact]
    public async Task SendAsync_SaysThatThePeerIsGone_GivenAReset()
    {
        var transport = new SocketTransportWriter(sender);
        peer.LingerState = new LingerOption(true, 0);
        peer.Close();
        // The first ones may still be taken by the kernel.
        int taken = 0;
        while (!await transport.SendAsync("x"u8))
            Assert.InRange(++taken, 1, 100_000);
    }

    public void Dispose()
    {
        sender.Dispose();
        peer.Dispose();
    }

    private async Task ReadIntoAsync(Memory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int got = await peer.ReceiveAsync(bytes, TestContext.Current.CancellationToken);
            Assert.NotEqual(0, got);
            bytes = bytes[got..];
        }
    }
}
