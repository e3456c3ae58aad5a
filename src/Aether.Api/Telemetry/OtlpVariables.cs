using System.Globalization;
using Aether.Domain;
using Microsoft.Extensions.Options;

namespace Aether.Api.Telemetry;

/// <summary>Where one kind of telemetry goes.</summary>
/// <param name="Endpoint">The whole address; with gRPC without the path of a service.</param>
/// <param name="IsGrpc">gRPC, else protobuf over HTTP.</param>
/// <param name="Headers">What goes along, as <c>name=value,name=value</c>.</param>
/// <param name="TimeoutMilliseconds">How long one export may take; <see langword="null"/>: as the exporter says.</param>
internal sealed record OtlpTarget(Uri Endpoint, bool IsGrpc, string? Headers, int? TimeoutMilliseconds)
{
    /// <summary>As the variable spells it.</summary>
    public string Protocol => IsGrpc ? OtlpVariables.Grpc : OtlpVariables.Http;
}

/// <summary>What is exported, and where to; none where nothing says so.</summary>
internal sealed record OtlpTargets(OtlpTarget? Metrics, OtlpTarget? Traces);

/// <summary>
/// Reads OpenTelemetry's standard environment variables. The exporter itself takes what it cannot read for what was left
/// out, and would send to localhost in silence; here it stops the start.
/// </summary>
internal static class OtlpVariables
{
    internal const string Grpc = "grpc";
    internal const string Http = "http/protobuf";

    private const string Prefix = "OTEL_EXPORTER_OTLP_";

    private static readonly string[] Samplers =
    [
        "always_on", "always_off", "traceidratio",
        "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio",
    ];

    /// <summary>Reads them.</summary>
    /// <param name="variable">The value of an environment variable. An empty one is the same as none.</param>
    /// <exception cref="OptionsValidationException">A sentence for each that cannot be read.</exception>
    public static OtlpTargets Read(Func<string, string?> variable)
    {
        var failures = new List<string>();
        string? Value(string name) => variable(name)?.Trim() is { Length: > 0 } value ? value : null;
        bool disabled = string.Equals(Value("OTEL_SDK_DISABLED"), "true", StringComparison.OrdinalIgnoreCase);
        var targets = disabled
            ? new OtlpTargets(null, null)
            : new OtlpTargets(
                ReadTarget("METRICS", "v1/metrics", Value, failures), ReadTarget("TRACES", "v1/traces", Value, failures));
        if (targets.Metrics is not null)
            _ = Milliseconds("OTEL_METRIC_EXPORT_INTERVAL", Value, failures);
        if (targets.Traces is not null)
            CheckSampler(Value, failures);
        return failures.Count == 0
            ? targets
            : throw new OptionsValidationException(Prefix, typeof(OtlpTargets), failures.Distinct());
    }

    private static OtlpTarget? ReadTarget(
        string signal, string path, Func<string, string?> value, List<string> failures)
    {
        // The one of the signal goes before the one of all.
        string Name(string setting) => value($"{Prefix}{signal}_{setting}") is null ? Prefix + setting : $"{Prefix}{signal}_{setting}";

        string exporter = $"OTEL_{signal}_EXPORTER";
        if (value(exporter) is not (null or "otlp" or "none"))
            failures.Add(exporter + " must be otlp or none");
        string endpointName = Name("ENDPOINT");
        if (value(endpointName) is not { } endpoint || value(exporter) is "none")
            return null;
        if (!Uri.TryCreate(endpoint, UriKind.Absolute, out var address)
            || (address.Scheme != Uri.UriSchemeHttp && address.Scheme != Uri.UriSchemeHttps)
            || address.Host.Length == 0)
        {
            failures.Add(endpointName + " must be a URL such as http://collector:4317, with http:// or https:// in front");
            return null;
        }
        string protocolName = Name("PROTOCOL");
        string protocol = value(protocolName) ?? Grpc;
        if (protocol is not (Grpc or Http))
            failures.Add($"{protocolName} must be {Grpc} or {Http}");
        // An address for all signals is where their paths begin; one of a signal is whole.
        if (protocol == Http && endpointName == Prefix + "ENDPOINT")
            address = new Uri(address.GetLeftPart(UriPartial.Path).TrimEnd('/') + "/" + path);
        string headersName = Name("HEADERS");
        string? headers = value(headersName);
        if (headers?.Split(',').All(one => one.IndexOf('=', StringComparison.Ordinal) > 0) is false)
            failures.Add(headersName + " must be name=value, several of them with commas between");
        return new OtlpTarget(address, protocol == Grpc, headers, Milliseconds(Name("TIMEOUT"), value, failures));
    }

    private static int? Milliseconds(string name, Func<string, string?> value, List<string> failures)
    {
        if (value(name) is not { } text)
            return null;
        if (Digits.TryParse(text, out int number) && number > 0)
            return number;
        failures.Add(name + " must be a whole number of milliseconds, from 1");
        return null;
    }

    private static void CheckSampler(Func<string, string?> value, List<string> failures)
    {
        const string Sampler = "OTEL_TRACES_SAMPLER";
        const string Argument = Sampler + "_ARG";
        if (value(Sampler) is not { } sampler)
            return;
        if (!Samplers.Contains(sampler, StringComparer.OrdinalIgnoreCase))
            failures.Add($"{Sampler} must be one of {string.Join(", ", Samplers)}");
        if (sampler.EndsWith("traceidratio", StringComparison.OrdinalIgnoreCase)
            && value(Argument) is { } share
            && !(double.TryParse(share, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double ratio)
                && ratio is >= 0 and <= 1))
            failures.Add(Argument + " must be a number from 0 to 1");
    }
}
