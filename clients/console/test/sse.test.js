import assert from "node:assert/strict";
import { test } from "node:test";
import { eventReader } from "../sse.js";

const read = (/** @type {string[]} */ ...chunks) => {
  /** @type {any[]} */
  const events = [];
  const take = eventReader((event) => events.push(event));
  for (const chunk of chunks) take(chunk);
  return events;
};

test("an event has a name and data", () => {
  assert.deepEqual(read('event: sent\ndata: {"a":1}\n\n'), [{ name: "sent", data: '{"a":1}' }]);
});

test("it may be cut anywhere, also between the two ends of a line", () => {
  const whole = "event: sent\r\ndata: one\r\ndata:two\r\n\r\n: a comment\n\ndata: x: y\n\n";
  const expected = [{ name: "sent", data: "one\ntwo" }, { name: "message", data: "x: y" }];
  assert.deepEqual(read(whole), expected);
  assert.deepEqual(read(...whole), expected);
  for (let at = 1; at < whole.length; at++) {
    assert.deepEqual(read(whole.slice(0, at), whole.slice(at)), expected);
  }
});

test("what is not whole is not told, and a name alone is no event", () => {
  assert.deepEqual(read("event: sent\ndata: one\n"), []);
  assert.deepEqual(read("event: sent\n\ndata: one\n\n"), [{ name: "message", data: "one" }]);
});
