namespace Aether.Load.Reporting;

/// <summary>What a plot shows.</summary>
internal sealed record PlotData
{
    public required string Title { get; init; }

    /// <summary>Below the x axis; in a label <c>bytes</c> makes the ticks 1 KiB, 4 KiB.</summary>
    public required string XLabel { get; init; }

    public required string YLabel { get; init; }

    /// <summary>Equal steps are equal factors.</summary>
    public bool LogX { get; init; }

    public required IReadOnlyList<PlotSeries> Series { get; init; }
}

/// <summary>One line.</summary>
internal sealed record PlotSeries(string Name, IReadOnlyList<PlotPoint> Points);

/// <summary>The median of some runs, and from where to where they went.</summary>
internal sealed record PlotPoint(double X, double Y, double Low, double High);
