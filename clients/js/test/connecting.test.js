import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
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

describe("close codes", () => {
  const table = [
    // code, earliest and latest first retry, latest tenth retry
    [1000, 0, 1_000, 30_000], [1001, 0, 5_000, 5_000], [1005, 0, 1_000, 30_000], [1006, 0, 1_000, 30_000],
    [1009, 0, 1_000, 30_000], [1011, 0, 1_000, 30_000], [1012, 0, 5_000, 5_000], [1013, 0, 5_000, 30_000],
    [1014, 0, 1_000, 30_000], [4100, 1_000, 2_000, 31_000], [4101, 1_000, 2_000, 31_000], [4102, 1_000, 2_000, 31_000],
    [4199, 1_000, 2_000, 31_000], [4200, 0, 1_000, 30_000],
  ];
  for (const [code, earliest, latest, last] of table) {
    test(`${code} comes back after ${earliest} to ${latest} ms, and at last ${last}`, async () => {
      const me = await server.open();
      server.socket.drop(code, "because");
      assert.equal(me.state, "reconnecting");
      assert.equal(me.reason, `because (${code})`);
      await retriesAfter(earliest);
      me.close();

      server.chance = 1;
      await server.open();
      server.socket.drop(code);
      await retriesAfter(latest);
      for (let i = 0; i < 8; i++) {
        server.socket.accept();
        server.socket.drop(code);
        await server.pass(40_000);
      }
      server.socket.accept();
      server.socket.drop(code);
      await retriesAfter(last);
    });
  }
  for (const code of [1002, 1003, 1007, 4000, 4001, 4002, 4004, 4005, 4099]) {
    test(`${code} closes for good`, async () => {
      const me = await server.open({ key: "k" });
      server.socket.drop(code, "that is why");
      assert.equal(me.state, "closed");
      assert.equal(me.reason, `that is why (${code})`);
      await assert.rejects(me.send({}), { code: "closed", closeCode: code });
      await never();
    });
  }
});

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

describe("a dead connection", () => {
  test("is found by a heartbeat that nothing answers", async () => {
    const me = await server.open();
    await server.pass(30_000);
    assert.deepEqual([server.socket.sent[0].msg_type, server.socket.sent[0].target], ["heartbeat", "echo"]);
    await server.pass(9_999);
    assert.equal(me.state, "open");
    await server.pass(1);
    assert.equal(me.state, "reconnecting");
    assert.equal(me.reason, "no answer to a heartbeat");
    assert.ok(server.sockets[0].closed);
  });

  test("is given up after a short interval too", async () => {
    const me = await server.open({ heartbeat: 2_000 });
    await server.pass(2_000);
    await server.pass(2_000);
    assert.equal(me.state, "reconnecting");
  });

  test("is not one that says something else", async () => {
    const me = await server.open();
    await server.pass(30_000);
    await server.pass(1);
    server.socket.receive({ msg: "busy" });
    await server.pass(20_000);
    assert.equal(me.state, "open");
  });

  test("ping measures the round trip", async () => {
    const me = await server.open();
    assert.equal(me.latency, undefined);
    const pong = me.ping();
    await server.pass(40);
    server.socket.receive(server.socket.sent[0]);
    assert.equal(await pong, 40);
    assert.equal(me.latency, 40);
    await server.pass(20_000);
    assert.equal(me.state, "open");
  });

  test("ping needs a connection", async () => {
    const me = await server.connect();
    await assert.rejects(me.ping(), { code: "connection_lost" });
  });
});

