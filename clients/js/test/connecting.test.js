// From the first attempt until it is open: states, refused upgrades, credentials.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { AetherError, connect } from "../aether.js";
import { Server, settle } from "./scripted-server.js";

let server;
beforeEach(() => { server = new Server(); });
afterEach(() => server.end());

/** Whether there is a new attempt exactly so many ms from now. */
async function retriesAfter(ms) {
  const before = server.sockets.length;
  if (ms > 0) {
    await server.pass(ms - 1);
    assert.equal(server.sockets.length, before, `tried before ${ms} ms`);
  }
  await server.pass(1);
  assert.equal(server.sockets.length, before + 1, `not tried after ${ms} ms`);
}
const never = async () => {
  const before = server.sockets.length;
  await server.pass(3_600_000);
  assert.equal(server.sockets.length, before);
};

describe("states", () => {
  test("every change is told with its reason", async () => {
    const me = await server.connect();
    assert.equal(me.state, "connecting");
    server.http = () => { throw Object.assign(new TypeError("fetch failed"), { cause: new Error("ECONNREFUSED") }); };
    server.socket.refuse();
    await settle();
    await server.pass(1);
    server.socket.accept();
    server.socket.drop();
    await server.pass(1);
    server.socket.accept();
    me.close("enough");
    assert.deepEqual(me.all("state").map(({ state, reason, previous }) => [previous, state, reason]), [
      ["connecting", "connecting", "the server cannot be reached: ECONNREFUSED"],
      ["connecting", "open", "connected"],
      ["open", "reconnecting", "the connection was lost (1006)"],
      ["reconnecting", "open", "connected"],
      ["open", "closed", "enough"],
    ]);
    assert.deepEqual(server.socket.closed, { code: 1000, reason: "enough" });
  });

  test("a long reason to close is cut for the wire", async () => {
    const me = await server.open();
    me.close("ü".repeat(200));
    assert.ok(Buffer.byteLength(server.socket.closed.reason) <= 123);
    assert.equal(me.reason.length, 200);
  });

  test("opened resolves with the connection, or rejects if it is closed before", async () => {
    const first = await server.open();
    assert.equal(await first.opened, first);
    const second = await server.connect();
    second.close("no longer wanted");
    await assert.rejects(second.opened, error =>
      error instanceof AetherError && error.code === "closed" && error.message === "no longer wanted");
  });

  test("it is open with the welcome, and not before", async () => {
    const me = await server.connect();
    server.socket.readyState = 1;
    server.socket.onopen({});
    await settle();
    assert.equal(me.state, "connecting");
    assert.equal(me.welcome, null);
    server.socket.accept({ max_message_bytes: 5 });
    assert.equal(me.state, "open");
    assert.equal(me.welcome.max_message_bytes, 5);
  });

  test("an upgrade that takes longer than 15 s is given up", async () => {
    const me = await server.connect();
    const [first] = server.sockets;
    await server.pass(15_000);
    assert.equal(me.reason, "the server does not answer");
    assert.ok(first.closed);
    await server.pass(1);
    first.accept();
    assert.equal(me.state, "connecting", "a socket that was given up is heard");
    server.socket.accept();
    assert.equal(me.state, "open");
  });

  test("the count of attempts starts anew after 10 s open, not earlier", async () => {
    server.chance = 1;
    await server.open();
    server.socket.drop();
    await retriesAfter(1_000);
    server.socket.accept();
    await server.pass(9_999);
    server.socket.drop();
    await retriesAfter(2_000);
    server.socket.accept();
    await server.pass(10_000);
    server.socket.drop();
    await retriesAfter(1_000);
  });

  test("nothing is left to wait for after close", async () => {
    const me = await server.connect();
    server.socket.refuse();
    me.close();
    await never();
    assert.equal(me.state, "closed");
  });
});

