// Requests to one client, and who is answered.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { Server, outcome, settle } from "./scripted-server.js";

let server;
beforeEach(() => { server = new Server(); });
afterEach(() => server.end());

const sent = () => server.socket.sent;
const last = () => server.socket.sent.at(-1);
const command = fields => server.socket.receive({
  msg_type: "cmd", target: "direct", from_id: "ctl", to_id: "me", cmd: "do", ...fields,
});

describe("request", () => {
  test("resolves with the reply, not with the ack", async () => {
    const me = await server.open();
    const promise = me.request("w", "add", { a: 1 });
    assert.deepEqual([last().target, last().to_id, last().cmd, last().payload], ["direct", "w", "add", { a: 1 }]);
    server.socket.ack();
    server.socket.receive({ msg_type: "cmd", target: "direct", from_id: "w", cmd: "reply", reply_to: last().id, payload: { sum: 2 } });
    assert.deepEqual((await promise).payload, { sum: 2 });
    assert.equal(me.all("cmd").length, 0);
    await server.pass(10_000);
  });

  test("takes any reply, and one that comes before the ack", async () => {
    const me = await server.open();
    const promise = me.request("w", "add");
    server.socket.receive({ msg: "done", from_id: "w", reply_to: last().id });
    server.socket.ack();
    assert.equal((await promise).msg, "done");
  });

  test("rejects with the worker's error", async () => {
    const me = await server.open();
    const promise = me.request("w", "add");
    server.socket.receive({
      msg_type: "cmd", from_id: "w", cmd: "reply_error", reply_to: last().id, msg: "too hot", payload: { code: "overheated" },
    });
    await assert.rejects(promise, { code: "overheated", message: "too hot" });
    assert.equal(me.all("error").length, 0);
  });

  test("rejects if nobody is there", async () => {
    const me = await server.open();
    const promise = me.request("w", "add");
    server.socket.says("error", { reply_to: last().id, payload: { code: "recipient_offline", retryable: true } });
    await assert.rejects(promise, { code: "recipient_offline", retryable: true });
  });

  test("rejects after its timeout, 10 s by default, and a late reply is not heard", async () => {
    const me = await server.open();
    const [short, long] = [me.request("w", "a", {}, { timeout: 100 }), me.request("w", "b")];
    const settled = [];
    short.catch(error => settled.push(["short", error.code]));
    long.catch(error => settled.push(["long", error.code]));
    await server.pass(99);
    assert.deepEqual(settled, []);
    await server.pass(1);
    assert.deepEqual(settled, [["short", "timeout"]]);
    await server.pass(9_900);
    assert.deepEqual(settled[1], ["long", "timeout"]);
    server.socket.receive({ msg_type: "cmd", cmd: "reply", from_id: "w", reply_to: sent()[0].id });
    assert.equal(me.all("cmd").length, 0);
  });

  test("that gave up while disconnected is not sent", async () => {
    const me = await server.connect();
    const promise = me.request("w", "a", {}, { timeout: 100 });
    promise.catch(() => {});
    await server.pass(100);
    await assert.rejects(promise, { code: "timeout" });
    server.socket.accept();
    assert.equal(sent().length, 0);
  });

  test("can be aborted", async () => {
    const me = await server.open();
    const abort = new AbortController();
    const promise = me.request("w", "a", {}, { signal: abort.signal });
    abort.abort();
    await assert.rejects(promise, { code: "aborted", retryable: false });
    await assert.rejects(me.request("w", "b", {}, { signal: abort.signal }), { code: "aborted" });
    assert.equal(sent().length, 1);
  });

  test("is lost with the connection", async () => {
    const me = await server.open();
    const promise = me.request("w", "a");
    server.socket.ack();
    server.socket.drop();
    await assert.rejects(promise, { code: "connection_lost", retryable: true });
  });
});

