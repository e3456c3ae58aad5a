import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { check, checkLimits, choices, hint } from "../schema.js";

const schema = JSON.parse(await readFile(new URL("../../../docs/message.schema.json", import.meta.url), "utf8"));
const message = (more) => ({
  version: "3", msg_type: "msg", target: "group", from_id: "me", to_id: null, group_id: null, cmd: null, msg: null,
  payload: {}, sent_at: "2030-01-01T00:00:00Z", ...more,
});

for (const more of [
  {}, { msg_type: "cmd", cmd: "go" }, { target: "direct", to_id: "w-1" }, { target: "role", to_role: "worker" }, { id: "a b ~", reply_to: "x" },
  { cmd: "x".repeat(256) }, { group_id: "g" },
]) {
  test(`check finds nothing wrong with ${JSON.stringify(more).slice(0, 60)}`, () =>
    assert.deepEqual(check(schema, message(more)), []));
}

for (const [field, more] of [
  ["version", { version: "2" }],
  ["msg_type", { msg_type: "note" }],
  ["target", { target: "all" }],
  ["to_id", { to_id: "a b" }],
  ["to_id", { to_id: "x".repeat(65) }],
  ["to_role", { target: "role" }],
  ["to_role", { target: "role", to_role: "boss" }],
  ["to_id", { target: "direct" }],
  ["to_id", { target: "direct", to_id: undefined }],
  ["cmd", { msg_type: "cmd" }],
  ["cmd", { msg_type: "cmd", cmd: "" }],
  ["cmd", { cmd: "x".repeat(257) }],
  ["payload", { payload: [] }],
  ["payload", { payload: undefined }],
  ["id", { id: "é" }],
  ["id", { id: "" }],
  ["msg", { msg: 3 }],
]) {
  test(`check names ${field} for ${JSON.stringify(more).slice(0, 60)}`, () =>
    assert.deepEqual([...new Set(check(schema, message(more)).map((wrong) => wrong.field))], [field]));
}

test("hint says in words what the schema says of a field", () => {
  assert.equal(hint(schema, "cmd"), "At most 256 characters; required if msg_type is cmd.");
  assert.match(hint(schema, "to_id"), /1 to 64 of A-Z a-z 0-9 _ -; required if target is direct\.$/);
  assert.equal(hint(schema, "id"), "1 to 64 printable ASCII characters.");
  assert.equal(hint(schema, "msg"), "");
});

test("choices are the schema's enumerations", () => {
  assert.deepEqual(choices(schema, "target"), ["direct", "group", "broadcast", "role", "echo"]);
  assert.deepEqual(choices(schema, "to_role"), ["controller", "worker", "observer"]);
  assert.deepEqual(choices(schema, "cmd"), []);
});

/** An object of so many levels. */
const nested = (levels) => (levels === 1 ? {} : { a: nested(levels - 1) });

test("checkLimits takes what the server takes", () => {
  // The message is the first level.
  assert.deepEqual(checkLimits({ payload: nested(63) }), []);
  assert.deepEqual(checkLimits({ payload: { text: "\u{1f600}", path: "c:\\ud83d" } }), []);
  assert.deepEqual(checkLimits({ text: "é".repeat(20) }, 52), []);
});

test("checkLimits names what the server refuses", () => {
  assert.equal(checkLimits({ payload: nested(64) })[0].field, "payload");
  assert.equal(checkLimits({ payload: { text: "\ud83d" } })[0].field, "message");
  assert.equal(checkLimits({ payload: { "\udc00": 1 } })[0].field, "message");
  assert.match(checkLimits({ text: "é".repeat(21) }, 52)[0].rule, /^has 53 bytes/);
});
