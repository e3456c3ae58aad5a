import assert from "node:assert/strict";
import { test } from "node:test";
import { cutMiddle, duration, mayOperate } from "../operator.js";

test("an id is cut in the middle, and keeps both ends", () => {
  assert.equal(cutMiddle("drill-1"), "drill-1");
  assert.equal(cutMiddle("x".repeat(22)), "x".repeat(22));
  const cut = cutMiddle("abcdefghijklm-0123456789-tail");
  assert.equal(cut.length, 22);
  assert.match(cut, /^abcdefghijk…/);
  assert.match(cut, /6789-tail$/);
  assert.equal(cutMiddle("abcdef", 3), "a…f");
});

test("a duration is told in its two largest units", () => {
  assert.equal(duration(0), "0 s");
  assert.equal(duration(59.9), "59 s");
  assert.equal(duration(61), "1 min 1 s");
  assert.equal(duration(3600), "1 h");
  assert.equal(duration(2 * 86_400 + 3 * 3600 + 59), "2 d 3 h");
});

test("the operator's part is for the permission admin, or for this machine where no key is asked", () => {
  assert.equal(mayOperate({ key: "k", permissions: ["broadcast", "admin"], hostname: "rt.example" }), true);
  assert.equal(mayOperate({ key: "k", permissions: ["broadcast"], hostname: "localhost" }), false);
  assert.equal(mayOperate({ key: "", permissions: ["broadcast"], hostname: "127.0.0.1" }), true);
  assert.equal(mayOperate({ key: "", permissions: [], hostname: "rt.example" }), false);
  assert.equal(mayOperate({ hostname: "[::1]" }), true);
});
