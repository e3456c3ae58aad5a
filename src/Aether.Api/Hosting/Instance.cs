using System.Globalization;
using System.Security.Cryptography;

namespace Aether.Api.Hosting;

/// <summary>The name of this process among the instances, new at every start.</summary>
internal sealed class Instance
{
    private long connections;

    /// <summary>The name.</summary>
    public string Id { get; } = RandomNumberGenerator.GetHexString(12, lowercase: true);

    /// <summary>A name for a connection, which no other has on any instance.</summary>
    public string NextConnectionId() =>
        Id + "-" + Interlocked.Increment(ref connections).ToString(CultureInfo.InvariantCulture);
}
