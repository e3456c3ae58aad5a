using System.Globalization;
using Aether.Domain;
using Aether.Domain.Commands;
using Role = Aether.Domain.Role;

namespace Aether.Infrastructure.Redis.Commands;

/// <summary>A plan as the hash of its command holds it, which <c>command-machine.lua</c> describes.</summary>
internal static class CommandPlanText
{
    private const int Words = 13;
    private const decimal Whole = 1_000_000_000;
    private const string None = "-";

    /// <summary>Writes a plan.</summary>
    public static string Write(CommandPlan plan) => string.Join(
        ' ',
        Flag(plan.IsContinuous),
        ((int)plan.Role).ToString(CultureInfo.InvariantCulture),
        Ms(plan.DeliveryTimeout),
        Ms(plan.InProgressTimeout),
        Ms(plan.Deadline),
        plan.Attempts.ToString(CultureInfo.InvariantCulture),
        Flag(plan.StopAtQuorum),
        Flag(plan.Pause),
        Write(plan.MinSucceeded),
        Write(plan.MaxConcurrency),
        Write(plan.Abort?.Failures),
        (plan.Abort?.MinExecuted ?? 1).ToString(CultureInfo.InvariantCulture),
        plan.Batches.Count == 0 ? None : string.Join(',', plan.Batches.Select(one => Write(one))));

    /// <summary>Reads one; nothing if it is none.</summary>
    public static CommandPlan? TryRead(string? text)
    {
        if (text?.Split(' ') is not { Length: Words } words)
            return null;
        int[] numbers = new int[6];
        for (int i = 0; i < 5; i++)
        {
            if (!TryRead(words[i + 1], out numbers[i]))
                return null;
        }
        if (!TryRead(words[11], out numbers[5]) || numbers[0] > (int)Role.Observer)
            return null;
        if (!TryRead(words[8], out Amount? min) || !TryRead(words[9], out Amount? most)
            || !TryRead(words[10], out Amount? failures))
            return null;
        var batches = new List<Amount>();
        foreach (string word in words[12] == None ? [] : words[12].Split(','))
        {
            if (!TryRead(word, out Amount? batch) || batch is null)
                return null;
            batches.Add(batch.Value);
        }
        return new CommandPlan
        {
            IsContinuous = words[0] == "1",
            Role = (Role)numbers[0],
            DeliveryTimeout = TimeSpan.FromMilliseconds(numbers[1]),
            InProgressTimeout = TimeSpan.FromMilliseconds(numbers[2]),
            Deadline = TimeSpan.FromMilliseconds(numbers[3]),
            Attempts = numbers[4],
            StopAtQuorum = words[6] == "1",
            Pause = words[7] == "1",
            MinSucceeded = min,
            MaxConcurrency = most,
            Abort = failures is { } some ? new AbortCriteria(some, numbers[5]) : null,
            Batches = batches,
        };
    }

    private static string Flag(bool value) => value ? "1" : "0";

    private static string Ms(TimeSpan span) => ((long)span.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);

    private static string Write(Amount? amount)
    {
        if (amount is not { } some)
            return None;
        string text = some.ToString();
        if (!some.IsShare)
            return "c" + text;
        long billionths = (long)(decimal.Parse(text, CultureInfo.InvariantCulture) * Whole);
        return "s" + billionths.ToString(CultureInfo.InvariantCulture);
    }

    private static bool TryRead(string text, out Amount? amount)
    {
        amount = null;
        if (text == None)
            return true;
        if (text.Length < 2 || !TryRead(text[1..], out int number))
            return false;
        amount = text[0] switch
        {
            'c' => Amount.FromCount(number),
            's' when number > 0 && number < Whole => Amount.FromShare(number / Whole),
            _ => null,
        };
        return amount is not null;
    }

    private static bool TryRead(string text, out int number) =>
        Digits.TryParse(text, out number);
}
