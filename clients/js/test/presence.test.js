// The roster: loaded, kept up to date, and right whatever comes late.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
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

  const begin = async me => {
    me.connect();
    await settle();
    server.socket.accept();
    await settle();
  };

  test("is loaded again after disconnect and connect", async () => {
    const me = await server.open();
    await load(me, [member("a")]);
    await me.disconnect();
    assert.deepEqual(me.presence.getSnapshot().map(({ client_id }) => client_id), ["a"], "what was known");
    await begin(me);
    assert.deepEqual(sent().map(({ cmd }) => cmd), ["roster"]);
    const asked = me.presence.roster();
    assert.equal(sent().length, 1);
    page([member("b")]);
    assert.deepEqual((await asked).map(({ client_id }) => client_id), ["b"]);
    assert.deepEqual(me.all("gap"), []);
  });

  test("is loaded by connect for who looked while it was closed", async () => {
    const me = await server.open();
    await me.close();
    const stop = me.presence.subscribe(() => {});
    await settle();
    await begin(me);
    assert.deepEqual(sent().map(({ cmd }) => cmd), ["roster"]);
    page([member("a")]);
    await settle();
    assert.equal(me.presence.members.size, 1);
    stop();
  });

  test("that is asked for before it is open is asked for once", async () => {
    const me = await server.connect();
    const asked = me.presence.roster();
    server.socket.accept();
    await settle();
    assert.deepEqual(sent().map(({ cmd }) => cmd), ["roster"]);
    page([member("a")]);
    assert.equal((await asked).length, 1);
    await me.disconnect();
    await begin(me);
    assert.equal(sent().length, 1);
  });

  test("that nobody asked for is not loaded", async () => {
    const me = await server.open();
    await me.disconnect();
    await begin(me);
    assert.deepEqual(sent(), []);
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

describe("versions of members", () => {
  const open = async () => {
    const me = await server.open();
    const roster = me.presence.roster();
    server.socket.receive({
      msg_type: "presence", target: "echo", from_id: "aether", cmd: "roster", reply_to: last().id,
      payload: { members: [{ client_id: "a", version: 5, state: { n: 5 } }], total: 1 },
    });
    await roster;
    return me;
  };
  const event = (cmd, from_id, version, state = { n: version }) =>
    server.socket.receive({ msg_type: "presence", from_id, cmd, payload: { role: null, state, connections: 1, version } });

  test("what is older changes nothing", async () => {
    const me = await open();
    event("leave", "a", 4);
    event("update", "a", 3);
    assert.equal(me.presence.members.get("a").state.n, 5);
    event("update", "a", 6);
    assert.equal(me.presence.members.get("a").state.n, 6);
    event("leave", "a", 7);
    event("update", "a", 6);
    event("join", "a", 2);
    assert.equal(me.presence.members.size, 0);
    event("join", "a", 8);
    event("leave", "a", 7);
    assert.equal(me.presence.members.get("a").version, 8);
  });
  test("in changes as well", async () => {
    const me = await open();
    const changes = payload => server.socket.receive({ msg_type: "presence", from_id: "aether", cmd: "changes", payload });
    changes({ left: [{ client_id: "a", version: 4 }], joined: [{ client_id: "b", version: 3 }] });
    changes({ left: [{ client_id: "b", version: 2 }] });
    assert.deepEqual([...me.presence.members.keys()], ["a", "b"]);
  });
  test("without them events are taken as they come", async () => {
    const me = await open();
    event("leave", "a");
    assert.equal(me.presence.members.size, 0);
    event("join", "a", undefined, { n: 0 });
    assert.equal(me.presence.members.get("a").state.n, 0);
  });
  test("what left is not brought back by a roster that is older", async () => {
    const me = await open();
    event("leave", "a", 6);
    const roster = me.presence.roster({ refresh: true });
    server.socket.receive({
      msg_type: "presence", target: "echo", from_id: "aether", cmd: "roster", reply_to: last().id,
      payload: { members: [{ client_id: "a", version: 5 }, { client_id: "b", version: 1 }], total: 2 },
    });
    assert.deepEqual((await roster).map(({ client_id }) => client_id), ["b"]);
  });
  test("a snapshot is the same until something changes", async () => {
    const me = await open();
    const { subscribe, getSnapshot } = me.presence;
    let told = 0;
    subscribe(() => told++);
    const first = getSnapshot();
    assert.equal(getSnapshot(), first);
    event("update", "a", 9);
    assert.notEqual(getSnapshot(), first);
    assert.equal(told, 1);
  });
});