describe("refused upgrades", () => {
  for (const status of [400, 403, 404]) {
    test(`${status} closes for good with the server's words`, async () => {
      const me = await server.connect();
      server.refuses(status, "group_id: is not right");
      server.socket.refuse();
      await settle();
      assert.equal(me.state, "closed");
      assert.equal(me.reason, `group_id: is not right (${status})`);
      await never();
    });
  }

  for (const how of ["as a browser does", "without an error", "without a close"]) {
    test(`are explained once when they are told ${how}`, async () => {
      const me = await server.connect();
      server.refuses(503, "full");
      server.socket.refuse(how);
      await settle();
      assert.equal(server.asked.length, 1);
      assert.equal(me.reason, "full (503)");
      assert.equal(me.all("state").length, 1);
    });
  }

  test("401 closes for good", async () => {
    const me = await server.connect({ key: "wrong" });
    server.refuses(401, "a valid API key is needed");
    server.socket.refuse();
    await settle();
    assert.equal(me.state, "closed");
    assert.equal(me.reason, "a valid API key is needed (401)");
    const { url, headers, cache, signal } = server.asked[0];
    assert.equal(url, "https://host.example/v3/ws/group/g/client/me?echo=on");
    assert.deepEqual(headers, { "X-Aether-API-Key": "wrong" });
    assert.equal(cache, "no-store");
    assert.ok(signal instanceof AbortSignal);
  });

  test("503 waits for Retry-After at least", async () => {
    const me = await server.connect();
    server.refuses(503, "the instance restarts", { "Retry-After": "7" });
    server.socket.refuse();
    await settle();
    assert.equal(me.reason, "the instance restarts (503)");
    assert.equal(me.state, "connecting");
    await retriesAfter(7_000);
  });

  test("426 says what is in the way, and tries again", async () => {
    const me = await server.connect();
    server.refuses(426);
    server.socket.refuse();
    await settle();
    assert.match(me.reason, /between/);
    await retriesAfter(0);
  });

  test("any other answer, or none, is tried again", async () => {
    const me = await server.connect();
    server.http = () => new Response("<html>", { status: 502, statusText: "Bad Gateway" });
    server.socket.refuse();
    await settle();
    assert.equal(me.reason, "Bad Gateway (502)");
    await retriesAfter(0);
    server.http = () => Promise.reject(new Error("Failed to fetch"));
    server.socket.refuse();
    await settle();
    assert.equal(me.reason, "the server cannot be reached: Failed to fetch");
    await retriesAfter(0);
  });

  test("an answer that comes after close is not heard", async () => {
    const me = await server.connect();
    let answer;
    server.http = () => new Promise(resolve => { answer = resolve; });
    server.socket.refuse();
    await settle();
    me.close("mine");
    answer(new Response("{}", { status: 400 }));
    await settle();
    assert.equal(me.reason, "mine");
    assert.equal(me.all("state").length, 1);
  });
});

describe("credentials", () => {
  test("go as a subprotocol, UTF-8 in base64url without padding", async () => {
    await server.connect({ key: "schlüssel-ÿþ?>" });
    const [profile, entry] = server.socket.protocols;
    assert.equal(profile, "aether.v3");
    assert.equal(entry, "aether.auth." + Buffer.from("schlüssel-ÿþ?>").toString("base64url"));
    assert.ok(!server.socket.url.includes("schl"));
  });

  test("no key, no entry", async () => {
    await server.connect();
    assert.deepEqual(server.socket.protocols, ["aether.v3"]);
  });

  test("a function is asked before every attempt", async () => {
    let count = 0;
    await server.open({ token: async () => `t${++count}` });
    server.socket.drop(1012);
    await server.pass(1);
    const entries = server.sockets.map(({ protocols }) => Buffer.from(protocols[1].slice(12), "base64url").toString());
    assert.deepEqual(entries, ["t1", "t2"]);
  });

  test("a function that fails is asked again later", async () => {
    const answers = [Promise.reject(new Error("no network")), "good"];
    answers[0].catch(() => {});
    const me = await server.connect({ key: () => answers.shift() });
    assert.equal(me.reason, "the key function failed: no network");
    assert.equal(me.state, "connecting");
    await retriesAfter(0);
  });

  for (const how of ["4001", "401"]) {
    const refuse = async () => {
      if (how === "4001") return server.socket.drop(4001, "revoked");
      server.refuses(401, "revoked");
      server.socket.refuse();
      await settle();
    };
    test(`${how} with another key from the function comes back`, async () => {
      const keys = ["old", "new"];
      const me = await (how === "4001" ? server.open({ key: () => keys.shift() }) : server.connect({ key: () => keys.shift() }));
      await refuse();
      await server.pass(1);
      server.socket.accept();
      assert.equal(me.state, "open");
      assert.equal(server.sockets.length, 2);
    });
    test(`${how} with the same key from the function closes`, async () => {
      const me = await (how === "4001" ? server.open({ key: () => "old" }) : server.connect({ key: () => "old" }));
      await refuse();
      await server.pass(1);
      assert.equal(me.state, "closed");
      assert.match(me.reason, /key was refused/);
      assert.equal(server.sockets.length, 1);
    });
  }
});
