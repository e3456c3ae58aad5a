namespace Aether.Application;

/// <summary>What is said of Redis beside <c>ConnectionStrings:Redis</c>.</summary>
public sealed class RedisOptions
{
    /// <summary>The user to log in as; not to be said in the connection string as well. Empty: what that says.</summary>
    public string User { get; set; } = "";

    /// <summary>
    /// The password, whatever characters it is made of; not to be said in the connection string as well. Empty: what
    /// that says.
    /// </summary>
    public string Password { get; set; } = "";

    /// <summary>Goes in front of every key and channel, for several environments on one Redis.</summary>
    public string Prefix { get; set; } = "";
}
