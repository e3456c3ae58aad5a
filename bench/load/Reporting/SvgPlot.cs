using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;

namespace Aether.Load.Reporting;

/// <summary>Draws a plot. It has a background of its own, so that it reads the same on light and dark pages.</summary>
internal static class SvgPlot
{
    private const int Width = 760, Height = 420, Left = 74, Right = 730, Top = 76, Bottom = 356;
    private const string Ink = "#24292f", Faint = "#57606a", Grid = "#d8dee4";

    // They differ in lightness as well, for those who do not tell the colours apart; so do the marks.
    private static readonly string[] Colours = ["#0550ae", "#d4671c", "#1a7f37", "#8250df"];

    /// <summary>Reads a plot's JSON and writes the drawing.</summary>
    public static int Draw(string json, string svg)
    {
        var plot = JsonSerializer.Deserialize(File.ReadAllText(json), ReportingJson.Default.PlotData);
        if (plot is null || plot.Series.All(series => series.Points.Count == 0))
            throw new UsageException($"{json} holds nothing to draw");
        File.WriteAllText(svg, Drawing(plot));
        return 0;
    }

    /// <summary>The drawing.</summary>
    internal static string Drawing(PlotData plot)
    {
        var points = plot.Series.SelectMany(series => series.Points).ToList();
        double[] xs = [.. points.Select(point => point.X).Distinct().Order()];
        var ticks = Axis.Ticks(points.Max(point => point.High));
        var x = new Axis(xs[0], xs[^1], Left + 14, Right - 14, plot.LogX);
        var y = new Axis(0, ticks[^1], Bottom, Top, isLog: false);

        var svg = new StringBuilder();
        Line($"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Width} {Height}\" width=\"{Width}\" "
            + $"height=\"{Height}\" role=\"img\" font-family=\"system-ui, 'Segoe UI', Helvetica, Arial, sans-serif\" "
            + "font-size=\"13\">");
        Line($"<title>{Escape(plot.Title)}</title>");
        Line($"<rect width=\"{Width}\" height=\"{Height}\" rx=\"6\" fill=\"#ffffff\" stroke=\"{Grid}\"/>");
        Text(Left, 30, plot.Title, Ink, "font-size=\"16\" font-weight=\"600\"");
        DrawAxes();
        for (int i = 0; i < plot.Series.Count; i++)
            DrawSeries(plot.Series[i], i);
        Line("</svg>");
        return svg.ToString();

        void DrawAxes()
        {
            bool bytes = plot.XLabel.Contains("bytes", StringComparison.Ordinal);
            foreach (double tick in ticks)
            {
                Line($"<path d=\"M{Left} {N(y.Place(tick))}H{Right}\" stroke=\"{(tick == 0 ? Faint : Grid)}\"/>");
                Text(Left - 8, y.Place(tick) + 4, Axis.Label(tick, bytes: false), Faint, "text-anchor=\"end\"");
            }
            foreach (double value in xs)
            {
                Line($"<path d=\"M{N(x.Place(value))} {Bottom}v5\" stroke=\"{Faint}\"/>");
                Text(x.Place(value), Bottom + 20, Axis.Label(value, bytes), Faint, "text-anchor=\"middle\"");
            }
            string scale = plot.LogX ? " (logarithmic)" : "";
            Text((Left + Right) / 2.0, Bottom + 44, plot.XLabel + scale, Ink, "text-anchor=\"middle\"");
            double middle = (Top + Bottom) / 2.0;
            Text(22, middle, plot.YLabel, Ink, $"text-anchor=\"middle\" transform=\"rotate(-90 22 {N(middle)})\"");
        }

        void DrawSeries(PlotSeries series, int number)
        {
            string colour = Colours[number % Colours.Length];
            string path = string.Join(' ', series.Points.Select(point => $"{N(x.Place(point.X))},{N(y.Place(point.Y))}"));
            Line($"<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>");
            foreach (var point in series.Points)
            {
                if (point.High > point.Low)
                {
                    Line($"<path d=\"M{N(x.Place(point.X))} {N(y.Place(point.Low))}V{N(y.Place(point.High))}\" "
                        + $"stroke=\"{colour}\" stroke-opacity=\"0.5\" stroke-width=\"5\"/>");
                }
                string told = $"{series.Name}, {Axis.Label(point.X, bytes: false)}: {Figures.Show(point.Y)}";
                Mark(x.Place(point.X), y.Place(point.Y), number, colour, told);
            }
            int at = Left + 8 + (number * 150);
            Line($"<path d=\"M{at} 52h26\" stroke=\"{colour}\" stroke-width=\"2\"/>");
            Mark(at + 13, 52, number, colour, series.Name);
            Text(at + 34, 56, series.Name, Ink, "");
        }

        void Mark(double atX, double atY, int number, string colour, string told)
        {
            string shape = number % 2 == 0
                ? $"<circle cx=\"{N(atX)}\" cy=\"{N(atY)}\" r=\"4\""
                : $"<rect x=\"{N(atX - 4)}\" y=\"{N(atY - 4)}\" width=\"8\" height=\"8\"";
            Line($"{shape} fill=\"{colour}\"><title>{Escape(told)}</title>{(number % 2 == 0 ? "</circle>" : "</rect>")}");
        }

        void Text(double atX, double atY, string text, string colour, string more) =>
            Line($"<text x=\"{N(atX)}\" y=\"{N(atY)}\" fill=\"{colour}\" {more}>{Escape(text)}</text>");

        void Line(string text) => svg.Append(text).Append('\n');
    }

    private static string N(double value) => value.ToString("0.#", CultureInfo.InvariantCulture);

    private static string Escape(string text) => WebUtility.HtmlEncode(text);
}
