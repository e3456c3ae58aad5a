import assert from "node:assert/strict";
import { test } from "node:test";
import { Sampler, Seconds, summary } from "../sampler.js";

/** How many of `rate` messages a second, evenly spread from `from` on, get through in one second. */
const taken = (sampler, from, rate) => {
  let count = 0;
  for (let index = 0; index < rate; index++) if (sampler.take(from + (index * 1000) / rate)) count++;
  return count;
};

test("Sampler lets everything through that is not too much", () => {
  const sampler = new Sampler(50);
  for (let second = 0; second < 10; second++) assert.equal(taken(sampler, 10_000 + second * 1000, 40), 40);
});

test("Sampler lets fifty a second through in a flood, and half as many more at its start", () => {
  const sampler = new Sampler(50);
  assert.ok(taken(sampler, 10_000, 5000) <= 75);
  for (let second = 1; second < 10; second++) {
    const count = taken(sampler, 10_000 + second * 1000, 5000);
    assert.ok(count >= 49 && count <= 51, `${count}`);
  }
});

test("Sampler spreads what it lets through over the second", () => {
  const sampler = new Sampler(50);
  taken(sampler, 10_000, 5000);
  const tenths = new Set();
  for (let index = 0; index < 5000; index++) if (sampler.take(11_000 + index / 5)) tenths.add(Math.floor(index / 500));
  assert.equal(tenths.size, 10);
});

test("Seconds has zeros for quiet seconds and holes from before the first one", () => {
  const seconds = new Seconds(4, () => ({ n: 0 }));
  seconds.at(100_500).value.n++;
  seconds.at(102_100).value.n += 2;
  const values = () => seconds.history(103_000).map((value) => value && value.n);
  assert.deepEqual(values(), [null, 1, 0, 2]);
  seconds.at(103_999).value.n = 9;
  assert.deepEqual(values(), [null, 1, 0, 2], "the running second is not complete");
});

test("Seconds forgets what is older than its length", () => {
  const seconds = new Seconds(3, () => ({ n: 0 }));
  for (let second = 0; second < 20; second++) seconds.at(second * 1000).value.n = second;
  assert.deepEqual(seconds.history(20_000).map(({ n }) => n), [17, 18, 19]);
  assert.deepEqual(seconds.history(40_000).map(({ n }) => n), [0, 0, 0]);
});

test("summary gives the lowest, the middle and the 95th percentile", () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index);
  assert.deepEqual(summary(values), { min: 1, median: 50, p95: 95, max: 100 });
  assert.deepEqual(summary([7]), { min: 7, median: 7, p95: 7, max: 7 });
  assert.equal(summary([]), null);
});
