// Requests to everybody in the group.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { Server, outcome, settle } from "./scripted-server.js";

let server;
beforeEach(() => { server = new Server(); });
afterEach(() => server.end());

const sent = () => server.socket.sent;
const last = () => server.socket.sent.at(-1);

describe("a request to the group", () => {
  const open = async names => {
    const me = await server.open();
    const roster = me.presence.roster();
    server.socket.receive({
      msg_type: "presence", target: "echo", from_id: "aether", cmd: "roster", reply_to: last().id,
      payload: { members: names.map((client_id, i) => ({ client_id, role: i % 2 ? "worker" : "observer" })), total: names.length },
    });
    await roster;
    return me;
  };
  const reply = (from_id, payload = {}, more) => server.socket.receive({
    msg_type: "cmd", target: "direct", from_id, cmd: "reply", reply_to: last().id, payload, ...more,
  });

  test("gives the answers as they come, and ends with the last", async () => {
    const me = await open(["me", "a", "b"]);
    const request = me.group.request("measure", { n: 1 });
    const seen = [];
    const loop = (async () => {
      for await (const { from_id, message, error } of request) seen.push([from_id, message?.payload ?? error.code]);
    })();
    await settle();
    const { target, cmd, payload, reply_to } = last();
    assert.deepEqual({ target, cmd, payload, reply_to }, { target: "group", cmd: "measure", payload: { n: 1 }, reply_to: "?" });
    server.socket.receive({ ...last(), group_id: "g" }); // one's own
    server.socket.ack();
    reply("b", { v: 2 });
    await settle();
    assert.deepEqual(seen, [["b", { v: 2 }]]);
    reply("b", { v: 3 });
    reply("a", { code: "jam" }, { cmd: "reply_error" });
    await loop;
    assert.deepEqual(seen, [["b", { v: 2 }], ["a", "jam"]]);
    const { answers, missing } = await request;
    assert.deepEqual([answers.map(({ from_id }) => from_id), missing], [["b", "a"], []]);
    assert.equal(sent().length, 2);
  });

  test("names who did not answer in time", async () => {
    const me = await open(["a", "b", "c"]);
    const request = outcome(Promise.resolve(me.group.request("x", {}, { timeout: 100 })));
    await settle();
    reply("b");
    await server.pass(100);
    assert.deepEqual([request.value.answers.length, request.value.missing], [1, ["a", "c"]]);
  });

  test("does not wait for who leaves", async () => {
    const me = await open(["a", "b"]);
    const request = outcome(Promise.resolve(me.group.request("x")));
    await settle();
    reply("a");
    server.socket.receive({ msg_type: "presence", from_id: "b", cmd: "leave", payload: {} });
    await settle();
    assert.deepEqual(request.value.missing, ["b"]);
  });

  for (const [how, names] of [[{ role: "worker" }, ["b"]], [{ expect: ["z"] }, ["z"]]]) {
    test(`waits for ${JSON.stringify(how)}`, async () => {
      const me = await open(["a", "b", "c"]);
      const request = outcome(Promise.resolve(me.group.request("x", {}, { ...how, timeout: 10 })));
      await settle();
      await server.pass(10);
      assert.deepEqual(request.value.missing, names);
    });
  }

  test("of nobody ends at once", async () => {
    const me = await open(["me"]);
    const request = outcome(Promise.resolve(me.group.request("x")));
    await settle();
    server.socket.ack();
    await settle();
    assert.deepEqual(request.value, { answers: [], missing: [] });
  });

  test("can be aborted, and is lost with the connection", async () => {
    const me = await open(["a"]);
    const abort = new AbortController();
    const [first, second] = [me.group.request("x", {}, { signal: abort.signal }), me.group.request("y")].map(one => outcome(Promise.resolve(one)));
    await settle();
    abort.abort();
    await settle();
    assert.equal(first.error.code, "aborted");
    server.socket.drop();
    await settle();
    assert.equal(second.error.code, "connection_lost");
  });

  test("carries nothing out at home", async () => {
    const me = await open(["me", "a"]);
    me.handle("x", () => assert.fail());
    const request = outcome(Promise.resolve(me.group.request("x")));
    await settle();
    server.socket.receive({ ...last(), group_id: "g" });
    await settle();
    assert.deepEqual(request, {});
    assert.equal(sent().length, 2);
    reply("a");
  });
});
