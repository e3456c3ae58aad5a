using System.Globalization;
using System.Text;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace Aether.Api.Telemetry;

/// <summary>
/// Writes metrics as Prometheus reads them (its text format, version 0.0.4), by the names that OpenTelemetry's rules give
/// them: the unit and <c>_total</c> stand at the end. OpenTelemetry's own exporter has only been published as a preview,
/// on which no stable package can depend.
/// </summary>
internal static class PrometheusText
{
    /// <summary>The media type.</summary>
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>Writes all of them; those of one name stand together.</summary>
    public static string Write(in Batch<Metric> metrics)
    {
        var text = new StringBuilder();
        var all = new List<Metric>();
        foreach (var metric in metrics)
            all.Add(metric);
        foreach (var family in all.GroupBy(NameOf))
        {
            var first = family.First();
            if (first.Description.Length > 0)
                text.Append("# HELP ").Append(family.Key).Append(' ').Append(Escape(first.Description, quotes: false)).Append('\n');
            text.Append("# TYPE ").Append(family.Key).Append(' ').Append(TypeOf(first)).Append('\n');
            foreach (var metric in family)
                WritePoints(text, family.Key, metric);
        }
        return text.ToString();
    }

    /// <summary>The name of a metric, with its unit and what a counter ends with.</summary>
    public static string NameOf(Metric metric)
    {
        string name = Sanitize(metric.Name);
        string unit = UnitOf(metric.Unit);
        bool isCounter = TypeOf(metric) == "counter";
        if (unit.Length > 0 && !name.EndsWith("_" + unit, StringComparison.Ordinal))
            name += "_" + unit;
        return isCounter && !name.EndsWith("_total", StringComparison.Ordinal) ? name + "_total" : name;
    }

    private static void WritePoints(StringBuilder text, string name, Metric metric)
    {
        foreach (ref readonly var point in metric.GetMetricPoints())
        {
            string labels = LabelsOf(metric, point.Tags);
            switch (metric.MetricType)
            {
                case MetricType.LongSum or MetricType.LongSumNonMonotonic:
                    WriteLine(text, name, labels, Number(point.GetSumLong()));
                    break;
                case MetricType.DoubleSum or MetricType.DoubleSumNonMonotonic:
                    WriteLine(text, name, labels, Number(point.GetSumDouble()));
                    break;
                case MetricType.LongGauge:
                    WriteLine(text, name, labels, Number(point.GetGaugeLastValueLong()));
                    break;
                case MetricType.DoubleGauge:
                    WriteLine(text, name, labels, Number(point.GetGaugeLastValueDouble()));
                    break;
                case MetricType.Histogram:
                    WriteHistogram(text, name, labels, point);
                    break;
            }
        }
    }

    private static void WriteHistogram(StringBuilder text, string name, string labels, in MetricPoint point)
    {
        long upTo = 0;
        foreach (var bucket in point.GetHistogramBuckets())
        {
            upTo += bucket.BucketCount;
            WriteLine(text, name + "_bucket", labels + ",le=\"" + Number(bucket.ExplicitBound) + "\"", Number(upTo));
        }
        WriteLine(text, name + "_sum", labels, Number(point.GetHistogramSum()));
        WriteLine(text, name + "_count", labels, Number(point.GetHistogramCount()));
    }

    private static void WriteLine(StringBuilder text, string name, string labels, string value) =>
        text.Append(name).Append('{').Append(labels).Append("} ").Append(value).Append('\n');

    private static string LabelsOf(Metric metric, ReadOnlyTagCollection tags)
    {
        var labels = new StringBuilder("otel_scope_name=\"").Append(Escape(metric.MeterName)).Append('"');
        if (metric.MeterVersion.Length > 0)
            labels.Append(",otel_scope_version=\"").Append(Escape(metric.MeterVersion)).Append('"');
        foreach (var (name, value) in tags)
        {
            labels.Append(',').Append(Sanitize(name)).Append("=\"")
                .Append(Escape(Convert.ToString(value, CultureInfo.InvariantCulture) ?? "")).Append('"');
        }
        return labels.ToString();
    }

    private static string TypeOf(Metric metric) => metric.MetricType switch
    {
        MetricType.LongSum or MetricType.DoubleSum => "counter",
        MetricType.Histogram => "histogram",
        _ => "gauge",
    };

    private static string UnitOf(string unit)
    {
        // {connection} only says what is counted.
        int note = unit.IndexOf('{', StringComparison.Ordinal);
        string[] parts = (note < 0 ? unit : unit[..note]).Split('/', 2);
        string counted = parts[0] switch
        {
            "1" => "",
            "%" => "percent",
            "s" => "seconds",
            "ms" => "milliseconds",
            "us" => "microseconds",
            "ns" => "nanoseconds",
            "By" => "bytes",
            var other => other.Length > 0 ? Sanitize(other) : "",
        };
        return parts.Length < 2 ? counted : counted + "_per_" + (parts[1] == "s" ? "second" : Sanitize(parts[1]));
    }

    private static string Sanitize(string name)
    {
        var clean = new StringBuilder(name.Length);
        foreach (char c in name)
        {
            if (char.IsAsciiLetterOrDigit(c) || c == ':')
                clean.Append(c);
            else if (clean.Length == 0 || clean[^1] != '_')
                clean.Append('_');
        }
        if (clean.Length > 0 && char.IsAsciiDigit(clean[0]))
            clean.Insert(0, '_');
        return clean.ToString();
    }

    private static string Escape(string value, bool quotes = true)
    {
        string escaped = value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
        return quotes ? escaped.Replace("\"", "\\\"", StringComparison.Ordinal) : escaped;
    }

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Number(double value) =>
        double.IsPositiveInfinity(value) ? "+Inf"
        : double.IsNegativeInfinity(value) ? "-Inf"
        : value.ToString("R", CultureInfo.InvariantCulture);
}
