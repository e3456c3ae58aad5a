// What was sent and not acknowledged when the connection broke is sent again, if the server keeps it.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { connect } from "../aether.js";
import { Server, outcome, settle } from "./scripted-server.js";

let server;
beforeEach(() => { server = new Server(); });
afterEach(() => server.end());

const sent = () => server.socket.sent;
const texts = () => sent().map(({ msg }) => msg);
const positions = { group: "e1:4", client: "e1:0", broadcast: "b:9" };
const kept = { types: ["cmd"], ttl_ms: 300_000 };
const keeping = { positions, kept };
/** What the address of the latest attempt asks for, by name. */
const asked = () => {
  const { role, echo, ...rest } = Object.fromEntries(new URL(server.socket.url).searchParams);
  return rest;
};
const again = async (welcome = keeping, code = 1012) => {
  server.socket.drop(code);
  await server.pass(1);
  server.socket.accept(welcome);
  await settle();
};
const open = async (welcome = keeping, options = {}) => {
  const me = await server.connect(options);
  server.socket.accept(welcome);
  await settle();
  return me;
};
const direct = { target: "direct", to_id: "me" };

describe("sending again", () => {
  test("keeps the id and the order, goes ahead of what waits, and a duplicate is done", async () => {
    const me = await open();
    const first = outcome(me.send({ cmd: "do", msg: "1", id: "mine" }));
    const second = outcome(me.send({ cmd: "do", msg: "2" }));
    const before = [...sent()];
    server.socket.drop();
    const third = outcome(me.send({ msg: "3" }));
    assert.equal(me.outbox.size, 3);
    await server.pass(1);
    server.socket.accept(keeping);
    await settle();
    assert.deepEqual(texts(), ["1", "2", "3"]);
    assert.deepEqual(sent().slice(0, 2), before);
    server.socket.says("ack", { reply_to: "mine", payload: { status: "duplicate", instances: 0, pos: "e1:5" } });
    for (const message of sent().slice(1)) server.socket.ack(message);
    await settle();
    assert.deepEqual(first.value, { status: "duplicate", instances: 0, pos: "e1:5" });
    assert.deepEqual([second.value.status, third.value.status, me.outbox.size], ["published", "published", 0]);
    assert.deepEqual(me.all("error"), []);
  });

  test("what was acknowledged is not sent again", async () => {
    const me = await open();
    const done = outcome(me.send({ cmd: "do", msg: "1" }));
    server.socket.ack();
    await again();
    assert.deepEqual([texts(), done.value.status], [[], "published"]);
  });

  test("keeps the order over a second drop while the rate holds some back", async () => {
    const me = await open();
    for (const msg of ["1", "2", "3", "4"]) me.send({ cmd: "do", msg });
    await again({ ...keeping, rate_limit: { per_second: 2, burst: 3 } });
    assert.deepEqual(texts(), ["1", "2"]);
    me.send({ cmd: "do", msg: "5" });
    await again();
    assert.deepEqual(texts(), ["1", "2", "3", "4", "5"]);
  });

  test("the state goes first", async () => {
    const me = await open();
    me.setState({ busy: true });
    server.socket.ack();
    me.send({ cmd: "do", msg: "1" });
    await again();
    assert.deepEqual(sent().map(({ cmd }) => cmd), ["update", "do"]);
  });

  for (const [what, message, welcome, next] of [
    ["of a type that is not kept", { msg: "1" }, keeping, keeping],
    ["to oneself", { cmd: "do", target: "echo" }, keeping, keeping],
    ["where the server does not say what it keeps", { cmd: "do" }, { positions }, { positions }],
    ["where the times are missing", { cmd: "do" }, { positions, kept: { types: ["cmd"] } }, keeping],
    ["where kept is nonsense", { cmd: "do" }, { positions, kept: { types: "cmd", ttl_ms: 5_000 } }, keeping],
    ["where the next server keeps nothing", { cmd: "do" }, keeping, {}],
  ]) {
    test(`not ${what}: it rejects`, async () => {
      const me = await open(welcome);
      const lost = outcome(me.send(message));
      await again(next);
      assert.deepEqual([lost.error?.code, lost.error?.retryable], ["connection_lost", true]);
      assert.equal(sent().length, 0);
    });
  }

  for (const code of [4000, 1009]) {
    test(`not what the server may have closed with ${code} for`, async () => {
      const me = await open();
      const lost = outcome(me.send({ cmd: "do" }));
      server.socket.drop(code);
      await settle();
      assert.deepEqual([lost.error?.code, lost.error?.retryable], ["connection_lost", false]);
    });
  }

  for (const [what, cut] of [
    ["the server may have closed the connection for it", () => server.socket.drop(4000)],
    ["it was acknowledged", () => (server.socket.ack(), server.socket.drop())],
  ]) {
    test(`not a second time where ${what}`, async () => {
      const me = await open();
      const lost = outcome(me.request("w", "do", {}, { timeout: null }));
      await again();
      assert.equal(sent().length, 1);
      cut();
      await settle();
      assert.equal(lost.error?.code, "connection_lost");
    });
  }

  test("waits for its ack even if the time to send it again is over meanwhile", async () => {
    const me = await open();
    const done = outcome(me.send({ cmd: "do" }));
    server.socket.drop();
    await server.pass(299_000);
    server.socket.accept(keeping);
    assert.equal(sent().length, 1);
    await server.pass(5_000);
    assert.deepEqual(done, {});
    server.socket.ack();
    await settle();
    assert.ok(done.value);
  });

  test("ends with the time that the server keeps ids, counted from the first time", async () => {
    const me = await open();
    const lost = outcome(me.send({ cmd: "do", msg: "1" }));
    await server.pass(20_000);
    server.socket.drop();
    await server.pass(1);
    server.socket.accept(keeping);
    server.socket.drop();
    await server.pass(279_999);
    assert.deepEqual(lost, {});
    await server.pass(1);
    assert.deepEqual([lost.error?.code, lost.error?.retryable], ["connection_lost", true]);
    server.socket.accept(keeping);
    await settle();
    assert.deepEqual(texts(), []);
  });

  test("ends with it also where timers stood still", async () => {
    const me = await open();
    const lost = outcome(me.send({ cmd: "do", msg: "1" }));
    server.socket.drop();
    await server.pass(1);
    const { now } = Date;
    try {
      Date.now = () => now() + 300_001;
      server.socket.accept(keeping);
    } finally {
      Date.now = now;
    }
    await settle();
    assert.equal(lost.error?.code, "connection_lost");
    assert.deepEqual(texts(), []);
  });

  test("waits for a connection longer than for an ack, and for the ack as long as ever", async () => {
    const me = await open();
    const late = outcome(me.send({ cmd: "do" }));
    await server.pass(25_000);
    server.socket.drop();
    await server.pass(100_000);
    assert.deepEqual(late, {});
    server.socket.accept(keeping);
    await server.pass(29_999);
    assert.deepEqual(late, {});
    await server.pass(1);
    assert.equal(late.error?.code, "timeout");
  });

  test("a limit of one's own holds", async () => {
    const me = await open();
    const late = outcome(me.send({ cmd: "do" }, { timeout: 1_000 }));
    server.socket.drop();
    await server.pass(1_000);
    assert.equal(late.error?.code, "timeout");
    server.socket.accept(keeping);
    assert.equal(sent().length, 0);
  });

  test("an error of the server rejects it as the first time", async () => {
    const me = await open();
    const refused = outcome(me.send({ cmd: "do", ...direct, to_id: "w" }));
    await again();
    server.socket.says("error", { reply_to: sent()[0].id, payload: { code: "recipient_offline", retryable: true } });
    await settle();
    assert.equal(refused.error?.code, "recipient_offline");
  });

  test("ends with close", async () => {
    const me = await open();
    const lost = outcome(me.send({ cmd: "do" }));
    server.socket.drop();
    await me.close();
    assert.deepEqual([lost.error?.code, me.outbox.size], ["connection_lost", 0]);
  });

  test("close waits for what is sent again", async () => {
    const me = await open();
    const done = outcome(me.send({ cmd: "do" }));
    await again();
    me.close();
    await settle();
    assert.equal(me.state, "closing");
    server.socket.ack();
    await settle();
    assert.deepEqual([done.value?.status, me.state], ["published", "closed"]);
  });

  test("a page that was put aside sends again when it is back", async () => {
    const network = new EventTarget();
    globalThis.addEventListener = network.addEventListener.bind(network);
    globalThis.removeEventListener = network.removeEventListener.bind(network);
    try {
      const me = await open();
      const done = outcome(me.send({ cmd: "do", msg: "1" }));
      network.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: true }));
      await server.pass(60_000);
      network.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
      await settle();
      server.socket.accept(keeping);
      assert.deepEqual(texts(), ["1"]);
      server.socket.ack();
      await settle();
      assert.ok(done.value);
    } finally {
      delete globalThis.addEventListener;
      delete globalThis.removeEventListener;
    }
  });

  test("resume: false sends again all the same", async () => {
    const me = await open(keeping, { resume: false });
    me.send({ cmd: "do", msg: "1" });
    await again();
    assert.deepEqual([asked(), texts()], [{}, ["1"]]);
  });
});

