// Who is told what, and how it is listened to: events, loops, stores, the log.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { AetherError } from "../aether.js";
import { Server, settle, start } from "./scripted-server.js";

let server;
beforeEach(() => { server = new Server(); });
afterEach(() => server.end());

const command = fields => server.socket.receive({
  msg_type: "cmd", target: "direct", from_id: "ctl", to_id: "me", cmd: "do", ...fields,
});

describe("events", () => {
  test("what the client takes for itself is not told", async () => {
    const me = await server.open();
    me.send({});
    server.socket.ack();
    server.socket.says("ack", { reply_to: "unknown" });
    server.socket.receive({ msg_type: "cmd", cmd: "reply", reply_to: "unknown" });
    server.socket.receive({ msg_type: "heartbeat", id: "unknown" });
    assert.deepEqual(me.seen.map(([event]) => event), ["state"]);
  });

  test("only the server speaks for the server", async () => {
    const me = await server.open();
    const welcome = me.welcome;
    for (const cmd of ["ack", "error", "welcome", "gap"]) server.socket.receive({ msg_type: "cmd", from_id: "other", cmd });
    assert.deepEqual(me.all("cmd").map(({ cmd }) => cmd), ["ack", "error", "welcome", "gap"]);
    assert.equal(me.welcome, welcome);
  });

  test("gap tells since when", async () => {
    const me = await server.open();
    server.socket.says("gap", { payload: { since: "2030-01-01T00:00:00Z" } });
    await server.pass(5_000);
    server.socket.drop();
    await server.pass(1);
    server.socket.accept();
    assert.deepEqual(me.all("gap"), [
      { reason: "the server may have missed messages", since: "2030-01-01T00:00:00Z" },
      { reason: "reconnected", since: new Date(start).toISOString() },
    ]);
  });

  test("a listener that throws harms no other, and its error is not swallowed", async () => {
    const me = await server.open();
    const uncaught = [];
    const runners = process.rawListeners("unhandledRejection");
    process.removeAllListeners("unhandledRejection").on("unhandledRejection", error => uncaught.push(error.message));
    let heard = 0;
    me.on("msg", () => { throw new Error("mine"); });
    me.on("msg", () => heard++);
    server.socket.receive({ msg: "x" });
    await settle();
    process.removeAllListeners("unhandledRejection");
    for (const listener of runners) process.on("unhandledRejection", listener);
    assert.equal(heard, 1);
    assert.deepEqual(uncaught, ["mine"]);
    assert.equal(me.state, "open");
  });

  test("a send that a listener returns fails as quietly as any other", async () => {
    const me = await server.open();
    const uncaught = [];
    process.setUncaughtExceptionCaptureCallback(error => uncaught.push(error.message));
    me.on("msg", () => me.send({}));
    server.socket.receive({});
    server.socket.drop();
    await settle();
    process.setUncaughtExceptionCaptureCallback(null);
    assert.deepEqual(uncaught, []);
    assert.equal(me.all("error").length, 1);
  });

  test("a listener can be taken away", async () => {
    const me = await server.open();
    const off = me.on("msg", () => assert.fail());
    off();
    server.socket.receive({});
  });
});

describe("for await", () => {
  test("gets msg and cmd in order, and ends when it is closed", async () => {
    const me = await server.open();
    const got = [];
    const end = (async () => {
      for await (const { msg, cmd } of me) got.push(msg ?? cmd);
    })();
    server.socket.receive({ msg: "1" });
    server.socket.receive({ msg_type: "cmd", cmd: "2" });
    server.socket.receive({ msg_type: "presence", cmd: "join" });
    await settle();
    server.socket.receive({ msg: "3" });
    me.close();
    await end;
    assert.deepEqual(got, ["1", "2", "3"]);
  });

  test("keeps 1,000, drops the oldest and says so once", async () => {
    const me = await server.open();
    const messages = me[Symbol.asyncIterator]();
    const first = messages.next();
    for (let i = 0; i <= 1_005; i++) server.socket.receive({ msg: String(i), sent_at: `t${i}` });
    const got = [(await first).value.msg];
    for (let i = 1; i < 1_000; i++) got.push((await messages.next()).value.msg);
    assert.deepEqual(got, Array.from({ length: 1_000 }, (_, i) => String(i + 6)));
    assert.deepEqual(me.all("gap"), [{ reason: "an iterator is too slow", since: "t0", types: ["cmd", "msg"] }]);
  });

  test("that is left takes nothing more", async () => {
    const me = await server.open();
    const end = (async () => {
      for await (const message of me) return message;
    })();
    server.socket.receive({ msg: "1" });
    assert.equal((await end).msg, "1");
    for (let i = 0; i < 1_100; i++) server.socket.receive({});
    assert.equal(me.all("gap").length, 0);
  });
});

describe("events", () => {
  test("once, off and cmd:", async () => {
    const me = await server.open();
    const seen = [];
    const listener = message => seen.push(message.cmd);
    me.once("cmd:start", listener);
    me.on("cmd:stop", listener);
    me.once("cmd", listener);
    me.off("cmd", listener);
    command({ cmd: "start" });
    command({ cmd: "start" });
    command({ cmd: "stop" });
    me.off("cmd:stop", listener);
    command({ cmd: "stop" });
    assert.deepEqual(seen, ["start", "stop"]);
  });
});

test("it says what happens", async () => {
  const log = [];
  const me = await server.open({ log: (...all) => log.push(all) });
  server.socket.drop(4101, "slow");
  assert.deepEqual(log.map(([text]) => text), ["connecting: connecting", "open: connected", "reconnecting: slow (4101)"]);
  assert.deepEqual(me.all("state").at(-1), { state: "reconnecting", code: "too_slow", reason: "slow (4101)", closeCode: 4101, previous: "open" });
  assert.ok(new AetherError("x", "y") instanceof Error);
});

describe("subscribe and getSnapshot", () => {
  test("give the same object until something changes", async () => {
    const me = await server.open();
    const { subscribe, getSnapshot } = me;
    let told = 0;
    const stop = subscribe(() => told++);
    const first = getSnapshot();
    assert.equal(getSnapshot(), first);
    server.socket.drop();
    assert.notEqual(getSnapshot(), first);
    assert.deepEqual([told, getSnapshot().state], [1, "reconnecting"]);
    stop();
    me.close();
    assert.equal(told, 1);
  });
});
