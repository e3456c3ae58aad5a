using Aether.Application.Pipeline;
using Aether.Domain;

namespace Aether.Api.Http;

/// <summary>Reads queries, and says which parameter is wrong.</summary>
internal static class QueryText
{
    /// <summary>
    /// Whether each parameter is one of those that there are, and there once. A misspelled one would otherwise be
    /// answered as if it had not been asked.
    /// </summary>
    public static bool Allows(IQueryCollection parameters, string[] names, out IResult refusal)
    {
        foreach (var (name, values) in parameters)
        {
            if (!names.Contains(name))
                return Refuse("query", names is [] ? "holds no parameters here" : "may hold " + string.Join(" and ", names), out refusal);
            if (values.Count != 1)
                return Refuse("query", "must hold each of its parameters once", out refusal);
        }
        refusal = Results.Empty;
        return true;
    }

    /// <summary>Reads which page is asked for; whether it can be had, the query's validator says.</summary>
    public static bool TryReadPage(
        string? offsetText, string? limitText, out (int Offset, int Limit) page, out IResult refusal)
    {
        page = default;
        if (!TryReadNumber(offsetText, 0, out int offset))
            return Refuse("offset", PageRules.OffsetRule, out refusal);
        if (!TryReadNumber(limitText, PageRules.MaxLimit, out int limit))
            return Refuse("limit", PageRules.LimitRule, out refusal);
        page = (offset, limit);
        refusal = Results.Empty;
        return true;
    }

    /// <summary>Says no, and to what.</summary>
    public static bool Refuse(string field, string rule, out IResult refusal)
    {
        refusal = Problems.BadRequest(field, rule);
        return false;
    }

    /// <summary>Reads a number that is not negative, if one is given. One that is too large is the largest.</summary>
    public static bool TryReadNumber(string? text, int otherwise, out int number)
    {
        number = otherwise;
        if (text is null || Digits.TryParse(text, out number))
            return true;
        number = int.MaxValue;
        return Digits.AreAll(text);
    }
}
