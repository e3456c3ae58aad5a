using Aether.Api.Configuration;
using Microsoft.Extensions.Configuration;
using Xunit;

namespace Aether.Tests.Unit;

/// <summary>Which addresses would be listened to on every address of the machine by a slip of the finger.</summary>
public sealed class ListenAddressesTests
{
    [Theory]
    [InlineData("urls", "http://127.0.0.1:abc")]
    [InlineData("urls", "http://127.0.0.l:5080")]
    [InlineData("urls", "http://127.0.0.1:")]
    [InlineData("urls", "http://localhost:5o80")]
    [InlineData("urls", "http://256.0.0.1:5080")]
    [InlineData("urls", "http://10.0.0.x")]
    [InlineData("urls", "http://1.2.3.4.5:80")]
    [InlineData("urls", "http://localhost:5080; https://192.168.0.300:443")]
    [InlineData("Kestrel:Endpoints:Web:Url", "http://127.O.0.1:80")]
    [InlineData("http_ports", "abc")]
    [InlineData("http_ports", "80;8o80")]
    [InlineData("http_ports", "65536")]
    [InlineData("https_ports", "-1")]
    public void Find_NamesTheSetting_GivenASlip(string setting, string value) =>
        Assert.StartsWith(setting, Assert.Single(Find(setting, value)), StringComparison.Ordinal);

    [Theory]
    [InlineData("urls", "http://127.0.0.1:5080")]
    [InlineData("urls", "http://127.0.0.1")]
    [InlineData("urls", "http://[::1]:5080;https://[::]:443")]
    [InlineData("urls", "http://localhost:0")]
    [InlineData("urls", "http://*:80;http://+:81;http://0.0.0.0:82")]
    [InlineData("urls", "http://my-host:5080")]
    [InlineData("urls", "http://1.pool.example.org:5080")]
    [InlineData("urls", "http://127.0.0.1:5080/base")]
    [InlineData("urls", "http://unix:/run/aether/a:b.sock")]
    [InlineData("urls", "nonsense")]
    [InlineData("urls", "")]
    [InlineData("Kestrel:Endpoints:Web:Url", "https://10.0.0.1:443")]
    [InlineData("http_ports", "80;8080")]
    [InlineData("https_ports", "443")]
    public void Find_FindsNothing_GivenWhatIsMeant(string setting, string value) => Assert.Empty(Find(setting, value));

    private static IEnumerable<string> Find(string setting, string value) => ListenAddresses.Find(
        new ConfigurationBuilder().AddInMemoryCollection([KeyValuePair.Create(setting, (string?)value)]).Build());
}
