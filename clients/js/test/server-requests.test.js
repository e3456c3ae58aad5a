// Requests to the server itself, and what is read of the kept messages.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { outcome, Server, settle } from "./scripted-server.js";

let server;
beforeEach(() => { server = new Server(); });
afterEach(() => server.end());

const keeping = { kept: { types: ["cmd"], ttl_ms: 300_000 }, positions: { group: "e1:3", client: "e1:0", broadcast: "e1:9" } };
const sent = () => server.socket.sent;
const last = () => sent().at(-1);
const answer = (payload, fields) => server.socket.says("reply", { reply_to: last().id, payload, ...fields });
const open = async (welcome = keeping) => {
  const me = await server.connect();
  server.socket.accept(welcome);
  await settle();
  return me;
};

describe("a request to the server", () => {
  test("goes to aether with an id, and its reply is the answer", async () => {
    const me = await open();
    const asked = outcome(me.request("aether", "lease.get", { name: "press" }));
    const { id, msg_type, target, to_id, cmd, payload } = last();
    assert.ok(id);
    assert.deepEqual({ msg_type, target, to_id, cmd, payload },
      { msg_type: "cmd", target: "direct", to_id: "aether", cmd: "lease.get", payload: { name: "press" } });
    answer({ holder: "ctl", term: 3 });
    await settle();
    assert.deepEqual(asked.value.payload, { holder: "ctl", term: 3 });
    assert.deepEqual(me.seen.map(([event]) => event), ["state"]);
  });

  test("asks for nobody's presence", async () => {
    const me = await open();
    me.request("aether", "lease.get").catch(() => {});
    assert.deepEqual(sent().map(({ cmd }) => cmd), ["lease.get"]);
  });

  test("rejects with the server's code and field", async () => {
    const me = await open();
    const asked = outcome(me.request("aether", "nothing"));
    server.socket.says("error", { reply_to: last().id, msg: "no such request", payload: { code: "unknown_command", retryable: false, field: "cmd" } });
    await settle();
    const { code, retryable, field, message } = asked.error;
    assert.deepEqual([code, retryable, field, message], ["unknown_command", false, "cmd", "no such request"]);
    assert.deepEqual([me.state, me.all("error")], ["open", []]);
  });

  test("is answered by nobody else", async () => {
    const me = await open();
    const asked = outcome(me.request("aether", "lease.get"));
    answer({ holder: "me" }, { from_id: "other" });
    await settle();
    assert.deepEqual(asked, {});
    assert.deepEqual(me.all("cmd"), []);
  });

  test("ends with its time, or its signal", async () => {
    const me = await open();
    const enough = new AbortController();
    const outcomes = [{}, { timeout: 300 }, { signal: enough.signal }].map(limits => outcome(me.request("aether", "lease.get", {}, limits)));
    await server.pass(300);
    enough.abort();
    await settle();
    assert.deepEqual(outcomes.map(({ error }) => error?.code), [undefined, "timeout", "aborted"]);
    await server.pass(9_700);
    assert.equal(outcomes[0].error.code, "timeout");
    answer({});
    await settle();
    assert.deepEqual([me.state, me.all("cmd"), me.all("error")], ["open", [], []]);
  });

  test("is not sent again when the connection breaks", async () => {
    const me = await open();
    const asked = outcome(me.request("aether", "lease.acquire", { name: "press", ttl_ms: 1_000 }));
    const kept = outcome(me.request("worker", "do"));
    server.socket.drop();
    await settle();
    assert.deepEqual([asked.error?.code, asked.error?.retryable, kept], ["connection_lost", true, {}]);
    await server.pass(1_000);
    server.socket.accept(keeping);
    await settle();
    assert.deepEqual(sent().map(({ cmd }) => cmd), ["do"]);
  });

  test("waits for a connection", async () => {
    const me = await server.connect();
    const asked = outcome(me.request("aether", "lease.get"));
    server.socket.accept(keeping);
    answer({ term: 1 });
    await settle();
    assert.equal(asked.value.payload.term, 1);
    assert.equal(me.state, "open");
  });

  for (const [what, send] of [
    ["a direct message", me => me.direct("aether", { cmd: "history.read" })], ["a send", me => me.send({ to_id: "aether", cmd: "x", msg_type: "cmd", id: "a" })],
    ["a message to the group", me => me.group.send({ to_id: "aether", cmd: "x" })], ["a msg", me => me.send({ to_id: "aether" })],
  ]) {
    test(`is not ${what}: nobody would answer`, async () => {
      const me = await open();
      await assert.rejects(send(me), { code: "invalid_message", field: "to_id" });
      assert.deepEqual(sent(), []);
    });
  }
});

describe("history", () => {
  test("reads the group's oldest by default, and gives the page", async () => {
    const me = await open();
    const asked = outcome(me.history());
    assert.deepEqual([last().to_id, last().cmd, last().payload], ["aether", "history.read", { channel: "group" }]);
    const page = { messages: [{ cmd: "start", payload: {}, pos: "e1:1" }], pos: "e1:1", complete: true };
    answer(page);
    await settle();
    assert.deepEqual(asked.value, page);
    assert.deepEqual(me.all("cmd"), [], "what is read is not received");
    assert.equal(me.positions.group, "e1:3", "and moves nothing");
  });

  test("says which channel, after what and how many", async () => {
    const me = await open();
    const asked = outcome(me.history({ channel: "client", after: "e1:4", limit: 20, timeout: 50 }));
    assert.deepEqual(last().payload, { channel: "client", after: "e1:4", limit: 20 });
    await server.pass(50);
    assert.equal(asked.error.code, "timeout");
  });

  test("rejects with what the server finds wrong", async () => {
    const me = await open();
    const asked = outcome(me.history({ after: "yesterday" }));
    server.socket.says("error", { reply_to: last().id, msg: "payload.after: must be a position", payload: { code: "invalid_message", retryable: false, field: "payload.after" } });
    await settle();
    assert.deepEqual([asked.error.code, asked.error.field], ["invalid_message", "payload.after"]);
  });

  test("takes no option that nobody knows", async () => {
    const me = await open();
    await assert.rejects(me.history({ from: "e1:4" }), error => error instanceof TypeError && /"from".*channel after limit/.test(error.message));
    await assert.rejects(me.history({ timeout: "soon" }), error => error instanceof TypeError && /timeout/.test(error.message));
    assert.deepEqual(sent(), []);
  });

  test("counts for the rate by what was read", async () => {
    const me = await open({ ...keeping, rate_limit: { per_second: 10, burst: 20 } });
    const asked = me.history({ limit: 100 });
    answer({ messages: Array.from({ length: 100 }, (_, i) => ({ pos: "e1:" + i })), pos: "e1:99", complete: false });
    await asked;
    me.send({ msg: "later" }, { ack: false }).catch(() => {});
    assert.equal(sent().length, 1, "100 messages are as dear as 20");
    await server.pass(2_000);
    assert.equal(last().msg, "later");
  });
});
