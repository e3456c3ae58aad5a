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
    await assert.rejects(me.send({ payload: { n: 1n } }), TypeError);
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

describe("handle", () => {
  const command = fields => server.socket.receive({
    msg_type: "cmd", target: "direct", from_id: "ctl", to_id: "me", cmd: "do", id: "c1", ...fields,
  });

  for (const [result, payload] of [
    [{ a: 1 }, { a: 1 }], [undefined, {}], [5, { value: 5 }], [null, { value: null }], [[1], { value: [1] }], ["x", { value: "x" }],
  ]) {
    test(`answers with ${JSON.stringify(result)}`, async () => {
      const me = await server.open();
      me.handle("do", async () => result);
      command();
      await settle();
      const { target, to_id, group_id, cmd, reply_to, msg_type } = last();
      assert.deepEqual({ target, to_id, group_id, cmd, reply_to, msg_type },
        { target: "direct", to_id: "ctl", group_id: "g", cmd: "reply", reply_to: "c1", msg_type: "cmd" });
      assert.deepEqual(last().payload, payload);
      assert.ok(!("id" in last()));
      assert.equal(me.all("cmd").length, 1);
    });
  }

  test("gets the payload and the message", async () => {
    const me = await server.open();
    let got;
    me.handle("do", (...all) => { got = all; });
    command({ payload: { n: 1 } });
    assert.deepEqual(got[0], { n: 1 });
    assert.equal(got[1].from_id, "ctl");
  });

  for (const [what, thrown, msg, code] of [
    ["an error", new Error("broken"), "broken", "failed"],
    ["an error with a code", Object.assign(new Error("broken"), { code: "jam" }), "broken", "jam"],
    ["a text", "broken", "broken", "failed"],
    ["nothing", undefined, "undefined", "failed"],
  ]) {
    test(`answers ${what} that is thrown`, async () => {
      const me = await server.open();
      me.handle("do", () => { throw thrown; });
      command();
      await settle();
      assert.deepEqual([last().cmd, last().msg, last().payload], ["reply_error", msg, { code }]);
    });
  }

  test("answers a result that cannot be JSON with an error", async () => {
    const me = await server.open();
    me.handle("do", () => ({ n: 1n }));
    command();
    await settle();
    assert.equal(last().cmd, "reply_error");
  });

  test("carries an id out once for each sender", async () => {
    const me = await server.open();
    let count = 0, finish;
    me.handle("do", () => { count++; return new Promise(resolve => { finish = resolve; }); });
    command();
    command();
    assert.equal(count, 1);
    finish({ n: 7 });
    await settle();
    assert.equal(sent().length, 1);
    command();
    await settle();
    assert.equal(count, 1);
    assert.deepEqual(sent().map(({ payload }) => payload), [{ n: 7 }, { n: 7 }]);
    command({ from_id: "other" });
    assert.equal(count, 2);
  });

  test("remembers 1,000 ids", async () => {
    const me = await server.open();
    let count = 0;
    me.handle("do", () => { count++; });
    for (let i = 0; i <= 1_000; i++) command({ id: `c${i}` });
    await settle();
    command({ id: "c1" });
    assert.equal(count, 1_001);
    command({ id: "c0" });
    assert.equal(count, 1_002);
  });

  test("without an id it is carried out every time and not answered, and a failure is emitted", async () => {
    const me = await server.open();
    let count = 0;
    me.handle("do", () => { if (++count === 2) throw new Error("broken"); });
    command({ id: undefined });
    await settle();
    command({ id: undefined });
    await settle();
    assert.equal(count, 2);
    assert.equal(sent().length, 0);
    assert.equal(me.all("error")[0].message, "broken");
  });

  test("can be taken away", async () => {
    const me = await server.open();
    const remove = me.handle("do", () => assert.fail());
    remove();
    command();
    await settle();
    assert.equal(sent().length, 0);
  });
});