describe("online and visibilitychange", () => {
  let page;
  beforeEach(() => {
    page = Object.assign(new EventTarget(), { hidden: false });
    const network = new EventTarget();
    globalThis.document = page;
    globalThis.addEventListener = network.addEventListener.bind(network);
    globalThis.dispatch = type => network.dispatchEvent(new Event(type));
  });
  afterEach(() => {
    delete globalThis.document;
    delete globalThis.addEventListener;
    delete globalThis.dispatch;
  });

  test("try at once while waiting", async () => {
    server.chance = 1;
    await server.open();
    server.socket.drop(1012);
    globalThis.dispatch("online");
    await retriesAfter(0);
  });

  test("not while the page is hidden", async () => {
    server.chance = 1;
    await server.open();
    server.socket.drop(1012);
    page.hidden = true;
    page.dispatchEvent(new Event("visibilitychange"));
    await retriesAfter(5_000);
  });

  test("not before the server wants it", async () => {
    server.chance = 1;
    await server.open();
    server.socket.drop(4100);
    await server.pass(400);
    page.dispatchEvent(new Event("visibilitychange"));
    await retriesAfter(600);
  });

  test("ask an open connection for a sign of life", async () => {
    const me = await server.open();
    page.dispatchEvent(new Event("visibilitychange"));
    await settle();
    assert.equal(server.socket.sent[0].msg_type, "heartbeat");
    await server.pass(10_000);
    assert.equal(me.state, "reconnecting");
  });

  test("do nothing after close", async () => {
    const me = await server.connect();
    me.close();
    globalThis.dispatch("online");
    page.dispatchEvent(new Event("visibilitychange"));
    await never();
    assert.equal(getEventListeners(page, "visibilitychange").length, 0);
  });
});

describe("options", () => {
  const good = { url: "https://h", group: "g", WebSocket: class {} };
  const bad = [
    ["url", { url: "ftp://h" }], ["url", { url: "nonsense" }], ["url", { url: undefined }], ["url", { url: "https://h/?a=b" }],
    ["group", { group: undefined }], ["group", { group: "a b" }], ["group", { group: "x".repeat(65) }], ["group", { group: "" }],
    ["group", { group: "aether" }], ["client", { client: "ä" }], ["client", { client: "a\n" }], ["client", { client: 5 }],
    ["role", { role: "boss" }], ["key", { key: "" }], ["key", { key: 5 }], ["key", { token: {} }],
    ["token", { key: "a", token: "b" }], ["outbox", { outbox: "many" }], ["outbox", { outbox: -1 }],
    ["heartbeat", { heartbeat: 0 }], ["heartbeat", { heartbeat: "x" }], ["WebSocket", { WebSocket: undefined }],
  ];
  for (const [name, options] of bad) {
    test(`${name}: ${JSON.stringify(options)} is a TypeError that names it`, { skip: name === "WebSocket" && "WebSocket" in globalThis }, () => {
      assert.throws(() => connect({ ...good, ...options }), error => error instanceof TypeError && error.message.startsWith(`${name}: `));
    });
  }

  const urls = [
    ["http://h:1", "ws://h:1/v3/ws/group/g/client/me?echo=on"],
    ["https://h/prefix//", "wss://h/prefix/v3/ws/group/g/client/me?echo=on"],
    ["ws://h/", "ws://h/v3/ws/group/g/client/me?echo=on"],
    ["wss://h/a/b", "wss://h/a/b/v3/ws/group/g/client/me?echo=on"],
  ];
  for (const [url, expected] of urls) {
    test(`${url} becomes ${expected}`, async () => {
      await server.connect({ url });
      assert.equal(server.socket.url, expected);
    });
  }

  test("role and echo are part of the address", async () => {
    await server.connect({ role: "worker", echo: false });
    assert.match(server.socket.url, /\?role=worker&echo=off$/);
  });

  test("in a page the server is where the page comes from", async () => {
    globalThis.location = { origin: "https://page.example" };
    try {
      await server.connect({ url: undefined });
      assert.equal(new URL(server.socket.url).origin, "wss://page.example");
    } finally {
      delete globalThis.location;
    }
  });

  test("a client that is not named gets a random id", async () => {
    const [a, b] = [await server.connect({ client: undefined }), await server.connect({ client: undefined })];
    assert.match(a.client, /^js-\d+$/);
    assert.notEqual(a.client, b.client);
  });
});
