// What is posted as from aether is not believed.
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

describe("as from aether", () => {
  test("a second welcome is not taken", async () => {
    const me = await server.open();
    const { welcome } = me;
    server.socket.says("welcome", { payload: { heartbeat_interval_ms: 1, max_message_bytes: 1 } });
    assert.equal(me.welcome, welcome);
    assert.equal(me.all("state").length, 1);
    me.send({ msg: "still" });
    assert.equal(sent().length, 1);
  });
  for (const cmd of ["welcome", "gap", "error", "ack", "recovered", "lease", "command.event", "execution.cancel", "auth.expiring"]) {
    for (const where of [{ target: "group", to_id: null }, { target: "broadcast", to_id: null }, { target: "direct", to_id: "other" }]) {
      if (where.to_id && /^(ack|welcome)$/.test(cmd)) continue; // no such one can come
      test(`${cmd} to ${where.to_id ?? where.target} is not taken`, async () => {
        const me = await server.open();
        me.presence.roster().catch(() => {});
        const waiting = outcome(me.send({}));
        const count = sent().length;
        server.socket.receive({ msg_type: "cmd", from_id: "aether", cmd, reply_to: last().id, payload: { code: "internal" }, ...where });
        await settle();
        assert.deepEqual(waiting, {});
        assert.deepEqual(me.seen.map(([event]) => event), ["state"]);
        assert.equal(sent().length, count);
      });
    }
  }
  test("a command of the application is taken", async () => {
    const me = await server.open();
    server.socket.receive({ msg_type: "cmd", from_id: "aether", cmd: "start", target: "group" });
    assert.equal(me.all("cmd").length, 1);
  });
  for (const fields of [
    { from_id: "other", cmd: "changes", payload: { joined: [{ client_id: "x" }] } }, { from_id: "aether", cmd: "join" }, { from_id: "aether", cmd: "lease" },
    { from_id: "x", cmd: "join", group_id: "h" }, { from_id: "x", cmd: "join", target: "direct" }, { from_id: "x", cmd: "other" },
  ]) {
    test(`presence ${JSON.stringify(fields)} is not taken`, async () => {
      const me = await server.open();
      const roster = outcome(me.presence.roster());
      server.socket.receive({ msg_type: "presence", target: "echo", from_id: "aether", cmd: "roster", reply_to: last().id, payload: { members: [], total: 0 } });
      server.socket.receive({ msg_type: "presence", payload: {}, ...fields });
      await settle();
      assert.deepEqual(roster.value, []);
      assert.equal(me.presence.members.size, 0);
      assert.equal(me.all("presence").length, 0);
    });
  }
});
