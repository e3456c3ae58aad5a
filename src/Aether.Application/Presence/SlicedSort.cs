using Aether.Domain;

namespace Aether.Application.Presence;

/// <summary>
/// Sorts the members of a group some hundred at a time. Sorting 5,000 at once takes a thread for some milliseconds, and
/// where it is the only one of the pool everybody's messages wait for it. Here they go first after each slice.
/// </summary>
internal static class SlicedSort
{
    /// <summary>How many members are sorted, or merged, before others go first.</summary>
    public const int Slice = 512;

    private static readonly Comparison<Member> ById = static (one, other) => one.ClientId.CompareTo(other.ClientId);

    /// <summary>Gives the members by client id, in an array of their own.</summary>
    public static async ValueTask<Member[]> ByClientIdAsync(IEnumerable<Member> members)
    {
        Member[] from = [.. members];
        for (int start = 0; start < from.Length; start += Slice)
        {
            from.AsSpan(start, Math.Min(Slice, from.Length - start)).Sort(ById);
            if (from.Length > Slice)
                await Task.Yield();
        }
        if (from.Length <= Slice)
            return from;
        var to = new Member[from.Length];
        for (long run = Slice; run < from.Length; run *= 2)
        {
            for (long start = 0; start < from.Length; start += 2 * run)
            {
                var merge = new Merge(from, to, (int)start, (int)run);
                bool more;
                do
                {
                    more = merge.Advance(Slice);
                    await Task.Yield();
                }
                while (more);
            }
            (from, to) = (to, from);
        }
        return from;
    }

    /// <summary>Puts two sorted runs that lie side by side into one.</summary>
    private sealed class Merge
    {
        private readonly Member[] from;
        private readonly Member[] to;
        private readonly int leftEnd;
        private readonly int rightEnd;
        private int left;
        private int right;
        private int next;

        public Merge(Member[] from, Member[] to, int start, int run)
        {
            (this.from, this.to) = (from, to);
            (left, next) = (start, start);
            right = leftEnd = Math.Min(from.Length, start + run);
            rightEnd = Math.Min(from.Length, leftEnd + run);
        }

        /// <summary>Puts so many members where they belong.</summary>
        /// <returns>Whether there are more.</returns>
        public bool Advance(int count)
        {
            for (int end = Math.Min(rightEnd, next + count); next < end; next++)
            {
                bool takeLeft = left < leftEnd && (right == rightEnd || ById(from[left], from[right]) <= 0);
                to[next] = takeLeft ? from[left++] : from[right++];
            }
            return next < rightEnd;
        }
    }
}
