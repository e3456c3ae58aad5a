using System.Text;
using Aether.Application.Presence;
using Aether.Domain;
using Xunit;

namespace Aether.Tests.Unit;

public sealed class RosterSpecificationTests
{
    private static readonly Member[] Members =
    [
        Member("c", Role.Worker, """{"battery":0.50,"mode":"auto"}""", joined: 1, seen: 9),
        Member("a", Role.Worker, """{"battery":7,"mode":"manual","armed":true}""", joined: 3, seen: 5),
        Member("b", Role.Controller, """{"mode":"auto","armed":false,"nested":{"mode":"auto"}}""", joined: 3, seen: 7),
        Member("B", Role.None, "{}", joined: 2, seen: 7),
    ];

    public static TheoryData<RosterQuery, string> Queries => new()
    {
        { new(), "B a b c" },
        { new() { Role = Role.Worker }, "a c" },
        { new() { Role = Role.None }, "B" },
        { new() { Offset = 1, Limit = 2 }, "a b" },
        { new() { Offset = 4 }, "" },
        { new() { Sort = new(RosterOrder.ClientId, Descending: true) }, "c b a B" },
        { new() { Sort = new(RosterOrder.JoinedAt) }, "c B a b" },
        { new() { Sort = new(RosterOrder.JoinedAt, Descending: true) }, "a b B c" },
        { new() { Sort = new(RosterOrder.LastSeen) }, "a B b c" },
        { new() { Sort = new(RosterOrder.LastSeen, Descending: true), Limit = 2 }, "c B" },
        { new() { State = [new("mode", "auto")] }, "b c" },
        { new() { State = [new("mode", "auto"), new("armed", "false")] }, "b" },
        { new() { State = [new("mode", "auto")], Role = Role.Worker }, "c" },
    };

    [Theory]
    [MemberData(nameof(Queries), DisableDiscoveryEnumeration = true)]
    public void PageOf_GivesThePageInOrder_GivenTheQuery(RosterQuery query, string expected) =>
        Assert.Equal(expected, Ids(PageOf(query).Members));

    [Fact]
    public void PageOf_CountsAllThatFit_WhateverThePage()
    {
        var page = PageOf(new() { Role = Role.Worker, Offset = 1, Limit = 1 });
        Assert.Equal(("c", 2), (page.Members.Single().ClientId.Value, page.Total));
    }

    [Theory]
    [InlineData("battery", "0.5", "c")]
    [InlineData("battery", "5e-1", "c")]
    [InlineData("battery", "7", "a")]
    [InlineData("battery", "07x", "")]
    [InlineData("mode", "Auto", "")]
    [InlineData("Mode", "auto", "")]
    [InlineData("armed", "true", "a")]
    [InlineData("armed", "false", "b")]
    [InlineData("armed", "False", "")]
    [InlineData("nested", """{"mode":"auto"}""", "")]
    [InlineData("absent", "", "")]
    public void Matches_ComparesByTheKindOfTheValue_GivenAFilter(string key, string value, string expected) =>
        Assert.Equal(expected, Ids(Members.Where(new StateFilter(key, value).Matches)));

    [Theory]
    [InlineData("1e400", "1e400", true)]
    [InlineData("1e400", "1e401", false)]
    [InlineData("9007199254740993", "9007199254740992", false)]
    [InlineData("\"caf\\u00e9\"", "café", true)]
    [InlineData("\"1\"", "1", true)]
    [InlineData("\"1.0\"", "1", false)]
    [InlineData("null", "null", false)]
    [InlineData("[1]", "1", false)]
    public void Matches_LosesNothingOfTheValue_GivenItsSpelling(string json, string value, bool matches) =>
        Assert.Equal(
            matches,
            new StateFilter("x", value).Matches(Member("a", Role.None, $$"""{"x":{{json}}}""", joined: 0, seen: 0)));

    [Theory]
    [InlineData("client_id", RosterOrder.ClientId, false)]
    [InlineData("-joined_at", RosterOrder.JoinedAt, true)]
    [InlineData("last_seen", RosterOrder.LastSeen, false)]
    public void TryParse_ReadsOrderAndDirection_GivenItsName(string text, RosterOrder by, bool descending)
    {
        Assert.True(RosterSort.TryParse(text, out var sort));
        Assert.Equal(new RosterSort(by, descending), sort);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("-")]
    [InlineData("--client_id")]
    [InlineData("+client_id")]
    [InlineData("Client_Id")]
    [InlineData("role")]
    public void TryParse_Refuses_GivenAnythingElse(string? text) => Assert.False(RosterSort.TryParse(text, out _));

    [Theory]
    [InlineData(0, 500, null)]
    [InlineData(-1, 500, "offset")]
    [InlineData(0, 0, "limit")]
    [InlineData(0, 501, "limit")]
    public void Validate_NamesTheParameter_GivenAPageThatCannotBeHad(int offset, int limit, string? field)
    {
        var query = new ReadRoster(Some.Group, new RosterQuery { Offset = offset, Limit = limit });
        Assert.Equal(field, new ReadRosterValidator().Validate(query).Errors.FirstOrDefault()?.PropertyName);
    }

    [Theory]
    [InlineData(8, 64, 256, null)]
    [InlineData(9, 1, 1, "state")]
    [InlineData(1, 65, 1, "state")]
    [InlineData(1, 0, 1, "state")]
    [InlineData(1, 1, 257, "state")]
    public void Validate_BoundsTheFilters_GivenTheirNumberAndLength(int count, int key, int value, string? field)
    {
        var filter = new StateFilter(new string('k', key), new string('v', value));
        var query = new ReadRoster(Some.Group, new RosterQuery { State = [.. Enumerable.Repeat(filter, count)] });
        Assert.Equal(field, new ReadRosterValidator().Validate(query).Errors.FirstOrDefault()?.PropertyName);
    }

    private static RosterPage PageOf(RosterQuery query) =>
        RosterSpecification.Of(query).PageOf(Members, query.Offset, query.Limit);

    private static string Ids(IEnumerable<Member> members) =>
        string.Join(' ', members.Select(member => member.ClientId));

    private static Member Member(string id, Role role, string state, int joined, int seen) => new(
        VisionId.Parse(id), role, Encoding.UTF8.GetBytes(state), 1,
        DateTime.UnixEpoch.AddSeconds(joined), DateTime.UnixEpoch.AddSeconds(seen));
}
