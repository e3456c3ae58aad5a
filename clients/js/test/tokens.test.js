// Tokens: how they are shown, how another one is shown in time, and what becomes of one that has ended.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { Server, outcome, settle } from "./scripted-server.js";

let server;
beforeEach(() => { server = new Server(); });
afterEach(() => server.end());

const [old, fresh, third] = ["a.b-1.c_", "d.e.f", "g.h.i"];
const sent = () => server.socket.sent;
const last = () => server.socket.sent.at(-1);
const renewals = () => server.sockets.flatMap(({ sent }) => sent).filter(({ cmd }) => cmd === "auth.renew");
const shown = () => server.sockets.map(({ protocols }) => Buffer.from(protocols[1].slice(12), "base64url").toString());
const expiring = async () => {
  server.socket.says("auth.expiring", { payload: { expires_at: "2030-01-01T00:00:30Z" } });
  await settle();
};
const renewed = async (payload = { expires_at: "2030-01-01T01:00:00Z", permissions: ["broadcast"] }) => {
  server.socket.says("reply", { reply_to: renewals().at(-1).id, payload });
  await settle();
};
const refused = async (code = "forbidden") => {
  server.socket.says("error", { msg: "not this one", reply_to: renewals().at(-1).id, payload: { code, retryable: false } });
  await settle();
};

/** A function that gives one token after the other, and the last one from then on; an error is thrown. */
const giving = (...tokens) => {
  const give = async () => {
    give.count++;
    const token = tokens.length > 1 ? tokens.shift() : tokens[0];
    if (token instanceof Error) throw token;
    return token;
  };
  give.count = 0;
  return give;
};

describe("a token", () => {
  test("goes as a subprotocol, and over HTTP as a Bearer", async () => {
    await server.connect({ key: old });
    assert.deepEqual(server.socket.protocols, ["aether.v3", "aether.auth." + Buffer.from(old).toString("base64url")]);
    server.refuses(401, "a valid token is needed");
    server.socket.refuse();
    await settle();
    assert.deepEqual(server.asked[0].headers, { Authorization: "Bearer " + old });
  });

  for (const key of ["a.b", "a.b.c.d", "a..c", ".b.c", "a.b.", "a.b.c=", "a.b c.d", "a.b.c\n"]) {
    test(`${JSON.stringify(key)} is a key and no token`, async () => {
      await server.connect({ key });
      server.refuses(401, "a valid key is needed");
      server.socket.refuse();
      await settle();
      assert.deepEqual(server.asked[0].headers, { "X-Aether-API-Key": key });
    });
  }
});

