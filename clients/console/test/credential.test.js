import assert from "node:assert/strict";
import { test } from "node:test";
import { headersOf, isToken, userOf } from "../credential.js";

const tokenOf = (claims) => `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c2ln`;

test("a token has three parts, and anything else is a key", () => {
  assert.equal(isToken(tokenOf({ sub: "ctl" })), true);
  for (const key of [undefined, "", "secret-key-number-one", "a.b", "a.b.c.d", "a..c", "a.b.c=", "a.b c.d"]) {
    assert.equal(isToken(key), false, key);
  }
});

test("a key goes into its own header, a token is a Bearer, and nothing is nothing", () => {
  assert.deepEqual(headersOf("secret"), { "X-Aether-API-Key": "secret" });
  assert.deepEqual(headersOf("a-1.b_2.c"), { Authorization: "Bearer a-1.b_2.c" });
  assert.deepEqual(headersOf(""), {});
  assert.deepEqual(headersOf(undefined), {});
});

test("a token says whose it is", () => {
  const token = tokenOf({ sub: "ctl-1", role: "controller", name: ">>>???~~~ÿÿÿ" });
  assert.match(token, /\..*-.*_.*\./, "base64 would have other characters");
  assert.deepEqual(userOf(token), { client: "ctl-1", role: "controller" });
  assert.deepEqual(userOf(tokenOf({ sub: "ctl_2" })), { client: "ctl_2" });
});

test("what is no client or no role is not taken, and neither is what is no token", () => {
  assert.deepEqual(userOf(tokenOf({ sub: "a b", role: "boss" })), {});
  assert.deepEqual(userOf(tokenOf({ sub: "x".repeat(65) })), {});
  assert.deepEqual(userOf(tokenOf({ sub: 5, role: ["worker"] })), {});
  assert.deepEqual(userOf(tokenOf({ sub: "aether" })), {});
  assert.deepEqual(userOf(tokenOf({})), {});
  const [head, claims] = tokenOf({ sub: "ctl" }).split(".");
  for (const key of [undefined, "", "secret", "a.b.c", `${head}.${claims}`, tokenOf(null)]) assert.deepEqual(userOf(key), {}, key);
});
