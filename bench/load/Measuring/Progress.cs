using System.Diagnostics;

namespace Aether.Load.Measuring;

/// <summary>Says on standard error how far it is: one line that changes, or a line a second where that is no terminal.</summary>
internal sealed class Progress(bool quiet)
{
    private readonly bool isTerminal = !Console.IsErrorRedirected;
    private readonly Stopwatch sinceLast = Stopwatch.StartNew();
    private int shownLength;

    /// <summary>Whether it is time to say something again.</summary>
    public bool IsDue => !quiet && sinceLast.ElapsedMilliseconds >= (isTerminal ? 250 : 1000);

    /// <summary>Says it.</summary>
    public void Show(string text)
    {
        sinceLast.Restart();
        if (isTerminal)
            Console.Error.Write("\r" + text.PadRight(shownLength));
        else
            Console.Error.WriteLine(text);
        shownLength = text.Length;
    }

    /// <summary>Leaves the line to what follows.</summary>
    public void Clear()
    {
        if (isTerminal && shownLength > 0)
            Console.Error.Write("\r" + new string(' ', shownLength) + "\r");
        shownLength = 0;
    }
}
