namespace Aether.Load.Traffic;

/// <summary>What arrived, and what was wrong with it.</summary>
internal sealed class Counters
{
    /// <summary>Good deliveries.</summary>
    public long Delivered { get; set; }

    /// <summary>Deliveries after a later one of the same sender.</summary>
    public long Late { get; set; }

    /// <summary>Deliveries that had been there.</summary>
    public long Duplicates { get; set; }

    /// <summary>Deliveries to somebody else.</summary>
    public long Misdirected { get; set; }

    /// <summary>Bytes of messages.</summary>
    public long Bytes { get; set; }

    /// <summary>A copy, to compare with later.</summary>
    public Counters Copy() => (Counters)MemberwiseClone();
}
