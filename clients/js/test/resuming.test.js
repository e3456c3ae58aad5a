// What was kept while the connection was away: where a return goes on, and what is told of it.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { connect } from "../aether.js";
import { Server, settle } from "./scripted-server.js";

let server;
beforeEach(() => { server = new Server(); });
afterEach(() => server.end());

const sent = () => server.socket.sent;
const positions = { group: "e1:4", client: "e1:0", broadcast: "b:9" };
const kept = { types: ["cmd"], ttl_ms: 300_000 };
const keeping = { positions, kept };
/** What the address of the latest attempt asks for, by name. */
const asked = () => {
  const { role, echo, ...rest } = Object.fromEntries(new URL(server.socket.url).searchParams);
  return rest;
};
const again = async (welcome = keeping, code = 1012) => {
  server.socket.drop(code);
  await server.pass(1);
  server.socket.accept(welcome);
  await settle();
};
const open = async (welcome = keeping, options = {}) => {
  const me = await server.connect(options);
  server.socket.accept(welcome);
  await settle();
  return me;
};
const command = (seq, more) => server.socket.receive({ msg_type: "cmd", cmd: "do", msg: String(seq), pos: `e1:${seq}`, ...more });
const direct = { target: "direct", to_id: "me" };
const recovered = payload => server.socket.says("recovered", { payload });

describe("positions", () => {
  test("are those of the welcome with nothing received, and a return asks for them", async () => {
    const me = await open();
    assert.deepEqual(asked(), {});
    assert.deepEqual(me.positions, positions);
    await again();
    assert.deepEqual(asked(), { group_pos: "e1:4", client_pos: "e1:0", broadcast_pos: "b:9" });
    assert.match(server.socket.url, /\?echo=on&group_pos=e1:4&client_pos=e1:0&broadcast_pos=b:9$/);
  });

  test("move with each message, each in its channel", async () => {
    const me = await open();
    command(5);
    command(6, { target: "role", to_role: "worker" });
    command(1, direct);
    command(0, { target: "broadcast", pos: "b:10" });
    server.socket.receive({ msg: "not kept" });
    assert.deepEqual(me.positions, { group: "e1:6", client: "e1:1", broadcast: "b:10" });
    assert.deepEqual(me.all("cmd").map(({ pos }) => pos), ["e1:5", "e1:6", "e1:1", "b:10"]);
    await again();
    assert.deepEqual(asked(), { group_pos: "e1:6", client_pos: "e1:1", broadcast_pos: "b:10" });
  });

  test("are asked for again by an attempt that did not come about, and by the question why", async () => {
    await open();
    command(5);
    server.socket.drop();
    await server.pass(1);
    server.refuses(503, "busy");
    server.socket.refuse();
    await settle();
    assert.match(server.asked[0].url, /group_pos=e1:5/);
    await server.pass(30_000);
    assert.equal(asked().group_pos, "e1:5");
  });

  test("move with what is replayed: a second drop in the middle goes on from there", async () => {
    const me = await open();
    await again();
    command(5);
    command(6);
    await again({ ...keeping, positions: { ...positions, group: "e1:6" } });
    assert.equal(asked().group_pos, "e1:6");
    command(7);
    recovered({ group: { status: "recovered", count: 1 } });
    assert.deepEqual(me.all("cmd").map(({ msg }) => msg), ["5", "6", "7"]);
    assert.equal(me.positions.group, "e1:7");
  });

  test("outlive disconnect and connect", async () => {
    const me = await open();
    command(5);
    await me.disconnect();
    me.connect();
    await settle();
    assert.equal(asked().group_pos, "e1:5");
  });

  test("are the server's where it has others: another life of the stream", async () => {
    const me = await open();
    command(40);
    await again({ ...keeping, positions: { group: "e2:3", client: "e1:0" } });
    assert.deepEqual(me.positions, { group: "e2:3", client: "e1:0" });
    command(0, { pos: "e2:4" });
    assert.equal(me.all("cmd").length, 2);
    await again();
    assert.deepEqual(asked(), { group_pos: "e2:4", client_pos: "e1:0" });
  });

  test("are none where the server keeps nothing", async () => {
    const me = await open({});
    assert.deepEqual(me.positions, {});
    await again({});
    assert.deepEqual(asked(), {});
    assert.deepEqual(me.all("gap").map(({ types }) => types), [undefined]);
  });

  test("are no longer asked for when the server keeps nothing any more", async () => {
    await open();
    await again({});
    await again({});
    assert.deepEqual(asked(), {});
  });

  for (const bad of ["", "e1", ":4", "e1:04", "e1:-1", "e1:4&x=1", "ä:4", "x".repeat(17) + ":4", 4, null, {}, "e1:4:5", "e1:4\n", ["e1:4"]]) {
    test(`${JSON.stringify(bad)} is none`, async () => {
      const me = await open({ positions: { ...positions, group: bad } });
      assert.equal(me.positions.group, undefined);
      command(5, { pos: bad });
      assert.equal(me.positions.group, undefined);
      assert.equal(me.all("cmd").length, 1);
    });
  }

  test("given out are a copy", async () => {
    const me = await open();
    me.positions.group = "x:1";
    assert.equal(me.positions.group, "e1:4");
  });
});

