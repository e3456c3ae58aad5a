using System.Buffers;
using System.Text.Json;
using Aether.Application.Delivery;
using Aether.Application.Presence;
using Aether.Application.Wire;
using Aether.Domain;
using BenchmarkDotNet.Attributes;

namespace Aether.Benchmarks;

/// <summary>The longest page of a roster: 500 members.</summary>
public class Rosters
{
    private readonly ServerMessages messages = new(TimeProvider.System);
    private readonly List<Member> members = Samples.Members(RosterQuery.MaxLimit);
    private readonly RosterPage page;
    private readonly Message question = Samples.Read(Samples.WithId);
    private readonly ArrayBufferWriter<byte> buffer = new(262_144);
    private readonly Utf8JsonWriter writer;

    /// <summary>Fills the group.</summary>
    public Rosters()
    {
        page = Page();
        writer = new Utf8JsonWriter(buffer);
    }

    /// <summary>Choosing and sorting the page.</summary>
    [Benchmark]
    public RosterPage Page() => PageOf(new RosterQuery());

    /// <summary>The same of one role, which a tenth of the members have.</summary>
    [Benchmark]
    public RosterPage PageOfARole() => PageOf(new RosterQuery { Role = Role.Controller });

    /// <summary>Writing the page into a buffer that is there.</summary>
    [Benchmark]
    public void Write()
    {
        buffer.ResetWrittenCount();
        writer.Reset();
        writer.WriteStartObject();
        RosterWriter.WritePage(writer, page);
        writer.WriteEndObject();
        writer.Flush();
    }

    /// <summary>The frame that answers the client that asked.</summary>
    [Benchmark]
    public object AnswerFrame() => Frame.Of(messages.Roster(question, RosterWriter.Payload(page)));

    private RosterPage PageOf(RosterQuery query) =>
        RosterSpecification.Of(query).PageOf(members, query.Offset, query.Limit);
}
