// How many messages get into the list, and what passed in the last minute. No DOM here.

/** Lets `perSecond` through, evenly while more come; after a quiet time half as many at once. */
export class Sampler {
  /** @param {number} perSecond */
  constructor(perSecond) {
    this.perSecond = perSecond;
    this.most = perSecond / 2;
    this.tokens = this.most;
    this.last = 0;
  }

  /** Is there still room? Asking takes nothing. @param {number} now ms */
  has(now) {
    this.tokens = Math.min(this.most, this.tokens + ((now - this.last) * this.perSecond) / 1000);
    this.last = now;
    return this.tokens >= 1;
  }

  /** @param {number} now ms */
  take(now) {
    if (!this.has(now)) return false;
    this.tokens--;
    return true;
  }
}

/** Values of the last `length` whole seconds, in a ring: what is older is overwritten. */
export class Seconds {
  /** @param {number} length @param {() => any} empty what a second without anything holds */
  constructor(length, empty) {
    this.length = length;
    this.empty = empty;
    this.ring = Array.from({ length: length + 1 }, () => ({ second: -1, value: empty() }));
    this.first = Infinity;
  }

  /** The bucket of the running second. @param {number} now ms */
  at(now) {
    const second = Math.floor(now / 1000);
    const bucket = this.ring[second % this.ring.length];
    if (bucket.second !== second) {
      bucket.second = second;
      bucket.value = this.empty();
      this.first = Math.min(this.first, second);
    }
    return bucket;
  }

  /** The last `length` complete seconds, oldest first; null before the first one. @param {number} now ms */
  history(now) {
    const current = Math.floor(now / 1000);
    return Array.from({ length: this.length }, (_, index) => {
      const second = current - this.length + index;
      if (second < this.first || second < 0) return null;
      const bucket = this.ring[second % this.ring.length];
      return bucket.second === second ? bucket.value : this.empty();
    });
  }

  clear() {
    for (const bucket of this.ring) bucket.second = -1;
    this.first = Infinity;
  }
}

/** Lowest, middle and 95th percentile (nearest rank), or null without values. @param {number[]} values */
export function summary(values) {
  if (values.length === 0) return null;
  const sorted = Float64Array.from(values).sort();
  const rank = (/** @type {number} */ share) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  return { min: sorted[0], median: rank(0.5), p95: rank(0.95), max: sorted[sorted.length - 1] };
}
