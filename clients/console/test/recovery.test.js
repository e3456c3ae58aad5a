import assert from "node:assert/strict";
import { test } from "node:test";
import { gapText, positionsText, recoveredText } from "../recovery.js";

test("positions are told by channel, as far as there are any", () => {
  assert.equal(positionsText({ group: "k3:41", client: "k3:0", broadcast: "b:7" }),
    "Kept messages seen: group k3:41 · this client k3:0 · everyone b:7");
  assert.equal(positionsText({ broadcast: "b:7" }), "Kept messages seen: everyone b:7");
  for (const none of [{}, null, undefined]) assert.equal(positionsText(none), "");
});

test("a return says what came of each channel that was asked for", () => {
  assert.deepEqual(recoveredText({ group: { status: "recovered", count: 2 }, client: { status: "lost", count: 0, reason: "expired" } }),
    { lost: true, text: "Missed: group 2 recovered, this client lost (expired)" });
  assert.deepEqual(recoveredText({ group: { status: "recovered", count: 0 }, broadcast: { status: "recovered", count: 3 } }),
    { lost: false, text: "Missed: group 0 recovered, everyone 3 recovered" });
  assert.deepEqual(recoveredText({ client: { status: "lost", count: 0 } }), { lost: true, text: "Missed: this client lost" });
  for (const nothing of [{ group: { status: "recovered", count: 0 } }, {}])
    assert.deepEqual(recoveredText(nothing), { lost: false, text: "Nothing was missed" });
});

test("a gap names the types, where the server does", () => {
  assert.equal(gapText({ types: ["msg", "presence"] }), "May have been missed: msg, presence");
  assert.equal(gapText({ types: [] }), "May have been missed: nothing");
  assert.equal(gapText({}), "Messages may have been missed");
});
