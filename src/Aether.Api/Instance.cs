using System.Globalization;
using System.Security.Cryptography;

namespace Aether.Api;

/// <summary>The name of this process among the instances, new at every start.</summary>
internal sealed class Instance
{
    private long connections;

    /// <summary>The name.</summary>
    public string Id { get; } = RandomNumberGenerator.GetHexString(12, lowercase: true);

    /// <summary>A number for a connection, which no other of this instance has.</summary>
    public long NextConnection() => Interlocked.Increment(ref connections);

    /// <summary>The name of a connection, which no other has on any instance.</summary>
    public string NameOf(long connection) => Id + "-" + connection.ToString(CultureInfo.InvariantCulture);
}