describe("what was seen", () => {
  test("is not heard again in a replay", async () => {
    const me = await open();
    command(5);
    command(6);
    await again({ ...keeping, positions: { ...positions, group: "e1:6" } });
    for (const seq of [5, 6, 7, 7, 8]) command(seq);
    assert.deepEqual(me.all("cmd").map(({ msg }) => msg), ["5", "6", "7", "8"]);
    assert.equal(me.positions.group, "e1:8");
  });

  test("is told by numbers only there: after it a number may be given again", async () => {
    const me = await open();
    command(5);
    command(4);
    await again({ ...keeping, positions: { ...positions, group: "e1:4" } });
    recovered({ group: { status: "recovered", count: 0 } });
    command(4);
    command(4);
    assert.equal(me.all("cmd").length, 4);
    assert.equal(me.positions.group, "e1:4");
  });

  test("is not what another life of the stream numbers lower", async () => {
    const me = await open();
    command(5);
    await again({ ...keeping, positions: { ...positions, group: "e1:5" } });
    command(1, { pos: "e2:1" });
    assert.deepEqual([me.all("cmd").length, me.positions.group], [2, "e2:1"]);
  });

  test("is not what comes of a lost channel", async () => {
    const me = await open();
    command(9);
    await again({ ...keeping, positions: { ...positions, group: "e1:8" } });
    command(9);
    assert.equal(me.all("cmd").length, 2);
  });
});