describe("a token that is about to end", () => {
  test("is renewed on the connection that there is", async () => {
    const key = giving(old, fresh);
    const me = await server.connect({ key });
    server.socket.accept({ expires_at: "2030-01-01T00:00:30Z", permissions: ["admin"] });
    const connected = me.welcome;
    const underWay = outcome(me.send({ msg: "1" }));
    await expiring();
    assert.equal(key.count, 2);
    const { id, to_id, target, msg_type, cmd, payload } = last();
    assert.deepEqual([to_id, target, msg_type, cmd, payload], ["aether", "direct", "cmd", "auth.renew", { token: fresh }]);
    assert.ok(id);
    assert.equal(me.welcome, connected, "what is in force stays until the server has answered");
    await renewed();
    assert.deepEqual([me.welcome.expires_at, me.welcome.permissions, me.welcome.heartbeat_interval_ms],
      ["2030-01-01T01:00:00Z", ["broadcast"], 30_000]);
    server.socket.ack(sent()[0]);
    await server.pass(600_000);
    assert.equal(underWay.value.status, "published");
    assert.deepEqual([me.state, server.sockets.length, renewals().length, key.count], ["open", 1, 1, 2]);
    assert.deepEqual(me.seen.map(([event]) => event), ["state"], "the application need not care");
  });

  test("is renewed each time", async () => {
    const me = await server.open({ key: giving(old, fresh, third) });
    await expiring();
    await renewed();
    await expiring();
    await renewed({ expires_at: "2030-01-01T02:00:00Z", permissions: [] });
    assert.deepEqual(renewals().map(({ payload }) => payload.token), [fresh, third]);
    assert.equal(me.welcome.expires_at, "2030-01-01T02:00:00Z");
  });

  test("is renewed ahead of what waits for its turn", async () => {
    const me = await server.connect({ key: giving(old, fresh) });
    server.socket.accept({ rate_limit: { per_second: 10, burst: 10 } });
    for (let i = 0; i < 50; i++) me.send({ msg: String(i) });
    await expiring();
    await server.pass(1_000);
    assert.equal(renewals().length, 1);
    assert.ok(sent().length < 30);
  });

  test("is renewed while what is under way is waited for", async () => {
    const me = await server.open({ key: giving(old, fresh) });
    const message = outcome(me.send({ msg: "1" }));
    me.close("done", { timeout: null });
    await expiring();
    await renewed();
    assert.equal(me.state, "closing");
    server.socket.ack(sent()[0]);
    await settle();
    assert.deepEqual([message.value.status, me.state, renewals().length, me.all("error").length], ["published", "closed", 1, 0]);
  });

  test("is let end where it is a string", async () => {
    const me = await server.open({ key: old });
    await expiring();
    await server.pass(29_000);
    assert.deepEqual([sent().length, me.all("error").length, me.state], [0, 0, "open"]);
    server.socket.drop(4001, "the token has ended");
    await server.pass(3_600_000);
    assert.deepEqual([me.state, me.code, me.reason, server.sockets.length],
      ["closed", "unauthorized", "the token has ended (4001)", 1]);
  });

  for (const [what, given, text] of [
    ["the same token", old, "the key function failed: no new token"], ["an API key", "no-token", "the key function failed: no new token"],
    ["nothing", null, "the key function failed: no new token"], ["an error", new Error("no network"), "the key function failed: no network"],
  ]) {
    test(`is asked for again, and not sent, where the function gives ${what}`, async () => {
      const key = giving(old, given);
      const me = await server.open({ key });
      await expiring();
      const pauses = [2_000, 4_000, 8_000, 16_000];
      let count = 2;
      for (const pause of pauses) {
        assert.equal(key.count, count++);
        await server.pass(pause - 1);
        assert.equal(key.count, count - 1, `asked before ${pause} ms`);
        await server.pass(1);
      }
      assert.equal(key.count, count);
      assert.deepEqual([renewals().length, me.state, server.sockets.length], [0, "open", 1]);
      assert.deepEqual(me.all("error").map(({ code, message, retryable }) => [code, message, retryable]), Array(5).fill(["key_failed", text, true]));
    });
  }

  test("is asked for at random within as much again", async () => {
    const key = giving(old);
    server.chance = 1;
    await server.open({ key });
    await expiring();
    await server.pass(3_999);
    assert.equal(key.count, 2);
    await server.pass(1);
    assert.equal(key.count, 3);
    await server.pass(7_999);
    assert.equal(key.count, 3);
    await server.pass(1);
    assert.equal(key.count, 4);
  });

  test("is asked for again where the function does not answer", async () => {
    let count = 0;
    const me = await server.open({ key: () => ++count === 1 ? old : count === 2 ? new Promise(() => {}) : fresh });
    await expiring();
    await server.pass(14_999);
    assert.equal(me.all("error").length, 0);
    await server.pass(1);
    assert.equal(me.all("error")[0].code, "key_failed");
    await server.pass(2_000);
    assert.deepEqual(renewals().map(({ payload }) => payload.token), [fresh]);
  });

  test("comes late, and is sent", async () => {
    const me = await server.open({ key: giving(old, old, new Error("no network"), fresh) });
    await expiring();
    await server.pass(2_000);
    await server.pass(4_000);
    await renewed();
    await server.pass(600_000);
    assert.deepEqual([renewals().length, me.welcome.expires_at, me.all("error").length], [1, "2030-01-01T01:00:00Z", 2]);
  });

  for (const code of ["forbidden", "rate_limited", "unknown_command"]) {
    test(`is tried again after ${code}, and what was in force stays`, async () => {
      const key = giving(old, fresh, third);
      const me = await server.open({ key });
      const { welcome } = me;
      await expiring();
      await refused(code);
      assert.deepEqual(me.all("error").map(({ code, message }) => [code, message]), [[code, "not this one"]]);
      assert.equal(me.welcome, welcome);
      await server.pass(1_999);
      assert.equal(key.count, 2);
      await server.pass(1);
      assert.deepEqual(renewals().map(({ payload }) => payload.token), [fresh, third]);
      await renewed();
      assert.deepEqual(me.welcome.permissions, ["broadcast"]);
    });
  }

  test("is tried again without an answer", async () => {
    const me = await server.open({ key: giving(old, fresh), heartbeat: null });
    await expiring();
    await server.pass(10_000);
    assert.equal(me.all("error")[0].code, "timeout");
    await server.pass(2_000);
    assert.equal(renewals().length, 2);
  });

  test("keeps its pace, however often the server says it", async () => {
    const key = giving(old);
    await server.open({ key });
    for (let i = 0; i < 100; i++) await expiring();
    assert.equal(key.count, 2);
    await server.pass(2_000);
    for (let i = 0; i < 100; i++) await expiring();
    assert.equal(key.count, 3);
  });

  test("is said by the server to this connection only", async () => {
    const key = giving(old, fresh);
    await server.open({ key });
    for (const where of [{ target: "group" }, { target: "broadcast" }, { to_id: "other" }, { from_id: "other" }]) {
      server.socket.says("auth.expiring", where);
      await settle();
    }
    assert.equal(key.count, 1);
  });
});

