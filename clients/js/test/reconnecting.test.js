// When it comes back, and when not: close codes, signs of life, the network, the retry policy.
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { afterEach, beforeEach, describe, test } from "node:test";
import { connect } from "../aether.js";
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
const sent = () => server.socket.sent;
const last = () => server.socket.sent.at(-1);

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
  for (const code of [1002, 1003, 1007, 4001, 4002, 4004, 4005, 4099]) {
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

  test("a page that becomes visible tries at once while waiting", async () => {
    server.chance = 1;
    await server.open();
    server.socket.drop(1012);
    page.dispatchEvent(new Event("visibilitychange"));
    await retriesAfter(0);
  });

  test("a network that is back is not asked by everybody at once", async () => {
    server.chance = 0.5;
    await server.open();
    for (let i = 0; i < 10; i++) {
      server.socket.drop(1006);
      await server.pass(60_000);
      server.socket.accept();
    }
    server.socket.drop(1006); // 15 s
    globalThis.dispatch("online");
    await retriesAfter(2_500);
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

describe("retry", () => {
  test("false: the first failure is the last", async () => {
    const me = await server.open({ retry: false });
    server.socket.drop(1012, "restart");
    assert.deepEqual([me.state, me.code], ["closed", "restarting"]);
  });
  test("attempts are limited", async () => {
    server.chance = 1;
    const me = await server.connect({ retry: { attempts: 2, min: 10, max: 15 } });
    for (const [state, ms] of [["connecting", 10], ["connecting", 15], ["closed", 0]]) {
      server.socket.refuse();
      await settle();
      assert.equal(me.state, state);
      await server.pass(ms);
    }
    assert.equal(server.sockets.length, 3);
  });
  test("a function decides", async () => {
    const asked = [];
    const me = await server.open({ retry: attempt => { asked.push(attempt); return attempt.attempt < 3 && 77; } });
    server.socket.drop(4100, "flood");
    await server.pass(76);
    assert.equal(server.sockets.length, 1);
    await server.pass(1);
    assert.equal(server.sockets.length, 2);
    server.socket.accept();
    server.socket.drop();
    await server.pass(77);
    server.socket.accept();
    server.socket.drop();
    assert.equal(me.state, "closed");
    assert.deepEqual(asked.map(({ attempt, code, closeCode }) => [attempt, code, closeCode]),
      [[1, "rate_limited", 4100], [2, "connection_lost", 1006], [3, "connection_lost", 1006]]);
  });
  test("a function that fails does not end it", async () => {
    const me = await server.open({ retry: () => { throw new Error("mine"); } });
    server.socket.drop();
    assert.equal(me.state, "reconnecting");
    await server.pass(1_000);
    assert.equal(server.sockets.length, 2);
  });
});
