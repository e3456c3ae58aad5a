import assert from "node:assert/strict";
import { test } from "node:test";
import { faultAt, readOrder } from "../order.js";

const order = (form) => {
  const { wrong, ...rest } = readOrder({ cmd: "move", payload: "{}", role: "worker", ...form });
  assert.deepEqual([...wrong], []);
  return rest;
};
const wrong = (form) => [...readOrder({ cmd: "move", ...form }).wrong.keys()];

test("an order has only what was filled in", () => {
  assert.deepEqual(order({ batches: " ", attempts: "", pause: false }),
    { cmd: "move", payload: {}, options: { role: "worker" } });
  assert.deepEqual(order({ payload: "", role: "" }), { cmd: "move", payload: {}, options: {} });
});

test("an order has all that was filled in", () => {
  assert.deepEqual(order({
    cmd: " move ", payload: '{"to": 3}', to: "w-1, w-2\n w-3,", batches: "1, 10 %; 0.5 1", pause: true, max_concurrency: "25%",
    attempts: "2", abort: "0", min_executed: "5", deadline_ms: "2.5",
  }), {
    cmd: "move", payload: { to: 3 }, options: {
      to: ["w-1", "w-2", "w-3"], batches: [1, 0.1, 0.5, 1], pause: true, maxConcurrency: 0.25, attempts: 2,
      abort: { failures: 0, minExecuted: 5 }, deadline: 2500,
    },
  });
});

test("who is named needs no role", () => assert.deepEqual(order({ to: "w-1", role: "worker" }).options, { to: ["w-1"] }));

test("a share in percent is exactly that share, and never becomes a count", () => {
  assert.equal(order({ max_concurrency: "7%" }).options.maxConcurrency, 0.07);
  assert.deepEqual(wrong({ max_concurrency: "100%" }), ["max_concurrency"]);
  assert.deepEqual(wrong({ batches: "200%, 1" }), ["batches"]);
  // Everybody, in the last batch, is a 1.
  assert.deepEqual(order({ batches: "1, 100%" }).options.batches, [1, 1]);
});

test("what cannot be read is told at its field", () => {
  assert.deepEqual(wrong({ payload: "{" }), ["payload"]);
  assert.deepEqual(wrong({ batches: "1, some" }), ["batches"]);
  assert.deepEqual(wrong({ batches: "-1" }), ["batches"]);
  assert.deepEqual(wrong({ max_concurrency: "few", attempts: "two", deadline_ms: "1 h" }).sort(),
    ["attempts", "deadline_ms", "max_concurrency"]);
  assert.deepEqual(wrong({ min_executed: "3" }), ["abort"]);
});

test("an error of the server is told at its field", () => {
  assert.deepEqual(faultAt({ field: "payload.attempts", message: "must be 1 to 10" }), { name: "attempts", text: "Must be 1 to 10." });
  assert.equal(faultAt({ field: "payload.abort.min_executed", message: "must be" })?.name, "min_executed");
  assert.equal(faultAt({ field: "payload.to[3]", message: "must be" })?.name, "to");
  // One of the client's own has the field in its text.
  assert.deepEqual(faultAt({ field: "cmd", message: "cmd: must be given" }), { name: "cmd", text: "Must be given." });
});

test("what is about no field of the form is told below it", () => {
  assert.equal(faultAt({ message: "nobody is present whom the command is for" }), null);
  assert.equal(faultAt({ field: "payload.lease", message: "is not held" }), null);
});
