namespace Aether.Application;

/// <summary>One API key.</summary>
public sealed class ApiKeyOptions
{
    /// <summary>A name for people and logs.</summary>
    public string Name { get; set; } = "";

    /// <summary>The secret, at least 16 characters.</summary>
    public string Key { get; set; } = "";

    /// <summary>
    /// In place of <see cref="Key"/>, so that the configuration does not hold it: the SHA-256 of its UTF-8, as 64
    /// hexadecimal digits.
    /// </summary>
    public string KeySha256 { get; set; } = "";

    /// <summary>What it grants: <c>broadcast</c>, <c>cross_group</c>, <c>admin</c>.</summary>
    public IList<string> Permissions { get; } = [];

    /// <summary>The groups it is good for, or <c>*</c>. Not set: every group. Empty: none.</summary>
    public IList<string>? Groups { get; set; }
}
