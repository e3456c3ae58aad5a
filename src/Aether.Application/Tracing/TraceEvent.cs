using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Aether.Domain;

namespace Aether.Application.Tracing;

/// <summary>One thing that a traced connection did, or that was done to it.</summary>
internal sealed class TraceEvent
{
    /// <summary>So much of a frame is shown, in bytes.</summary>
    public const int MaxFrameBytes = 16_384;

    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly string name;
    private readonly ReadOnlyMemory<byte> frame;

    private TraceEvent(string name, ReadOnlyMemory<byte> frame = default)
    {
        this.name = name;
        this.frame = frame;
    }

    /// <summary>The connection is seen from now on.</summary>
    public static TraceEvent Connected { get; } = new("connected");

    /// <summary>
    /// Whether it is one of those that may be as many as a whole group says: they have a budget of their own, or what is
    /// for this client alone would be lost among them.
    /// </summary>
    public bool ForEverybody { get; private init; }

    /// <summary>How many bytes of it are shown.</summary>
    public int Bytes => Math.Min(frame.Length, MaxFrameBytes);

    private string? Code { get; init; }

    private int CloseCode { get; init; }

    private string? Field { get; init; }

    private string? Reason { get; init; }

    private long Count { get; init; }

    /// <summary>The client sent this, and it was taken.</summary>
    public static TraceEvent Sent(ReadOnlyMemory<byte> text) => new("sent", text);

    /// <summary>The client is sent this.</summary>
    /// <param name="text">The message.</param>
    /// <param name="forEverybody">See <see cref="ForEverybody"/>.</param>
    public static TraceEvent Received(ReadOnlyMemory<byte> text, bool forEverybody) =>
        new("received", text) { ForEverybody = forEverybody };

    /// <summary>The client sent this, and it was not taken.</summary>
    public static TraceEvent Refused(Rejection why, ReadOnlyMemory<byte> text)
    {
        ArgumentNullException.ThrowIfNull(why);
        return new("refused", text) { Code = why.Code.Name, Field = why.Field, Reason = why.Text };
    }

    /// <summary>The connection is closed.</summary>
    public static TraceEvent Closed(CloseReason why)
    {
        ArgumentNullException.ThrowIfNull(why);
        return new("closed") { CloseCode = why.Code, Reason = why.Text };
    }

    /// <summary>Something of the trace itself.</summary>
    internal static TraceEvent Of(string name, string? reason = null) => new(name) { Reason = reason };

    /// <summary>So many were left out here, since there were too many to show.</summary>
    internal static TraceEvent Skipped(long count) => new("skipped") { Count = count };

    /// <summary>Writes it as the JSON object that an operator gets.</summary>
    internal ReadOnlyMemory<byte> Write(DateTime at, string? connection)
    {
        var buffer = new ArrayBufferWriter<byte>(256 + Bytes);
        using var w = new Utf8JsonWriter(buffer, Relaxed);
        w.WriteStartObject();
        w.WriteString("event"u8, name);
        w.WriteString("at"u8, at);
        if (connection is not null)
            w.WriteString("connection_id"u8, connection);
        if (Code is not null)
            w.WriteString("code"u8, Code);
        if (CloseCode != 0)
            w.WriteNumber("close_code"u8, CloseCode);
        if (Field is not null)
            w.WriteString("field"u8, Field);
        if (Reason is not null)
            w.WriteString("reason"u8, Reason);
        if (Count != 0)
            w.WriteNumber("count"u8, Count);
        if (!frame.IsEmpty)
        {
            var shown = Shown(frame.Span);
            w.WriteString("frame"u8, shown);
            if (shown.Length < frame.Length)
                w.WriteNumber("frame_bytes"u8, frame.Length);
        }
        w.WriteEndObject();
        w.Flush();
        return buffer.WrittenMemory;
    }

    // What is cut ends with a whole character.
    private static ReadOnlySpan<byte> Shown(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length <= MaxFrameBytes)
            return utf8;
        int end = MaxFrameBytes;
        while ((utf8[end] & 0xc0) == 0x80)
            end--;
        return utf8[..end];
    }
}
