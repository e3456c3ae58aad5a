// What the welcome says is held to: its rate, its heartbeat.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { Server, outcome, settle } from "./scripted-server.js";

let server;
beforeEach(() => { server = new Server(); });
afterEach(() => server.end());

const sent = () => server.socket.sent;
const last = () => server.socket.sent.at(-1);

describe("the rate of the welcome", () => {
  const limited = { rate_limit: { per_second: 50, burst: 100 } };
  /** Counts as the server does. */
  const obeys = async (count, ms) => {
    const before = sent().length;
    await server.pass(ms);
    assert.ok(sent().length - before <= count, `${sent().length - before} in ${ms} ms`);
  };
  test("holds what waited, and loses none", async () => {
    const me = await server.connect();
    for (let i = 0; i < 500; i++) me.send({ msg: String(i) });
    server.socket.accept(limited);
    assert.ok(sent().length <= 100 && sent().length > 50);
    await obeys(50, 1_000);
    for (let i = 0; i < 200; i++) await obeys(5, 100);
    assert.deepEqual(sent().filter(({ msg }) => msg).map(({ msg }) => msg), Array.from({ length: 500 }, (_, i) => String(i)));
  });
  test("holds 5,000 at once on an open connection", async () => {
    const me = await server.connect();
    server.socket.accept({ rate_limit: { per_second: 1_000, burst: 2_000 } });
    for (let i = 0; i < 5_000; i++) me.send({ payload: { i } });
    assert.ok(sent().length <= 2_000);
    for (let i = 0; i < 40; i++) await obeys(105, 100);
    assert.equal(sent().length, 5_000);
    assert.equal(me.all("error").length, 0);
  });
  test("waits where the server says so", async () => {
    const me = await server.connect();
    server.socket.accept(limited);
    me.send({ msg: "1" });
    server.socket.says("error", { reply_to: last().id, payload: { code: "rate_limited", retryable: true, retry_after_ms: 500 } });
    me.send({ msg: "2" });
    await server.pass(400);
    assert.equal(sent().length, 1);
    await server.pass(300);
    assert.equal(sent().length, 2);
  });
  test("is not that of an unlimited server", async () => {
    const me = await server.connect();
    server.socket.accept({ rate_limit: { per_second: 0, burst: 0 } });
    for (let i = 0; i < 900; i++) me.send({});
    assert.equal(sent().length, 900);
  });
  test("lets the state go first, and it is said again after a refusal", async () => {
    const me = await server.connect();
    for (let i = 0; i < 200; i++) me.send({ msg: String(i) });
    const state = outcome(me.setState({ busy: 1 }));
    server.socket.accept(limited);
    assert.equal(sent()[0].cmd, "update");
    server.socket.says("error", { reply_to: sent()[0].id, payload: { code: "rate_limited", retryable: true, retry_after_ms: 700 } });
    for (let i = 0; i < 20; i++) await server.pass(100);
    const again = sent().filter(({ cmd }) => cmd === "update");
    assert.equal(again.length, 2);
    server.socket.ack(again[1]);
    await settle();
    assert.deepEqual(state.value, { status: "published", instances: 1 });
  });
  test("lets heartbeats pass", async () => {
    const me = await server.connect();
    for (let i = 0; i < 900; i++) me.send({});
    server.socket.accept({ rate_limit: { per_second: 1, burst: 1 }, heartbeat_interval_ms: 5_000 });
    await server.pass(5_000);
    assert.ok(sent().some(({ msg_type }) => msg_type === "heartbeat"));
  });
});

test("the heartbeat is that of the welcome", async () => {
  await server.connect();
  server.socket.accept({ heartbeat_interval_ms: 7_000 });
  await server.pass(6_999);
  assert.equal(sent().length, 0);
  await server.pass(1);
  assert.equal(sent().length, 1);
});
