using System.Text;
using Aether.Load.Net;

namespace Aether.Load.Traffic;

/// <summary>Sends one message again and again, each time with another stamp. The frame is built once.</summary>
internal sealed class Sender
{
    private readonly LoadConnection connection;
    private readonly int number;
    private readonly byte[] frame;
    private readonly int payloadAt, stampAt;
    private long delivered;

    /// <summary>Builds the frame.</summary>
    /// <param name="connection">Where it is sent.</param>
    /// <param name="number">The sender's number.</param>
    /// <param name="message">The message, as a system wants it.</param>
    /// <param name="fan">Receivers of each message.</param>
    public Sender(LoadConnection connection, int number, string message, int fan)
    {
        (this.connection, this.number, Fan) = (connection, number, fan);
        byte[] text = Encoding.UTF8.GetBytes(message);
        stampAt = text.AsSpan().IndexOf(Stamp.Mark) + Stamp.Mark.Length;
        (frame, payloadAt) = ClientFrame.Build(Opcode.Text, text);
    }

    /// <summary>Receivers of each message.</summary>
    public int Fan { get; }

    /// <summary>Messages sent, without probes.</summary>
    public uint Sent { get; private set; }

    /// <summary>Messages that have not reached all of their receivers.</summary>
    public long Outstanding => Sent - (delivered / Fan);

    /// <summary>Whether it waits for its turn.</summary>
    public bool IsWaiting { get; set; }

    /// <summary>Sends the next message.</summary>
    /// <param name="due">When it should have been sent, in ns.</param>
    public void Send(long due) => Write(new Stamp(Probe: false, number, Sent++, due));

    /// <summary>Sends a probe.</summary>
    public void SendProbe() => Write(new Stamp(Probe: true, number, 0, 0));

    /// <summary>Notes that one receiver has one of its messages; true if with it a message has reached all.</summary>
    public bool OnDelivered() => ++delivered % Fan == 0;

    private void Write(in Stamp stamp)
    {
        Span<byte> text = stackalloc byte[Stamp.Length];
        stamp.Write(text);
        var target = connection.Reserve(frame.Length);
        frame.CopyTo(target);
        ClientFrame.Put(target, payloadAt, stampAt, text);
    }
}
