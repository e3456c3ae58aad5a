// Messages and their acks, and what waits for a connection.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { AetherError } from "../aether.js";
import { Server, settle, start } from "./scripted-server.js";

let server;
beforeEach(() => { server = new Server(); });
afterEach(() => server.end());

const sent = () => server.socket.sent;
const last = () => server.socket.sent.at(-1);
const reconnect = async (code = 1012) => {
  server.socket.drop(code);
  await server.pass(1);
  server.socket.accept();
  await settle();
};

describe("send", () => {
  test("fills in what is left out", async () => {
    const me = await server.open();
    me.send({ msg: "hello" });
    const { id, ...message } = last();
    assert.match(id, /^[ -~]{1,64}$/);
    assert.deepEqual(message, {
      version: "3", msg_type: "msg", target: "group", from_id: "me", msg: "hello", payload: {}, sent_at: new Date(start).toISOString(),
    });
    me.send({ cmd: "go", to_id: "w", payload: { a: 1 } });
    assert.deepEqual([last().msg_type, last().target, last().payload], ["cmd", "direct", { a: 1 }]);
    me.group.send({ cmd: "go" });
    assert.equal(last().target, "group");
    me.group.toRole("worker", { msg: "x" });
    assert.deepEqual([last().target, last().to_role, last().to_id], ["role", "worker", undefined]);
    me.direct("w", { msg: "x" });
    assert.deepEqual([last().target, last().to_id], ["direct", "w"]);
    me.broadcast({ msg: "x" });
    assert.equal(last().target, "broadcast");
    assert.equal(me.group.id, "g");
  });

  test("resolves with the ack of its own message", async () => {
    const me = await server.open();
    const [first, second] = [me.send({ msg: "1" }), me.send({ msg: "2", id: "mine" })];
    assert.equal(last().id, "mine");
    server.socket.ack(sent()[1], 2);
    server.socket.ack(sent()[0], 1);
    assert.equal((await first).instances, 1);
    assert.equal((await second).instances, 2);
  });

  test("rejects with the error of the server, which is emitted as well", async () => {
    const me = await server.open();
    const promise = me.send({});
    server.socket.says("error", {
      reply_to: last().id, msg: "slowly", payload: { code: "rate_limited", retryable: true, retry_after_ms: 40 },
    });
    await assert.rejects(promise, error => {
      assert.ok(error instanceof AetherError);
      assert.deepEqual([error.code, error.message, error.retryable, error.retryAfter], ["rate_limited", "slowly", true, 40]);
      assert.deepEqual(me.all("error"), [error]);
      return true;
    });
  });

  test("a failure that nobody looks at is no unhandled rejection", async () => {
    const me = await server.open();
    const unhandled = [];
    const note = error => unhandled.push(error);
    process.on("unhandledRejection", note);
    me.send({});
    server.socket.drop();
    me.send({ payload: "no object" });
    await settle();
    await settle();
    process.off("unhandledRejection", note);
    assert.deepEqual(unhandled, []);
    assert.deepEqual(me.all("error").map(({ code }) => code), ["connection_lost", "invalid_message"]);
  });

  test("without ack it has no id, and is done when it is written", async () => {
    const me = await server.connect();
    let done = false;
    me.send({ msg: "x" }, { ack: false }).then(() => { done = true; });
    await settle();
    assert.equal(done, false);
    server.socket.accept();
    await settle();
    assert.equal(done, true);
    assert.ok(!("id" in last()));
  });

  test("what cannot be JSON, or has no object as payload, is refused before the server closes for it", async () => {
    const me = await server.open();
    for (const payload of [[], "text", 5, null, new Date()])
      await assert.rejects(me.send({ payload }), { code: "invalid_message" });
    await assert.rejects(me.send({ payload: { n: 1n } }), { code: "invalid_message", field: "payload" });
    assert.equal(sent().length, 0);
    assert.equal(me.state, "open");
  });

  test("what was written and not acknowledged when the connection drops is lost, and not sent again", async () => {
    const me = await server.open();
    const promise = me.send({ msg: "1" });
    await reconnect();
    await assert.rejects(promise, { code: "connection_lost", retryable: true });
    assert.equal(sent().length, 0);
  });

  test("an error that belongs to no send is emitted", async () => {
    const me = await server.open();
    server.socket.says("error", { msg: "?", payload: { code: "internal", retryable: true } });
    assert.equal(me.all("error")[0].code, "internal");
  });
});

describe("outbox", () => {
  test("goes out in order, before anything newer", async () => {
    const me = await server.open();
    server.socket.drop();
    me.on("state", ({ state }) => state === "open" && me.send({ msg: "4" }));
    for (const msg of ["1", "2", "3"]) me.send({ msg });
    await server.pass(1);
    server.socket.accept();
    me.send({ msg: "5" });
    assert.deepEqual(sent().map(({ msg }) => msg), ["1", "2", "3", "4", "5"]);
  });

  test("takes what is sent while the socket closes", async () => {
    const me = await server.open();
    server.socket.readyState = 2;
    const promise = me.send({ msg: "1" });
    assert.equal(sent().length, 0);
    await reconnect();
    server.socket.ack();
    await promise;
  });

  test("is bounded", async () => {
    const me = await server.connect({ outbox: 2 });
    me.send({ msg: "1" });
    me.send({ msg: "2" });
    await assert.rejects(me.send({ msg: "3" }), { code: "outbox_full", retryable: true });
    server.socket.accept();
    assert.deepEqual(sent().map(({ msg }) => msg), ["1", "2"]);
    me.send({ msg: "4" });
    assert.equal(last().msg, "4");
  });

  test("of 0 takes nothing", async () => {
    const me = await server.connect({ outbox: 0 });
    await assert.rejects(me.send({}), { code: "outbox_full" });
  });

  test("holds 1,000 by default", async () => {
    const me = await server.connect();
    for (let i = 0; i < 1_000; i++) me.send({});
    await settle();
    assert.equal(me.all("error").length, 0);
    await assert.rejects(me.send({}), { code: "outbox_full" });
  });

  test("is rejected at the end, and so is everything later", async () => {
    const me = await server.connect();
    const waiting = me.send({});
    me.close("bye");
    await assert.rejects(waiting, { code: "closed", message: "bye" });
    await assert.rejects(me.send({}), { code: "closed" });
    await assert.rejects(me.request("w", "x"), { code: "closed" });
  });
});
