using Aether.Api.Configuration;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>Which settings of the web server would be read as something else than they say.</summary>
public sealed class KestrelSectionTests
{
    [Theory]
    [InlineData("EndpointDefaults:Protocols", "Http9", "must be one of None, Http1, Http2")]
    [InlineData("EndpointDefaults:Protocols", "", "must be one of")]
    [InlineData("EndpointDefaults:Protocols", "99", "must be one of")]
    [InlineData("EndpointDefaults:Protocols", "Http1;Http2", "must be one of")]
    [InlineData("EndpointDefaults:Protocols:0", "Http1", "must be one of")]
    [InlineData("Endpoints:Web:Protocols", "Https1", "must be one of")]
    [InlineData("Endpoints:Web:Sni:a.example:Protocols", "Http9", "must be one of")]
    [InlineData("EndpointDefaults:ClientCertificateMode", "RequireCertificat", "must be one of NoCertificate")]
    [InlineData("Endpoints:Web:ClientCertificateMode", "Required", "must be one of")]
    [InlineData("Endpoints:Web:ClientCertificateMode", "7", "must be one of")]
    [InlineData("Endpoints:Web:Sni:*:ClientCertificateMode", "true", "must be one of")]
    [InlineData("EndpointDefaults:SslProtocols:0", "Tls14", "must be one of")]
    [InlineData("Endpoints:Web:SslProtocols:1", "TLS1.3", "must be one of")]
    [InlineData("Endpoints:Web:SslProtocols", "Tls13", "must be a list")]
    [InlineData("Endpoints:Web:SslProtocols", "", "must be a list")]
    [InlineData("Endpoints:Web:Sni:a.example:SslProtocols", "Tls13", "must be a list")]
    [InlineData("Endpoints:Web:ClientCertificateMod", "RequireCertificate", "is not read; there are: Protocols")]
    [InlineData("Endpoints:Web:Certificat:Path", "a.pfx", "is not read")]
    [InlineData("Endpoints:Web:Certificate:Key", "a.key", "is not read; there are: Path, KeyPath")]
    [InlineData("Endpoints:Web:Sni:a.example:Url", "https://a", "is not read")]
    [InlineData("EndpointDefaults:Certificate:Path", "a.pfx", "is not read")]
    [InlineData("Certificates:Default:Pasword", "secret", "is not read")]
    [InlineData("EndpointDefault:Protocols", "Http1", "is not read; there are: Certificates")]
    [InlineData("Limits:MaxConcurrentConnections", "10", "is not read")]
    public void Validate_NamesTheSetting_AndNotItsValue(string setting, string value, string says)
    {
        var refused = Assert.Throws<OptionsValidationException>(() => Validate((setting, value)));
        string failure = Assert.Single(refused.Failures);
        // The setting, or the section or list that it stands in.
        string named = failure.Split(' ')[0];
        Assert.StartsWith(named, "Kestrel:" + setting, StringComparison.Ordinal);
        Assert.StartsWith(named + " " + says, failure, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", failure, StringComparison.Ordinal);
    }

    [Fact]
    public void Validate_AcceptsWhatKestrelReads() => Validate(
        ("EndpointDefaults:Protocols", "http1andhttp2andhttp3"),
        ("EndpointDefaults:SslProtocols:0", "tls12"),
        ("EndpointDefaults:SslProtocols:1", "Tls13"),
        ("EndpointDefaults:ClientCertificateMode", "NoCertificate"),
        ("Endpoints:Web:Url", "https://127.0.0.1:0"),
        ("Endpoints:Web:Protocols", "Http1, Http2"),
        ("Endpoints:Web:Protocols", null),
        ("Endpoints:Web:ClientCertificateMode", "requirecertificate"),
        ("Endpoints:Web:Certificate:Path", "a.pem"),
        ("Endpoints:Web:Certificate:KeyPath", "a.key"),
        ("Endpoints:Web:Certificate:Password", "secret"),
        ("Endpoints:Web:Sni:*.example:Protocols", "Http2"),
        ("Endpoints:Web:Sni:*.example:SslProtocols:0", "Tls13"),
        ("Endpoints:Web:Sni:*.example:ClientCertificateMode", "AllowCertificate"),
        ("Endpoints:Web:Sni:*.example:Certificate:Subject", "b"),
        ("Endpoints:Web:Sni:*.example:Certificate:Store", "My"),
        ("Endpoints:Web:Sni:*.example:Certificate:Location", "CurrentUser"),
        ("Endpoints:Web:Sni:*.example:Certificate:AllowInvalid", "false"),
        ("Certificates:Default:Path", "c.pfx"));

    [Fact]
    public void Validate_TellsEveryMistake()
    {
        var refused = Assert.Throws<OptionsValidationException>(() => Validate(
            ("Endpoints:A:Protocols", "x"), ("Endpoints:B:Protocols", "x"), ("Limits:A", "1")));
        Assert.Equal(3, refused.Failures.Count());
    }

    private static void Validate(params (string Setting, string? Value)[] settings) => KestrelSection.Validate(
        new ConfigurationBuilder()
            .AddInMemoryCollection(settings.DistinctBy(one => one.Setting)
                .Select(one => KeyValuePair.Create("Kestrel:" + one.Setting, one.Value)))
            .Build());
}
