import assert from "node:assert/strict";
import { test } from "node:test";
import { followLeases, Leases } from "../leases.js";

test("a lease is its holder's until somebody else has it", () => {
  const leases = new Leases();
  leases.set({ name: "press", holder: "ctl-1", term: 1 });
  leases.set({ name: "dryer", holder: "ctl-1", term: 7 });
  assert.deepEqual(leases.heldBy("ctl-1"), ["dryer", "press"]);
  leases.set({ name: "press", holder: "ctl-2", term: 2 });
  assert.deepEqual(leases.heldBy("ctl-1"), ["dryer"]);
  assert.deepEqual(leases.heldBy("ctl-2"), ["press"]);
  leases.set({ name: "press", holder: null, term: 2 });
  assert.deepEqual(leases.heldBy("ctl-2"), []);
  assert.deepEqual(leases.names, ["press", "dryer"]);
});

test("what is told late of a term that is over changes nothing", () => {
  const leases = new Leases();
  leases.set({ name: "press", holder: "ctl-2", term: 2 });
  leases.set({ name: "press", holder: "ctl-1", term: 1 });
  assert.deepEqual(leases.heldBy("ctl-2"), ["press"]);
  leases.set({ name: "press", holder: null, term: 2 });
  leases.set({ name: "press", holder: "ctl-2", term: 2 });
  assert.deepEqual(leases.heldBy("ctl-2"), []);
});

/** A connection of the page, by hand. */
function page() {
  const listeners = {};
  const asked = [];
  const client = { request: async (to, cmd, payload) => {
    asked.push([to, cmd, payload.name].join(" "));
    return { payload: { name: payload.name, holder: "ctl-2", term: 2 } };
  } };
  return { client, asked, on: (name, listener) => (listeners[name] = listener), tell: (name, value) => listeners[name](value) };
}

test("after a reconnect those leases are asked for whose names are known", async () => {
  const connection = page();
  let changes = 0;
  const leases = followLeases(connection, () => changes++);
  connection.tell("open");
  assert.deepEqual(connection.asked, []);
  connection.tell("lease", { name: "press", holder: "ctl-1", term: 1 });
  assert.equal(changes, 1);
  connection.tell("open");
  assert.deepEqual(connection.asked, ["aether lease.get press"]);
  await new Promise(setImmediate);
  assert.deepEqual(leases.heldBy("ctl-2"), ["press"]);
  assert.equal(changes, 2);
});

test("another group has other leases", () => {
  const connection = page();
  const leases = followLeases(connection, () => {});
  connection.tell("lease", { name: "press", holder: "ctl-1", term: 1 });
  connection.tell("leave", { sameGroup: true });
  assert.deepEqual(leases.heldBy("ctl-1"), ["press"]);
  connection.tell("leave", { sameGroup: false });
  assert.deepEqual(leases.heldBy("ctl-1"), []);
});
