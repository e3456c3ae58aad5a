// What must not end it, and what must not last for ever.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { Server, outcome, settle } from "./scripted-server.js";

let server;
beforeEach(() => { server = new Server(); });
afterEach(() => server.end());

const sent = () => server.socket.sent;

describe("an invalid message that the server found", () => {
  test("ends what was in flight, and not the client", async () => {
    const me = await server.open();
    const flight = outcome(me.request("w", "do"));
    server.socket.drop(4000, "payload: is not right");
    assert.equal(me.state, "reconnecting");
    assert.deepEqual([me.code, me.getSnapshot().closeCode], ["invalid_message", 4000]);
    await settle();
    assert.deepEqual([flight.error.code, flight.error.retryable, flight.error.closeCode], ["connection_lost", false, 4000]);
    await server.pass(1_000);
    server.socket.accept();
    assert.equal(me.state, "open");
  });

  test("ends it the third time in a row", async () => {
    const me = await server.open();
    for (const state of ["reconnecting", "reconnecting", "closed"]) {
      server.socket.drop(4000, "again");
      assert.equal(me.state, state);
      if (state === "closed") break;
      await server.pass(30_000);
      server.socket.accept();
    }
    await assert.rejects(me.send({}), { code: "closed", closeCode: 4000, retryable: false });
  });

  test("is forgotten after a while", async () => {
    const me = await server.open();
    for (let i = 0; i < 5; i++) {
      server.socket.drop(4000);
      await server.pass(30_000);
      server.socket.accept();
      await server.pass(10_000);
    }
    assert.equal(me.state, "open");
  });

  for (const [code, retryable] of [[1006, true], [1012, true], [4101, true], [1009, false], [4004, false], [4001, false]]) {
    test(`what was in flight at ${code} is ${retryable ? "" : "not "}retryable`, async () => {
      const me = await server.open();
      const flight = outcome(me.send({}));
      server.socket.drop(code);
      await settle();
      assert.deepEqual([flight.error.retryable, flight.error.closeCode], [retryable, code]);
    });
  }
});

describe("somebody between", () => {
  const answers = [
    ["text", new Response("Not found", { status: 404 })], ["HTML", new Response("<h1>401", { status: 401, headers: { "Content-Type": "text/html" } })],
    ["JSON", new Response('{"detail":"no","status":403}', { status: 403, headers: { "Content-Type": "application/json" } })],
    ["a problem of another status", new Response('{"detail":"no","status":500}', { status: 400, headers: { "Content-Type": "application/problem+json" } })],
    ["a problem that says nothing", new Response('{"title":"Not Found","status":404}', { status: 404, headers: { "Content-Type": "application/problem+json" } })],
    ["broken JSON", new Response("{", { status: 403, headers: { "Content-Type": "application/problem+json" } })],
    ["nothing", new Response(null, { status: 401 })],
  ];
  for (const [what, answer] of answers) {
    test(`who answers with ${what} does not end it`, async () => {
      const me = await server.connect({ key: "k" });
      server.http = () => answer;
      server.socket.refuse();
      await settle();
      assert.equal(me.state, "connecting");
      assert.match(me.reason, new RegExp(`\\(${answer.status}\\)`));
      await server.pass(30_000);
      server.socket.accept();
      assert.equal(me.state, "open");
    });
  }

  test("who answers and then says nothing does not keep it", async () => {
    const me = await server.connect();
    server.http = () => new Promise(() => {});
    server.socket.refuse();
    await server.pass(5_000);
    assert.match(me.reason, /cannot be reached/);
    await server.pass(1);
    assert.equal(server.sockets.length, 2);
  });

  for (const [header, ms] of [["120", 120_000], [new Date(Date.UTC(2030, 0, 1, 0, 1)).toUTCString(), 60_000], ["soon", 0], ["-5", 0]]) {
    test(`Retry-After: ${header} is ${ms} ms`, async () => {
      await server.connect();
      server.refuses(503, "full", { "Retry-After": header });
      server.socket.refuse();
      await settle();
      await server.pass(Math.max(0, ms - 1));
      const before = server.sockets.length;
      if (ms) assert.equal(before, 1);
      await server.pass(1);
      assert.equal(server.sockets.length, 2);
    });
  }
});

