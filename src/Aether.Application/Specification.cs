namespace Aether.Application;

/// <summary>
/// A query over objects in memory as an object with a name: what to keep, in which order, and which part of it. It is
/// the vocabulary of Ardalis.Specification, as far as it is needed, and is to be replaced by it:
/// docs/adr/0002-specification.md.
/// </summary>
/// <typeparam name="T">What is asked for.</typeparam>
internal abstract class Specification<T>
{
    private readonly List<Func<T, bool>> criteria = [];
    private Func<IEnumerable<T>, IOrderedEnumerable<T>>? order;
    private int skip;
    private int? take;

    /// <summary>Builds the query, in the constructor.</summary>
    protected Builder Query => new(this);

    /// <summary>The part of the source that is asked for.</summary>
    public IEnumerable<T> Evaluate(IEnumerable<T> source)
    {
        var found = Filter(source);
        var page = (order?.Invoke(found) ?? found).Skip(skip);
        return take is { } count ? page.Take(count) : page;
    }

    /// <summary>How much of the source fits, whatever part of it is asked for.</summary>
    public int Count(IEnumerable<T> source) => Filter(source).Count();

    private IEnumerable<T> Filter(IEnumerable<T> source) =>
        source.Where(item => criteria.TrueForAll(fits => fits(item)));

    /// <summary>Says what is asked for, one step after the other.</summary>
    protected readonly struct Builder(Specification<T> specification)
    {
        /// <summary>Keeps what fits.</summary>
        public Builder Where(Func<T, bool> predicate)
        {
            specification.criteria.Add(predicate);
            return this;
        }

        /// <summary>Sorts by a key.</summary>
        public Builder OrderBy<TKey>(Func<T, TKey> key)
        {
            specification.order = source => source.OrderBy(key);
            return this;
        }

        /// <summary>Sorts by a key, the greatest first.</summary>
        public Builder OrderByDescending<TKey>(Func<T, TKey> key)
        {
            specification.order = source => source.OrderByDescending(key);
            return this;
        }

        /// <summary>Sorts what is equal so far by one more key. Only after an order.</summary>
        public Builder ThenBy<TKey>(Func<T, TKey> key)
        {
            var first = specification.order ?? throw new InvalidOperationException("There is no order to go on from.");
            specification.order = source => first(source).ThenBy(key);
            return this;
        }

        /// <summary>Leaves out the first ones.</summary>
        public Builder Skip(int count)
        {
            specification.skip = count;
            return this;
        }

        /// <summary>Keeps so many.</summary>
        public Builder Take(int count)
        {
            specification.take = count;
            return this;
        }
    }
}