describe("presence", () => {
  const member = (client_id, more) => ({
    client_id, role: null, state: {}, connections: 1, joined_at: "2030", last_seen: "2030", ...more,
  });
  const page = (members, total = members.length) => server.socket.receive({
    msg_type: "presence", target: "echo", from_id: "aether", cmd: "roster", reply_to: last().id, payload: { members, total },
  });
  const event = (cmd, from_id, payload) =>
    server.socket.receive({ msg_type: "presence", from_id, cmd, payload: { role: null, state: {}, connections: 1, ...payload } });
  const names = count => Array.from({ length: count }, (_, i) => member(`c${String(i).padStart(5, "0")}`));
  const load = async (me, members) => {
    const promise = me.presence.roster();
    page(members);
    await promise;
  };

  test("is loaded once", async () => {
    const me = await server.open();
    assert.equal(me.presence.members.size, 0);
    const both = [me.presence.roster(), me.presence.roster()];
    assert.deepEqual(last().payload, { offset: 0, limit: 500 });
    assert.deepEqual([last().msg_type, last().target, last().cmd], ["presence", "echo", "roster"]);
    page([member("a"), member("b")]);
    assert.deepEqual((await both[0]).map(({ client_id }) => client_id), ["a", "b"]);
    await both[1];
    await me.presence.roster();
    assert.equal(sent().length, 1);
    const again = me.presence.roster({ refresh: true });
    page([member("a")]);
    assert.equal((await again).length, 1);
  });

  test("of an empty group is empty", async () => {
    const me = await server.open();
    const promise = me.presence.roster();
    page([]);
    assert.deepEqual(await promise, []);
  });

  for (const count of [499, 500, 501, 999, 1_000, 1_200]) {
    test(`of ${count} is loaded by pages`, async () => {
      const me = await server.open();
      const all = names(count);
      const promise = me.presence.roster();
      for (let i = 0; i < sent().length; i++) {
        const { offset } = sent()[i].payload;
        page(all.slice(offset, offset + 500), count);
        await settle();
      }
      assert.deepEqual((await promise).map(({ client_id }) => client_id), all.map(({ client_id }) => client_id));
    });
  }

  test("misses nobody when others leave between two pages", async () => {
    const me = await server.open();
    let all = names(1_100);
    const promise = me.presence.roster();
    for (let i = 0; i < sent().length; i++) {
      const { offset } = sent()[i].payload;
      page(all.slice(offset, offset + 500), all.length);
      if (i === 0) {
        for (const { client_id } of all.slice(0, 20)) event("leave", client_id);
        all = all.slice(20);
      }
      await settle();
    }
    assert.deepEqual((await promise).map(({ client_id }) => client_id).sort(), all.map(({ client_id }) => client_id));
  });

  test("follows join, update, leave and changes, before the event is told", async () => {
    const me = await server.open();
    await load(me, [member("a"), member("b", { joined_at: "2029" })]);
    const seen = [];
    me.on("presence", ({ cmd }) => seen.push([cmd, [...me.presence.members.keys()].join("")]));
    event("join", "c", { role: "worker" });
    event("leave", "a");
    event("update", "b", { state: { busy: true }, connections: 2 });
    server.socket.receive({
      msg_type: "presence", from_id: "aether", cmd: "changes",
      payload: { left: [{ client_id: "c" }, { client_id: "b" }], joined: [{ client_id: "c", role: "observer" }] },
    });
    assert.deepEqual(seen, [["join", "abc"], ["leave", "bc"], ["update", "bc"], ["changes", "c"]]);
    assert.deepEqual(me.presence.members.get("c"), {
      client_id: "c", role: "observer", state: {}, connections: 1,
      joined_at: new Date(start).toISOString(), last_seen: new Date(start).toISOString(),
    });
  });

  test("an update keeps the time of joining", async () => {
    const me = await server.open();
    await load(me, [member("b", { joined_at: "2029" })]);
    event("update", "b", { state: { busy: true } });
    const { joined_at, state } = me.presence.members.get("b");
    assert.deepEqual([joined_at, state], ["2029", { busy: true }]);
  });

  test("what happens while it loads counts", async () => {
    const me = await server.open();
    const promise = me.presence.roster();
    event("join", "b");
    event("leave", "a");
    page([member("a")]);
    assert.deepEqual((await promise).map(({ client_id }) => client_id), ["b"]);
  });

  for (const [what, happen] of [
    ["gap", () => server.socket.says("gap", { payload: { since: "2030" } })],
    ["reconnect", reconnect],
  ]) {
    test(`is loaded again after a ${what}`, async () => {
      const me = await server.open();
      await load(me, [member("a")]);
      await happen();
      assert.equal(last().cmd, "roster");
      page([member("z")]);
      await settle();
      assert.deepEqual([...me.presence.members.keys()], ["z"]);
    });
  }

  test("is not loaded for those who never asked", async () => {
    const me = await server.open();
    event("join", "a");
    server.socket.says("gap", { payload: { since: "2030" } });
    await reconnect();
    assert.equal(sent().length, 0);
    assert.equal(me.presence.members.size, 0);
    assert.equal(me.all("presence").length, 1);
  });

  test("a gap while it loads starts it anew, and the first caller gets the newer one", async () => {
    const me = await server.open();
    const promise = me.presence.roster();
    const [first] = sent();
    server.socket.says("gap", { payload: { since: "2030" } });
    const second = last();
    const answer = (question, id) => server.socket.receive({
      msg_type: "presence", from_id: "aether", cmd: "roster", reply_to: question.id, payload: { members: [member(id)], total: 1 },
    });
    answer(first, "old");
    await settle();
    assert.equal(me.presence.members.size, 0);
    answer(second, "new");
    assert.deepEqual((await promise).map(({ client_id }) => client_id), ["new"]);
  });

  test("that cannot be loaded rejects, and is loaded when it is asked for again", async () => {
    const me = await server.open();
    const promise = me.presence.roster();
    server.socket.says("error", { reply_to: last().id, payload: { code: "backplane_unavailable", retryable: true } });
    await assert.rejects(promise, { code: "backplane_unavailable" });
    await load(me, [member("a")]);
    assert.equal(me.presence.members.size, 1);
  });

  test("a state is said, and said again after a reconnect", async () => {
    const me = await server.connect();
    const state = { busy: 1 };
    const promise = me.setState(state);
    state.busy = 2;
    server.socket.accept();
    await settle();
    assert.deepEqual(sent().map(({ msg_type, target, cmd, payload }) => [msg_type, target, cmd, payload.state.busy]),
      [["presence", "group", "update", 1]]);
    server.socket.ack();
    await promise;
    await reconnect();
    assert.deepEqual(last().payload, { state: { busy: 1 } });
    await assert.rejects(me.setState("idle"), TypeError);
  });
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
    process.setUncaughtExceptionCaptureCallback(error => uncaught.push(error.message));
    let heard = 0;
    me.on("msg", () => { throw new Error("mine"); });
    me.on("msg", () => heard++);
    server.socket.receive({ msg: "x" });
    await settle();
    process.setUncaughtExceptionCaptureCallback(null);
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
    assert.deepEqual(me.all("gap"), [{ reason: "an iterator is too slow", since: "t0" }]);
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
