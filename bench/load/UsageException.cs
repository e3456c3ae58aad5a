namespace Aether.Load;

/// <summary>The command line asks for something that cannot be; the message says what.</summary>
internal sealed class UsageException(string message) : Exception(message);