describe("a connection that is lost meanwhile", () => {
  test("is not asked for any more", async () => {
    const key = giving(old, old, fresh);
    const me = await server.open({ key });
    await expiring();
    server.socket.drop(1012);
    await server.pass(1);
    server.socket.accept();
    await server.pass(600_000);
    assert.deepEqual([shown(), key.count, renewals().length, me.all("error").length], [[old, fresh], 3, 0, 1]);
  });

  test("does not show what the function gives later", async () => {
    const answers = [];
    const me = await server.connect({ key: () => new Promise(resolve => answers.push(resolve)) });
    answers[0](old);
    await settle();
    server.socket.accept();
    await expiring();
    server.socket.drop(1012);
    await server.pass(1);
    answers[2](third);
    await settle();
    server.socket.accept();
    answers[1](fresh);
    await settle();
    assert.deepEqual([shown(), renewals().length, me.all("error").length], [[old, third], 0, 0]);
    // The token in use is still the one that this connection was opened with.
    await expiring();
    answers[3](third);
    await settle();
    assert.equal(renewals().length, 0);
  });

  test("says nothing of the answer that does not come any more", async () => {
    const me = await server.open({ key: giving(old, fresh) });
    await expiring();
    server.socket.drop(1012);
    await server.pass(1);
    server.socket.accept();
    await server.pass(600_000);
    assert.deepEqual([shown(), renewals().length, me.all("error").length, me.state], [[old, fresh], 1, 0, "open"]);
  });

  test("leaves nothing to wait for once it is closed", async () => {
    const key = giving(old);
    const me = await server.open({ key });
    await expiring();
    await me.close();
    await server.pass(600_000);
    assert.equal(key.count, 2);
  });
});

describe("a token that has ended", () => {
  test("comes back with another one, and resumes", async () => {
    const me = await server.connect({ key: giving(old, old, fresh) });
    server.socket.accept({ positions: { group: "e:1" }, kept: { types: ["cmd"], ttl_ms: 60_000 } });
    server.socket.receive({ msg_type: "cmd", cmd: "start", pos: "e:2" });
    await expiring();
    server.socket.drop(4001, "the token has ended");
    assert.deepEqual([me.state, me.code, me.getSnapshot().closeCode], ["reconnecting", "unauthorized", 4001]);
    await server.pass(1);
    server.socket.accept({ positions: { group: "e:2" }, kept: { types: ["cmd"], ttl_ms: 60_000 } });
    assert.equal(me.state, "open");
    assert.deepEqual(shown(), [old, fresh]);
    assert.equal(new URL(server.socket.url).searchParams.get("group_pos"), "e:2");
  });

  test("stops where the function gives the same one, after it was asked once", async () => {
    const key = giving(old);
    const me = await server.open({ key });
    const message = outcome(me.send({ msg: "1" }));
    server.socket.drop(4001, "the token has ended");
    await server.pass(3_600_000);
    assert.deepEqual([me.state, me.code, me.reason, key.count, server.sockets.length],
      ["closed", "unauthorized", "the key was refused (4001)", 2, 1]);
    assert.deepEqual([message.error.code, message.error.retryable, message.error.closeCode], ["connection_lost", false, 4001]);
    await assert.rejects(me.send({}), { code: "closed", closeCode: 4001, retryable: false });
  });

  test("stops where the function gives the one that it was renewed with", async () => {
    const me = await server.open({ key: giving(old, fresh) });
    await expiring();
    await renewed();
    server.socket.drop(4001, "revoked");
    await server.pass(3_600_000);
    assert.deepEqual([me.state, server.sockets.length], ["closed", 1]);
  });

  test("is asked for later and later where each is refused at once", async () => {
    server.chance = 1;
    let count = 0;
    const me = await server.open({ key: () => `a.b.${++count}` });
    const times = [];
    let before = Date.now();
    server.socket.drop(4001);
    while (times.length < 7) {
      const { length } = server.sockets;
      while (server.sockets.length === length) await server.pass(500);
      times.push(Date.now() - before);
      // That it was let in for a moment does not count.
      server.socket.accept();
      await server.pass(5_000);
      before = Date.now();
      server.socket.drop(4001);
    }
    assert.deepEqual(times, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    assert.equal(me.state, "reconnecting");
  });

  test("is asked for at once again after a connection that lived", async () => {
    server.chance = 1;
    let count = 0;
    await server.open({ key: () => `a.b.${++count}` });
    for (let i = 0; i < 5; i++) {
      await server.pass(10_000);
      server.socket.drop(4001);
      await server.pass(999);
      assert.equal(server.sockets.length, i + 1);
      await server.pass(1);
      assert.equal(server.sockets.length, i + 2);
      server.socket.accept();
      await settle();
    }
  });
});
