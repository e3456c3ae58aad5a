// The life of a connection as a table: every input in every phase.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./scripted-server.js";

const { table } = await load("machine.ts");
const inputs = ["connect", "key", "welcome", "refused", "lost", "stopped", "due", "close", "drained", "leave", "return"];
const lost = "waiting", over = "closed", leave = "away", ask = "key";

/** What each input leads to; what is not named changes nothing. */
const expected = {
  closed: { connect: ask },
  key: { key: "dialing", lost, stopped: over, close: over, leave },
  dialing: { welcome: "open", refused: "explaining", lost, stopped: over, close: over, leave },
  explaining: { lost, stopped: over, close: over, leave },
  waiting: { due: ask, stopped: over, close: over, leave },
  open: { lost, stopped: over, close: "closing", leave },
  closing: { drained: over, lost: over, stopped: over, leave: over },
  away: { return: ask, stopped: over, close: over },
};

test("there is no other phase", () => assert.deepEqual(Object.keys(table).sort(), Object.keys(expected).sort()));

for (const [phase, row] of Object.entries(expected)) {
  for (const input of inputs) {
    test(`${phase}: ${input} ${row[input] ?? "changes nothing"}`, () => assert.equal(table[phase][input], row[input]));
  }
}

test("from every phase a close leads to the end", () => {
  for (const phase of Object.keys(table)) {
    let at = phase;
    for (const input of ["close", "drained"]) at = table[at][input] ?? at;
    assert.equal(at, "closed", phase);
  }
});