describe("a reply", () => {
  for (const [why, fields] of [
    ["to aether", { from_id: "aether", id: "a", reply_to: "?" }], ["to a plain id", { id: "a" }], ["to no id", {}], ["without an id", { reply_to: "?" }],
    ["to the group", { target: "group", to_id: null }], ["to an answer", { id: "a", reply_to: "b" }],
  ]) {
    test(`does not go ${why}`, async () => {
      const me = await server.open();
      let done = 0;
      me.handle("do", () => done++);
      command(fields);
      command({ ...fields, cmd: "other", id: fields.id && "b" });
      await settle();
      assert.equal(done, 1);
      assert.deepEqual(sent(), []);
      assert.equal(me.state, "open");
    });
  }

  test("goes to oneself as well, where one asks oneself", async () => {
    const me = await server.open();
    me.handle("do", () => ({ n: 1 }));
    const asked = outcome(me.request("me", "do"));
    server.socket.receive(last());
    await settle();
    server.socket.receive(last());
    await settle();
    assert.deepEqual(asked.value.payload, { n: 1 });
  });

  test("is asked for by a request, and by nothing else", async () => {
    const me = await server.open();
    me.request("w", "do").catch(() => {});
    const asked = last();
    me.send({ cmd: "do", to_id: "w" });
    const told = last();
    const worker = await server.open({ client: "w" });
    worker.handle("do", () => ({ n: 1 }));
    for (const [message, count] of [[asked, 1], [told, 1]]) {
      server.socket.receive({ ...message, from_id: "ctl" });
      await settle();
      assert.equal(sent().length, count);
    }
    assert.deepEqual([last().cmd, last().to_id, last().reply_to, last().payload], ["reply", "ctl", asked.id, { n: 1 }]);
  });

  test("says at once that nobody handles it", async () => {
    const me = await server.open();
    command({ cmd: "unknown", id: "a", reply_to: "?" });
    await settle();
    assert.deepEqual([last().cmd, last().reply_to, last().payload.code], ["reply_error", "a", "not_handled"]);
    assert.match(last().msg, /unknown/);
    assert.equal(me.all("cmd").length, 1);
  });

  test("is left to whoever listens to that command, and to a loop", async () => {
    const me = await server.open();
    me.on("cmd:hand", message => message.reply({ by: "hand" }));
    command({ cmd: "hand", id: "a", reply_to: "?" });
    await settle();
    assert.deepEqual(sent().map(({ payload }) => payload), [{ by: "hand" }]);
    const loop = (async () => {
      for await (const message of me) {
        await message.reply(7);
        return message;
      }
    })();
    command({ cmd: "loop", id: "b", reply_to: "?" });
    assert.equal((await loop).wantsReply, false);
    assert.deepEqual(last().payload, { value: 7 });
    assert.equal(sent().length, 2);
  });

  for (const execution of [undefined, { command_id: "c1", attempt: 1, deadline: "2031-01-01T00:00:00Z" }]) {
    test(`by hand may be that of a listener for once${execution ? ", also of a command that reports back" : ""}`, async () => {
      const me = await server.open();
      let got;
      me.once("cmd:do", message => { got = message; });
      server.socket.receive({ msg_type: "cmd", target: "direct", from_id: "ctl", to_id: "me", cmd: "do", id: "a", reply_to: "?", execution });
      await settle();
      assert.deepEqual(sent(), [], "nobody says not_handled");
      got.reply({ n: 1 });
      await settle();
      assert.deepEqual(sent().map(({ cmd, reply_to, payload }) => [cmd, reply_to, payload.status ?? payload.n]),
        [execution ? ["execution.update", "a", "succeeded"] : ["reply", "a", 1]]);
    });
  }

  test("by hand needs somebody who can hear it", async () => {
    const me = await server.open();
    const replies = [];
    me.on("cmd", message => replies.push(outcome(message.reply())));
    command({});
    command({ id: "a", from_id: "aether" });
    command({ id: "b" });
    await settle();
    assert.deepEqual(replies.map(({ error }) => error?.code), ["invalid_message", "invalid_message", undefined]);
    assert.equal(last().reply_to, "b");
  });

  test("a message stays what was received", async () => {
    const me = await server.open();
    command({ id: "a", reply_to: "?" });
    const [message] = me.all("cmd");
    assert.equal(message.wantsReply, true);
    assert.ok(!("reply" in { ...message }) && !JSON.stringify(message).includes("wantsReply"));
    structuredClone(message);
  });

  test("holds what the error says itself, and not its cause", async () => {
    const me = await server.open();
    me.handle("do", () => { throw new Error("no paper", { cause: new Error("password is 1234") }); });
    command({ id: "a", reply_to: "?" });
    await settle();
    assert.equal(last().msg, "no paper");
    assert.ok(!JSON.stringify(sent()).includes("1234"));
  });

  for (const [what, handler] of [
    ["100 kB", () => ({ a: "x".repeat(100_000) })], ["half an emoji", () => ({ a: "😀".slice(0, 1) })], ["a text with half", () => "😀".slice(1)],
    ["70 levels", () => JSON.parse('{"a":'.repeat(70) + "1" + "}".repeat(70))], ["a big number", () => 1n], ["a loop", () => { const a = {}; a.a = a; return a; }],
    ["an error of 100 kB", () => { throw new Error("ü".repeat(100_000)); }], ["an error of half an emoji", () => { throw new Error("😀".slice(0, 1)); }],
    ["an error with a strange code", () => { throw Object.assign(new Error("x"), { code: "😀".slice(0, 1).repeat(5_000) }); }],
    ["an error with a number as code", () => { throw Object.assign(new Error("x"), { code: 8 }); }],
    ["a half at the cut", () => { throw new Error("x".repeat(999) + "😀"); }],
  ]) {
    test(`of ${what} becomes an error that can be sent`, async () => {
      const me = await server.open();
      me.handle("do", handler);
      command({ id: "a", reply_to: "?" });
      await settle();
      await settle();
      assert.equal(sent().length, 1);
      assert.equal(last().cmd, "reply_error");
      assert.equal(typeof last().payload.code, "string");
      const text = JSON.stringify(last());
      assert.ok(text.length < 10_000 && !/\\ud[89a-f]../.test(text), text.slice(0, 300));
      assert.equal(me.state, "open");
    });
  }

  for (const [result, payload] of [
    [new Date(0), { value: "1970-01-01T00:00:00.000Z" }], [{ toJSON: () => "text" }, { value: "text" }], [{ toJSON: () => ({ a: 1 }) }, { a: 1 }], [true, { value: true }],
  ]) {
    test(`of ${JSON.stringify(result)} is an object`, async () => {
      const me = await server.open();
      me.handle("do", () => result);
      command({ id: "a", reply_to: "?" });
      await settle();
      assert.deepEqual([last().cmd, last().payload], ["reply", payload]);
    });
  }

  test("of somebody else is not taken", async () => {
    const me = await server.open();
    const asked = outcome(me.request("w", "do"));
    server.socket.receive({ msg_type: "cmd", target: "direct", from_id: "x", cmd: "reply", reply_to: last().id });
    await settle();
    assert.deepEqual(asked, {});
    server.socket.receive({ msg_type: "cmd", target: "direct", from_id: "w", cmd: "reply", reply_to: last().id });
    await settle();
    assert.ok(asked.value);
  });
});