describe("a request", () => {
  const reply = id => server.socket.receive({ msg_type: "cmd", ...direct, from_id: "w", cmd: "reply", reply_to: id, payload: { n: 1 } });
  test("that was not acknowledged is sent again, and answered", async () => {
    const me = await open();
    const done = outcome(me.request("w", "do"));
    const [{ id }] = sent();
    await again();
    assert.equal(sent()[0].id, id);
    server.socket.says("ack", { reply_to: id, payload: { status: "duplicate", instances: 0, pos: "e1:5" } });
    await settle();
    assert.deepEqual(done, {});
    reply(id);
    await settle();
    assert.deepEqual(done.value?.payload, { n: 1 });
  });

  test("takes an answer that is replayed before it is its turn again", async () => {
    const me = await open();
    me.send({ cmd: "do", msg: "0" });
    const done = outcome(me.request("w", "do"));
    const { id } = sent()[1];
    await again({ ...keeping, rate_limit: { per_second: 1, burst: 1 } });
    assert.equal(sent().length, 1);
    reply(id);
    await settle();
    await server.pass(5_000);
    assert.deepEqual(done.value?.payload, { n: 1 });
    assert.equal(sent().length, 1);
  });

  test("that was acknowledged is lost with the connection", async () => {
    const me = await open();
    const lost = outcome(me.request("w", "do"));
    server.socket.ack();
    await again();
    assert.equal(lost.error?.code, "connection_lost");
  });

  test("to the group is sent again as well", async () => {
    const me = await open();
    const all = me.group.request("do", {}, { expect: ["w"] });
    await settle();
    const [{ id }] = sent();
    await again();
    assert.equal(sent()[0].id, id);
    reply(id);
    const { answers, missing } = await all;
    assert.deepEqual([answers.length, missing], [1, []]);
  });
});
