// A close that drains, and a connection that begins again.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { Server, outcome, settle } from "./scripted-server.js";

let server;
beforeEach(() => { server = new Server(); });
afterEach(() => server.end());

const sent = () => server.socket.sent;
const last = () => server.socket.sent.at(-1);

describe("close", () => {
  test("waits for what is under way, and takes nothing more", async () => {
    const me = await server.open();
    const message = outcome(me.send({ msg: "1" }));
    const closing = outcome(me.close("done"));
    await settle();
    assert.equal(me.state, "closing");
    await assert.rejects(me.send({}), { code: "closed" });
    assert.equal(server.socket.closed, undefined);
    server.socket.ack(sent()[0]);
    await settle();
    assert.deepEqual(message.value, { status: "published", instances: 1 });
    assert.ok("value" in closing);
    assert.equal(me.state, "closed");
    assert.deepEqual(server.socket.closed, { code: 1000, reason: "done" });
  });
  test("sends what is held back by the rate", async () => {
    const me = await server.connect();
    server.socket.accept({ rate_limit: { per_second: 100, burst: 10 } });
    const all = Array.from({ length: 30 }, () => outcome(me.send({})));
    me.close();
    for (let i = 0; i < 10; i++) {
      await server.pass(100);
      for (const message of sent()) server.socket.ack(message);
    }
    await settle();
    assert.ok(all.every(({ value }) => value));
    assert.equal(me.state, "closed");
  });
  for (const [timeout, ms] of [[undefined, 5_000], [100, 100]]) {
    test(`gives up after ${ms} ms`, async () => {
      const me = await server.open();
      const message = outcome(me.send({}));
      const closing = outcome(me.close("x", { timeout }));
      await server.pass(ms - 1);
      assert.equal(me.state, "closing");
      await server.pass(1);
      assert.equal(me.state, "closed");
      assert.ok("value" in closing);
      assert.equal(message.error.code, "connection_lost");
    });
  }
  test("can be repeated, and awaited when it is closed", async () => {
    const me = await server.open();
    await me.close();
    await me.close();
    await me[Symbol.asyncDispose]();
    assert.equal(me.all("state").length, 2);
  });
  test("connect and disconnect can be repeated", async () => {
    const me = await server.open();
    me.handle("do", () => ({ n: 1 }));
    for (let i = 2; i < 5; i++) {
      await me.disconnect();
      await assert.rejects(me.send({}), { code: "closed" });
      const open = me.connect();
      assert.equal(me.state, "connecting");
      assert.equal(me.connect() instanceof Promise, true);
      await settle();
      assert.equal(server.sockets.length, i);
      server.socket.accept();
      assert.equal(await open, me);
      assert.equal(me.all("gap").length, 0);
    }
    me.send({ msg: "x" });
    assert.equal(last().msg, "x");
  });
  test("connect waits for a close that drains", async () => {
    const me = await server.open();
    const message = outcome(me.send({}));
    me.disconnect();
    const open = outcome(me.connect());
    await settle();
    assert.equal(me.state, "closing");
    server.socket.ack();
    await settle();
    assert.ok(message.value);
    assert.equal(server.sockets.length, 2);
    server.socket.accept();
    await settle();
    assert.equal(open.value, me);
  });
  test("a wrong key can be tried again", async () => {
    const me = await server.open({ key: "k" });
    server.socket.drop(4001);
    assert.equal(me.state, "closed");
    me.connect().catch(() => {});
    await settle();
    assert.equal(server.sockets.length, 2);
  });
});
