using System.IO.Compression;
using System.Security.Cryptography;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Aether.Api.Http;

/// <summary>One file as it is sent: as it is, or compressed once, when somebody first asks for it so.</summary>
internal sealed class Asset
{
    private static readonly string[] Preferred = ["br", "gzip"];

    private readonly Variant plain;
    private readonly Lazy<Variant> brotli;
    private readonly Lazy<Variant> gzip;

    public Asset(byte[] bytes, string contentType)
    {
        ContentType = contentType;
        Hash = Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 16));
        plain = new Variant(bytes, null, Hash);
        brotli = new(() => Compressed("br", to => new BrotliStream(to, CompressionLevel.SmallestSize, leaveOpen: true)));
        gzip = new(() => Compressed("gzip", to => new GZipStream(to, CompressionLevel.SmallestSize, leaveOpen: true)));
    }

    public string ContentType { get; }

    /// <summary>What the bytes are, in 32 hexadecimal digits.</summary>
    public string Hash { get; }

    /// <summary>The best of what the caller can read.</summary>
    /// <param name="acceptEncoding">The header <c>Accept-Encoding</c>.</param>
    public Variant For(StringValues acceptEncoding)
    {
        var best = plain;
        double quality = 0;
        foreach (string encoding in Preferred)
        {
            double offered = QualityOf(encoding, acceptEncoding);
            if (offered <= quality)
                continue;
            quality = offered;
            best = encoding == "br" ? brotli.Value : gzip.Value;
        }
        return best;
    }

    private static double QualityOf(string encoding, StringValues acceptEncoding)
    {
        if (!StringWithQualityHeaderValue.TryParseList(acceptEncoding, out var accepted))
            return 0;
        double any = 0;
        foreach (var one in accepted)
        {
            if (one.Value.Equals(encoding, StringComparison.OrdinalIgnoreCase))
                return one.Quality ?? 1;
            if (one.Value == "*")
                any = one.Quality ?? 1;
        }
        return any;
    }

    private Variant Compressed(string encoding, Func<Stream, Stream> compress)
    {
        using var compressed = new MemoryStream();
        using (var stream = compress(compressed))
            stream.Write(plain.Bytes);
        return compressed.Length < plain.Bytes.Length ? new Variant(compressed.ToArray(), encoding, Hash) : plain;
    }

    /// <summary>The bytes of one encoding, and their own tag: a cache must not mix them up.</summary>
    internal sealed class Variant(byte[] bytes, string? encoding, string hash)
    {
        public byte[] Bytes { get; } = bytes;

        public string? Encoding { get; } = encoding;

        public EntityTagHeaderValue Tag { get; } = new($"\"{hash}{(encoding is null ? "" : "-" + encoding)}\"");
    }
}
