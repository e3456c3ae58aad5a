using Aether.Application.Delivery;
using Aether.Application.Wire;
using Aether.Domain;

namespace Aether.Application.History;

/// <summary>
/// Brings one connection up to where the others are: what it missed, page by page, and then what came live since it was
/// attached, each message once. Except for reading, only the connection's loop calls it.
/// </summary>
internal sealed class Resumption
{
    private readonly Connection connection;
    private readonly HistoryServices shared;
    private readonly ReplayTrack[] tracks;

    private Resumption(Connection connection, HistoryServices shared, ReplayTrack[] tracks)
    {
        this.connection = connection;
        this.shared = shared;
        this.tracks = tracks;
    }

    /// <summary>Where the connection goes on from, before anything recovered or live; none where nothing is kept.</summary>
    public ChannelPositions? Positions => shared.Kept.IsOn
        ? new(tracks[0].From, tracks[1].From, tracks[2].From)
        : null;

    /// <summary>Whether the connection will get nothing any more that it has got already.</summary>
    public bool IsOver => Array.TrueForAll(tracks, track => track is { IsThrough: true, MayRepeat: false });

    /// <summary>
    /// Begins it for a connection that hears its channels and is not open yet.
    /// </summary>
    /// <param name="places">How far this instance has come in each of its channels.</param>
    /// <param name="shared">What all channels share.</param>
    /// <param name="connection">The connection.</param>
    /// <param name="request">What it asks for.</param>
    /// <returns><see langword="null"/> if what it asks for cannot be read now.</returns>
    public static async Task<Resumption?> BeginAsync(
        IChannelPlaces places, HistoryServices shared, Connection connection, ResumeRequest request)
    {
        ArgumentNullException.ThrowIfNull(places);
        ArgumentNullException.ThrowIfNull(shared);
        ArgumentNullException.ThrowIfNull(connection);
        var after = request.After;
        int rewind = after.Group.IsEmpty ? request.Rewind : 0;
        ReplayTrack[] tracks =
        [
            new(ChannelKind.Group, places.PlaceOf(ChannelName.Group(connection.GroupId)), after.Group, rewind),
            new(ChannelKind.Client, places.PlaceOf(ChannelName.Client(connection.ClientId)), after.Client, 0),
            new(ChannelKind.Broadcast, places.PlaceOf(ChannelName.Broadcast), after.Broadcast, 0),
        ];
        // Also those of which nothing is asked for: where they are is what the connection goes on from.
        bool[] read = await Task.WhenAll(tracks.Select(track => track.BeginAsync())).ConfigureAwait(false);
        return Array.TrueForAll(read, static one => one) ? new Resumption(connection, shared, tracks) : null;
    }

    /// <summary>Reads what is to be sent next.</summary>
    public async ValueTask<ReplayPage> NextAsync()
    {
        foreach (var track in tracks)
        {
            if (track.IsThrough)
                continue;
            var page = await track.NextAsync().ConfigureAwait(false);
            if (page is null)
                return ReplayPage.Broken;
            return new ReplayPage(
                [.. page.Frames.Where(connection.Accepts)],
                Array.TrueForAll(tracks, static one => one.IsThrough),
                track,
                page);
        }
        return new ReplayPage([], isLast: true);
    }

    /// <summary>A page is on its way to the connection.</summary>
    /// <returns>What comes behind it, if anything does.</returns>
    public Frame? Advance(ReplayPage page)
    {
        ArgumentNullException.ThrowIfNull(page);
        if (page.Track is { } track)
        {
            track.Count += page.Frames.Count;
            track.Advance(page.Source!);
        }
        if (!page.IsLast)
            return null;
        var asked = tracks.Where(one => one.IsAsked)
            .Select(one => (one.Kind, new RecoveredChannel(one.Count, one.Lost))).ToList();
        foreach (var (kind, found) in asked)
            shared.Metrics?.Recovered(kind, found.Lost);
        return connection.Full && asked.Count > 0
            ? Frame.Of(shared.Messages.Recovered(connection.ClientId, connection.GroupId, asked))
            : null;
    }

    /// <summary>Whether a frame is one that the connection has not got.</summary>
    public bool Admits(Frame frame)
    {
        if (frame is not KeptFrame kept)
            return true;
        foreach (var track in tracks)
        {
            if (track.Kind == kept.Kind)
                return track.Admits(kept.Position);
        }
        return true;
    }
}

/// <summary>What is sent at once of what a connection missed.</summary>
internal sealed class ReplayPage
{
    internal ReplayPage(IReadOnlyList<Frame> frames, bool isLast, ReplayTrack? track = null, KeptPage? source = null)
    {
        Frames = frames;
        IsLast = isLast;
        Track = track;
        Source = source;
    }

    /// <summary>What is missing is not there any more as a whole, or cannot be read.</summary>
    public static ReplayPage Broken { get; } = new([], isLast: false);

    /// <summary>The frames.</summary>
    public IReadOnlyList<Frame> Frames { get; }

    /// <summary>Whether it is all that was missing.</summary>
    public bool IsLast { get; }

    /// <summary>The channel that they are of.</summary>
    internal ReplayTrack? Track { get; }

    /// <summary>The page that they were chosen from.</summary>
    internal KeptPage? Source { get; }
}
