using System.Globalization;
using System.Net;

namespace Aether.Api.Configuration;

/// <summary>
/// Finds addresses that the web server would take for others. What it cannot read as an IP address or a port it takes
/// for a name, and for a name it listens on every address of the machine: <c>http://127.0.0.l:5080</c> would be open.
/// </summary>
internal static class ListenAddresses
{
    /// <summary>One sentence for each.</summary>
    public static IEnumerable<string> Find(IConfiguration configuration)
    {
        foreach (var setting in Settings(configuration))
        {
            foreach (string url in Parts(setting).Where(IsTakenForAName))
                yield return $"{setting.Path}: {url} names no IP address with a port that is a number, and would be listened "
                    + "to on every address; write an IP address, localhost or *";
        }
        foreach (string key in (string[])["http_ports", "https_ports"])
        {
            var ports = configuration.GetSection(key);
            if (Parts(ports).Any(port => !ushort.TryParse(port, CultureInfo.InvariantCulture, out _)))
                yield return $"{ports.Path} must be numbers from 0 to 65535, with ; between them";
        }
    }

    private static IEnumerable<IConfigurationSection> Settings(IConfiguration configuration) =>
    [
        configuration.GetSection(WebHostDefaults.ServerUrlsKey),
        .. configuration.GetSection("Kestrel:Endpoints").GetChildren().Select(endpoint => endpoint.GetSection("Url")),
    ];

    private static string[] Parts(IConfigurationSection setting) =>
        setting.Value?.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];

    private static bool IsTakenForAName(string url)
    {
        BindingAddress address;
        try
        {
            address = BindingAddress.Parse(url);
        }
        catch (FormatException)
        {
            // The server refuses it itself.
            return false;
        }
        if (address.IsUnixPipe || address.IsNamedPipe || IPAddress.TryParse(address.Host, out _))
            return false;
        string[] labels = address.Host.Split('.');
        return address.Host.Contains(':', StringComparison.Ordinal)
            // Four parts of which three are numbers: an IP address with a slip in it.
            || (labels.Length == 4 && labels.Count(label => label.All(char.IsAsciiDigit)) >= 3)
            || labels.All(label => label.All(char.IsAsciiDigit));
    }
}