describe("events", () => {
  test("recovered says what became of each channel, and only the server to this client", async () => {
    const me = await open();
    await again();
    const payload = {
      group: { status: "recovered", count: 2 }, client: { status: "lost", count: 0, reason: "expired" }, broadcast: { status: "recovered", count: 0 },
    };
    server.socket.receive({ msg_type: "cmd", target: "group", from_id: "aether", cmd: "recovered", payload });
    server.socket.says("recovered", { payload, to_id: "other" });
    assert.deepEqual(me.all("recovered"), []);
    recovered(payload);
    assert.deepEqual(me.all("recovered"), [payload]);
    assert.equal(me.all("cmd").length, 0);
  });

  test("messages of a replay say so, and no others", async () => {
    const me = await open();
    command(5);
    await again({ ...keeping, positions: { ...positions, group: "e1:5" } });
    command(6);
    server.socket.receive({ msg: "no pos" });
    recovered({ group: { status: "recovered", count: 1 } });
    command(7);
    assert.deepEqual(me.all("cmd").map(message => [message.msg, message.recovered]), [["5", undefined], ["6", true], ["7", undefined]]);
    assert.equal(me.all("msg")[0].recovered, undefined);
  });

  for (const types of [["msg", "presence"], ["cmd"], []]) {
    test(`gap names ${types.join(" and ") || "nothing"}, and the roster is asked for where presence is named`, async () => {
      const me = await open();
      me.presence.roster().catch(() => {});
      const count = sent().length;
      server.socket.says("gap", { payload: { since: "2030", types } });
      assert.deepEqual(me.all("gap")[0].types, types);
      assert.equal(me.all("gap")[0].since, "2030");
      assert.equal(sent().length - count, types.includes("presence") ? 1 : 0);
    });
  }

  test("gap of an older server has no types, and the roster is asked for", async () => {
    const me = await open();
    me.presence.roster().catch(() => {});
    const count = sent().length;
    for (const types of [undefined, null, "cmd", 5]) server.socket.says("gap", { payload: { since: "2030", types } });
    assert.ok(me.all("gap").every(gap => !("types" in gap)));
    assert.equal(sent().length - count, 4);
  });

  for (const [what, welcome, options, types] of [
    ["what is not kept", keeping, {}, ["msg", "presence"]],
    ["what is not kept, where all messages are", { positions, kept: { ...kept, types: ["msg", "cmd"] } }, {}, ["presence"]],
    ["all where nothing is resumed", keeping, { resume: false }, ["cmd", "msg", "presence"]],
    ["all where a channel is lost", { ...keeping, positions: { ...positions, group: "e2:1" } }, {}, ["cmd", "msg", "presence"]],
    ["all where the server does not say what it keeps", { positions }, {}, ["cmd", "msg", "presence"]],
  ]) {
    test(`gap after a return names ${what}`, async () => {
      const me = await open(keeping, options);
      await again(welcome);
      assert.deepEqual(me.all("gap").map(gap => gap.types), [types]);
    });
  }
});

describe("options", () => {
  const good = { url: "https://h", group: "g", WebSocket: class {} };
  for (const [name, value] of [
    ["resume", 1], ["resume", null], ["resume", "no"], ["rewind", 0], ["rewind", 101], ["rewind", 1.5], ["rewind", "5"], ["rewind", NaN],
    ["rewind", null], ["rewind", -1], ["rewind", true],
  ]) {
    test(`${name}: ${String(JSON.stringify(value))} is a TypeError that names it`, () => {
      assert.throws(() => connect({ ...good, [name]: value }), error => error instanceof TypeError && error.message.startsWith(`${name}: `));
    });
  }

  test("resume: false asks for nothing", async () => {
    const me = await open(keeping, { resume: false });
    command(5);
    await again();
    assert.deepEqual(asked(), {});
    command(5);
    assert.equal(me.all("cmd").length, 2);
  });

  for (const rewind of [1, 100]) {
    test(`rewind: ${rewind} is for the first connection`, async () => {
      const me = await open(keeping, { rewind });
      assert.deepEqual(asked(), { rewind: String(rewind) });
      command(5);
      assert.equal(me.all("cmd")[0].recovered, true);
      await again();
      assert.deepEqual(asked(), { group_pos: "e1:5", client_pos: "e1:0", broadcast_pos: "b:9" });
    });
  }

  test("rewind is asked for until there was a connection, and not after", async () => {
    await server.connect({ rewind: 5, resume: false });
    server.socket.refuse();
    await settle();
    await server.pass(1);
    assert.deepEqual(asked(), { rewind: "5" });
    server.socket.accept(keeping);
    await again();
    assert.deepEqual(asked(), {});
  });
});

test("a message with a position can be sent on: the position stays behind", async () => {
  const me = await open();
  command(5, { from_id: "me" });
  me.send(me.all("cmd")[0]);
  assert.deepEqual([sent().length, sent()[0].msg, "pos" in sent()[0]], [1, "5", false]);
});