describe("nothing waits for ever:", () => {
  test("a key function that never answers", async () => {
    const me = await server.connect({ key: () => new Promise(() => {}) });
    await server.pass(15_000);
    assert.equal(me.code, "key_failed");
    assert.match(me.reason, /key function/);
  });
  for (const key of [5, {}, true, ["k"]]) {
    test(`a key function that gives ${JSON.stringify(key)}`, async () => {
      const me = await server.connect({ key: () => key });
      assert.equal(me.code, "key_failed");
      assert.equal(server.sockets.length, 0);
    });
  }
  test("opened", async () => {
    const me = await server.connect();
    const [first, second, third] = [outcome(me.opened({ timeout: 100 })), outcome(me.opened), outcome(me.opened({ timeout: Infinity }))];
    server.refuses(503, "the house is full");
    server.socket.refuse();
    await settle();
    await server.pass(100);
    assert.equal(first.error.code, "timeout");
    assert.match(first.error.message, /the house is full/);
    await server.pass(30_000);
    assert.equal(second.error.code, "timeout");
    assert.equal(third.error, undefined);
    const abort = new AbortController();
    const fourth = outcome(me.opened({ signal: abort.signal }));
    abort.abort();
    await settle();
    assert.equal(fourth.error.code, "aborted");
    server.socket.accept();
    await settle();
    assert.equal(third.value, me);
  });
  test("an ack", async () => {
    const me = await server.open({ heartbeat: null });
    const [usual, short, long] = [outcome(me.send({})), outcome(me.send({}, { timeout: 50 })), outcome(me.send({}, { timeout: 3e9 }))];
    await server.pass(50);
    assert.equal(short.error.code, "timeout");
    assert.equal(usual.error, undefined);
    await server.pass(29_950);
    assert.equal(usual.error.code, "timeout");
    assert.equal(me.state, "open");
    await server.pass(2 ** 31);
    assert.equal(long.error, undefined);
    await server.pass(3e9);
    assert.equal(long.error.code, "timeout");
  });
  test("a send that is aborted while it waits is not sent", async () => {
    const me = await server.connect();
    const abort = new AbortController();
    const waiting = outcome(me.send({}, { signal: abort.signal }));
    assert.equal(me.outbox.size, 1);
    abort.abort();
    await settle();
    assert.equal(waiting.error.code, "aborted");
    assert.equal(me.outbox.size, 0);
    server.socket.accept();
    assert.equal(sent().length, 0);
  });
  test("the roster", async () => {
    const me = await server.open({ heartbeat: null });
    const first = outcome(me.presence.roster());
    await server.pass(30_000);
    assert.equal(first.error.code, "timeout");
    const second = outcome(me.presence.roster({ timeout: 5 }));
    assert.equal(sent().length, 2);
    await server.pass(5);
    assert.equal(second.error.code, "timeout");
  });
  for (const timeout of [Infinity, null, 3e9]) {
    test(`a timeout of ${timeout} is no short one`, async () => {
      const me = await server.open({ heartbeat: null });
      const waiting = outcome(me.request("w", "do", {}, { timeout }));
      await server.pass(1_000_000);
      assert.equal(waiting.error, undefined);
    });
    test(`a heartbeat of ${timeout} is no flood`, async () => {
      await server.open({ heartbeat: timeout });
      await server.pass(100_000);
      assert.equal(sent().length, 0);
    });
  }
  test("a WebSocket that cannot be made", async () => {
    class Broken { constructor() { throw new Error("not allowed here"); } }
    const me = server.raw({ WebSocket: Broken });
    await settle();
    assert.equal(me.state, "connecting");
    assert.match(me.reason, /not allowed here/);
  });
  for (const data of ["{", "5", "null", "[]", "{}", '{"msg_type":"msg","from_id":"a","payload":null}', new ArrayBuffer(4), undefined]) {
    test(`a frame like ${String(data).slice(0, 30)} harms nobody`, async () => {
      const me = await server.open();
      server.socket.onmessage({ data });
      await settle();
      assert.equal(me.state, "open");
      assert.equal(me.seen.length, 1);
    });
  }
});
