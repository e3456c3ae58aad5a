using System.Security.Authentication;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Options;

namespace Aether.Api.Configuration;

/// <summary>
/// Finds what Kestrel would read in silence as its default: a value of <c>Protocols</c>, <c>SslProtocols</c> or
/// <c>ClientCertificateMode</c> that does not exist, and a setting that it does not know. The default may be less strict
/// than what was meant: no certificate is asked for where <c>RequireCertificat</c> was written.
/// </summary>
internal static class KestrelSection
{
    private const string Section = "Kestrel";
    private const string Protocols = "Protocols";
    private const string SslProtocols = "SslProtocols";
    private const string ClientCertificateMode = "ClientCertificateMode";
    private const string Certificate = "Certificate";
    private const string Sni = "Sni";

    private static readonly string[] OfAll = ["Certificates", "EndpointDefaults", "Endpoints"];
    private static readonly string[] OfDefaults = [Protocols, SslProtocols, ClientCertificateMode];
    private static readonly string[] OfHost = [.. OfDefaults, Certificate];
    private static readonly string[] OfEndpoint = [.. OfHost, "Url", Sni];

    private static readonly string[] OfCertificate =
        ["Path", "KeyPath", "Password", "Subject", "Store", "Location", "AllowInvalid"];

    /// <summary>Refuses settings of the web server that it would not read as they were written.</summary>
    /// <exception cref="OptionsValidationException">A sentence for each.</exception>
    public static void Validate(IConfiguration configuration)
    {
        string[] failures = [.. Find(configuration), .. ListenAddresses.Find(configuration)];
        if (failures.Length > 0)
            throw new OptionsValidationException(Section, typeof(KestrelServerOptions), failures);
    }

    /// <summary>
    /// Says of a start that failed for a certificate where that is configured: Kestrel says only what is wrong with it.
    /// </summary>
    public static Exception NameCertificate(Exception fault, string[] certificates)
    {
        bool isOfCertificate = fault is CryptographicException or NotSupportedException or UnauthorizedAccessException
            or FileNotFoundException or DirectoryNotFoundException or ArgumentException { ParamName: not "port" };
        return isOfCertificate && certificates.Length > 0
            ? new InvalidDataException(string.Join(" or ", certificates) + " cannot be used", fault)
            : fault;
    }

    /// <summary>The sections that configure a certificate.</summary>
    public static IEnumerable<string> Certificates(IConfiguration configuration)
    {
        var kestrel = configuration.GetSection(Section);
        var endpoints = kestrel.GetSection("Endpoints").GetChildren().ToList();
        return endpoints.Concat(endpoints.SelectMany(endpoint => endpoint.GetSection(Sni).GetChildren()))
            .Select(section => section.GetSection(Certificate))
            .Concat(kestrel.GetSection("Certificates").GetChildren())
            .Where(certificate => certificate.GetChildren().Any())
            .Select(certificate => certificate.Path);
    }

    /// <summary>One sentence for each; none holds a value.</summary>
    internal static IEnumerable<string> Find(IConfiguration configuration)
    {
        var kestrel = configuration.GetSection(Section);
        return
        [
            .. Unknown(kestrel, OfAll),
            .. kestrel.GetSection("Certificates").GetChildren().SelectMany(one => Unknown(one, OfCertificate)),
            .. OfListening(kestrel.GetSection("EndpointDefaults"), OfDefaults),
            .. kestrel.GetSection("Endpoints").GetChildren().SelectMany(OfOneEndpoint),
        ];
    }

    private static IEnumerable<string> OfOneEndpoint(IConfigurationSection endpoint) =>
    [
        .. OfListening(endpoint, OfEndpoint),
        .. endpoint.GetSection(Sni).GetChildren().SelectMany(host => OfListening(host, OfHost)),
    ];

    private static IEnumerable<string> OfListening(IConfigurationSection section, string[] known) =>
    [
        .. Unknown(section, known),
        .. Unknown(section.GetSection(Certificate), OfCertificate),
        .. NoneOf<HttpProtocols>(section.GetSection(Protocols)),
        .. NoneOf<ClientCertificateMode>(section.GetSection(ClientCertificateMode)),
        .. OfSslProtocols(section.GetSection(SslProtocols)),
    ];

    private static IEnumerable<string> OfSslProtocols(IConfigurationSection list) => list.Value is null
        ? list.GetChildren().SelectMany(NoneOf<SslProtocols>)
        : [list.Path + " must be a list with at least one of " + Names<SslProtocols>()];

    // What is left out, or null, is the default.
    private static IEnumerable<string> NoneOf<T>(IConfigurationSection setting)
        where T : struct, Enum =>
        setting.GetChildren().Any() || (setting.Value is { } value && !IsOne<T>(value))
            ? [setting.Path + " must be one of " + Names<T>()]
            : [];

    private static bool IsOne<T>(string value)
        where T : struct, Enum => Enum.TryParse(value, ignoreCase: true, out T one) && Enum.IsDefined(one);

    private static IEnumerable<string> Unknown(IConfigurationSection section, string[] known) =>
        section.GetChildren()
            .Where(child => !known.Contains(child.Key, StringComparer.OrdinalIgnoreCase))
            .Select(child => $"{child.Path} is not read; there are: {string.Join(", ", known)}");

    private static string Names<T>()
        where T : struct, Enum => string.Join(", ", Enum.GetNames<T>());
}
