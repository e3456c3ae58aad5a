// Leases: one client of a group holds a name at a time.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, mock, test } from "node:test";
import { outcome, Server, settle, start } from "./scripted-server.js";

let server;
beforeEach(() => { server = new Server(); });
afterEach(() => server.end());

const sent = () => server.socket.sent;
const last = () => sent().at(-1);
const asked = () => sent().map(({ cmd, payload }) => [cmd, payload]);
const grant = async (more, to = last()) => {
  server.socket.says("reply", { reply_to: to.id, payload: { name: "press", holder: "me", term: 3, expires_at: new Date(Date.now() + 9_000).toISOString(), ...more } });
  await settle();
};
const refuse = async (code, more, to = last()) => {
  server.socket.says("error", { reply_to: to.id, msg: code, payload: { code, retryable: false, ...more } });
  await settle();
};
const held = more => refuse("lease_held", { retryable: true, holder: "other", retry_after_ms: 4_000, ...more });
const news = async more => {
  server.socket.receive({ msg_type: "presence", target: "group", from_id: "aether", cmd: "lease", payload: { name: "press", holder: null, term: 3, expires_at: null, ...more } });
  await settle();
};
const open = () => server.open({ heartbeat: null });
const holding = async (me, options = { ttl: 9_000 }) => {
  const taking = me.lease("press", options);
  await grant();
  return taking;
};

describe("a lease", () => {
  test("is taken with its time, and says its term and end", async () => {
    const me = await open();
    const lease = await holding(me);
    const { to_id, msg_type, target } = last();
    assert.deepEqual([to_id, msg_type, target, asked()], ["aether", "cmd", "direct", [["lease.acquire", { name: "press", ttl_ms: 9_000 }]]]);
    assert.deepEqual([lease.name, lease.term, lease.expiresAt, lease.lost.aborted], ["press", 3, new Date(start + 9_000).toISOString(), false]);
    me.lease("other").catch(() => {});
    assert.equal(last().payload.ttl_ms, 10_000);
  });

  test("is renewed by itself, each third of its time", async () => {
    const me = await open();
    const lease = await holding(me);
    await server.pass(2_999);
    assert.equal(sent().length, 1);
    for (let n = 2; n < 6; n++) {
      await server.pass(n === 2 ? 1 : 3_000);
      assert.deepEqual([sent().length, asked().at(-1)], [n, ["lease.renew", { name: "press", term: 3 }]]);
      await grant();
    }
    assert.deepEqual([lease.expiresAt, lease.lost.aborted], [new Date(start + 21_000).toISOString(), false]);
  });

  test("of another is refused with who holds it, and for how long", async () => {
    const me = await open();
    const taking = outcome(me.lease("press"));
    await held();
    const { code, holder, retryAfter, retryable } = taking.error;
    assert.deepEqual({ code, holder, retryAfter, retryable }, { code: "lease_held", holder: "other", retryAfter: 4_000, retryable: true });
    await server.pass(10_000);
    assert.equal(sent().length, 1);
  });

  for (const [what, args] of [["a name", ["a b"]], ["a ttl", ["press", { ttl: "10s" }]], ["an option", ["press", { tll: 5 }]], ["wait", ["press", { wait: "yes" }]]]) {
    test(`with ${what} that is wrong is a TypeError`, async () => {
      const me = await open();
      await assert.rejects(me.lease(...args), TypeError);
      assert.deepEqual(sent(), []);
    });
  }

  test("is asked for again by the next connection", async () => {
    const me = await open();
    const taking = outcome(me.lease("press", { ttl: 9_000 }));
    server.socket.drop();
    await server.pass(8_000);
    server.socket.accept();
    await settle();
    await grant();
    await server.pass(2_000);
    assert.equal(taking.value.lost.aborted, false, "its time counts from when it was asked for");
  });

  test("rejects in its time, and with its signal", async () => {
    const me = await open();
    const enough = new AbortController();
    const outcomes = [{}, { timeout: 500 }, { signal: enough.signal, wait: true }].map(how => outcome(me.lease("press", how)));
    enough.abort();
    await server.pass(500);
    assert.deepEqual(outcomes.map(({ error }) => error?.code), [undefined, "timeout", "aborted"]);
    await server.pass(9_500);
    assert.equal(outcomes[0].error.code, "timeout");
  });
});

describe("a lease that one waits for", () => {
  test("is asked for again in the time that the server says", async () => {
    const me = await open();
    const taking = outcome(me.lease("press", { wait: true }));
    await held();
    await server.pass(3_999);
    assert.equal(sent().length, 1);
    await server.pass(1);
    assert.equal(sent().length, 2);
    await held({ retry_after_ms: 600_000 });
    await server.pass(500_000);
    assert.deepEqual([sent().length, taking], [2, {}]);
    await server.pass(100_000);
    await grant();
    assert.equal(taking.value.term, 3);
  });

  for (const code of ["backplane_unavailable", "rate_limited"]) {
    test(`is asked for again after ${code}`, async () => {
      const me = await open();
      const taking = outcome(me.lease("press", { wait: true }));
      await held();
      await server.pass(4_000);
      await refuse(code, { retryable: true, retry_after_ms: 300 });
      await server.pass(299);
      assert.deepEqual([taking, sent().length], [{}, 2]);
      await server.pass(1);
      assert.equal(sent().length, 3);
      await grant();
      assert.equal(taking.value?.term, 3);
      const once = outcome(me.lease("other"));
      await refuse(code, { retryable: true });
      assert.equal(once.error?.code, code, "without waiting it says so");
    });
  }

  test("is asked for as soon as it is free", async () => {
    const me = await open();
    const taking = outcome(me.lease("press", { wait: true }));
    await news();
    assert.equal(sent().length, 1, "it is being asked for");
    await held();
    await news({ name: "other" });
    await news({ holder: "third", term: 4 });
    assert.equal(sent().length, 1);
    await news({ term: 4 });
    assert.equal(sent().length, 2);
    await grant({ term: 5 });
    await server.pass(3_334);
    assert.deepEqual([taking.value.term, asked().at(-1)[0], sent().length], [5, "lease.renew", 3]);
    await grant();
    await server.pass(2_000);
    assert.equal(sent().length, 3);
  });

  test("can be given up", async () => {
    const me = await open();
    const enough = new AbortController();
    const [late, aborted] = [{ timeout: 1_000 }, { signal: enough.signal }].map(how => outcome(me.lease("press", { wait: true, ...how })));
    await held({}, sent()[0]);
    enough.abort();
    await server.pass(1_000);
    assert.deepEqual([late.error?.code, aborted.error?.code], ["timeout", "aborted"]);
    await news();
    await server.pass(60_000);
    assert.equal(sent().length, 2);
  });

  test("rejects where it may not", async () => {
    const me = await open();
    const taking = outcome(me.lease("press", { wait: true }));
    await refuse("forbidden");
    assert.equal(taking.error.code, "forbidden");
  });
});

describe("a lease is lost", () => {
  for (const [what, happened] of [["another one has it", { holder: "other", term: 4 }], ["it was taken away", {}], ["this client has it in another term", { holder: "me", term: 4 }]]) {
    test(`when ${what}`, async () => {
      const me = await open();
      const lease = await holding(me);
      await news(happened);
      assert.equal(lease.lost.aborted, true);
      assert.equal(lease.lost.reason.code, "stale_term");
      await server.pass(20_000);
      assert.equal(sent().length, 1, "it is not renewed");
    });
  }

  for (const [what, happened] of [["an older word", { holder: "other", term: 2 }], ["its own", { holder: "me" }], ["that of another name", { name: "other", holder: "x", term: 9 }]]) {
    test(`not by ${what}`, async () => {
      const me = await open();
      const lease = await holding(me);
      await news(happened);
      assert.equal(lease.lost.aborted, false);
    });
  }

  test("when a renewal says so", async () => {
    const me = await open();
    const lease = await holding(me);
    await server.pass(3_000);
    await refuse("stale_term");
    assert.equal(lease.lost.reason.code, "stale_term");
    await server.pass(20_000);
    assert.equal(sent().length, 2);
  });

  test("when its time is over without a renewal", async () => {
    const me = await open();
    const lease = await holding(me);
    await server.pass(3_000);
    for (let n = 0; n < 5; n++) {
      await refuse("backplane_unavailable", { retryable: true });
      await server.pass(900);
    }
    assert.equal(sent().length, 7, "it is tried again");
    await server.pass(1_499);
    assert.equal(lease.lost.aborted, false);
    await server.pass(1);
    assert.equal(lease.lost.reason.code, "timeout");
    await grant();
    await server.pass(20_000);
    assert.equal(lease.lost.aborted, true);
  });

  test("not with the connection: the next one renews it, ahead of what waits", async () => {
    const me = await open();
    const lease = await holding(me);
    await server.pass(3_000);
    me.send({ msg: "first" }).catch(() => {});
    server.socket.drop();
    me.send({ msg: "waits" }).catch(() => {});
    await server.pass(5_000);
    assert.equal(lease.lost.aborted, false);
    server.socket.accept();
    await settle();
    assert.deepEqual(sent().map(({ cmd, msg }) => cmd ?? msg), ["lease.renew", "waits"]);
    await grant({}, sent()[0]);
    await server.pass(2_999);
    assert.deepEqual([lease.lost.aborted, sent().length], [false, 2]);
    await server.pass(1);
    assert.equal(last().cmd, "lease.renew");
  });

  for (const [what, missed] of [["a reconnect", async () => {
    server.socket.drop();
    await server.pass(1_000);
    server.socket.accept();
  }], ["a gap", () => server.socket.says("gap", { payload: { since: "2030", types: ["presence"] } })]]) {
    test(`as soon as it is known after ${what}, which may have hidden that`, async () => {
      const me = await open();
      const lease = await holding(me);
      await server.pass(1_000);
      await missed();
      await settle();
      assert.deepEqual(asked().at(-1), ["lease.renew", { name: "press", term: 3 }]);
      const { length } = sent();
      server.socket.says("gap", { payload: { since: "2030" } });
      await settle();
      assert.equal(sent().length, length, "it is being asked");
      await grant();
      await server.pass(2_999);
      assert.equal(sent().length, length);
      await server.pass(1);
      assert.equal(sent().length, length + 1);
      await refuse("stale_term");
      assert.equal(lease.lost.reason.code, "stale_term");
      server.socket.says("gap", { payload: { since: "2030" } });
      await server.pass(20_000);
      assert.equal(sent().length, length + 1);
    });
  }

  test("when the connection does not come back in time", async () => {
    const me = await open();
    const lease = await holding(me);
    server.socket.drop();
    await server.pass(8_999);
    assert.equal(lease.lost.aborted, false);
    await server.pass(1);
    assert.equal(lease.lost.reason.code, "timeout");
  });

  for (const [what, awake] of [["the connection ends", () => server.socket.drop()], ["the page is looked at", page => page.dispatchEvent(new Event("visibilitychange"))],
    ["the server speaks of a gap", () => server.socket.says("gap", { payload: { since: "2030" } })], ["it would be renewed", () => server.pass(3_000)]]) {
    test(`when the machine has slept for longer, at the latest when ${what}`, async () => {
      const page = globalThis.document = new EventTarget();
      try {
        const me = await open();
        const lease = await holding(me);
        // Timers and this clock stand while it sleeps.
        const [stands, slept] = [performance.now(), Date.now() + 3_600_000];
        mock.method(performance, "now", () => stands);
        mock.method(Date, "now", () => slept);
        await awake(page);
        assert.equal(lease.lost.reason?.code, "timeout");
        assert.equal(sent().filter(({ cmd }) => cmd === "lease.renew").length, 0);
      } finally {
        delete globalThis.document;
      }
    });
  }

  test("by the clock that goes on where the other is set back, and not by that", async () => {
    const me = await open();
    const lease = await holding(me);
    const [began, back] = [performance.now(), Date.now() - 3_600_000];
    mock.method(Date, "now", () => back);
    mock.method(performance, "now", () => began + 8_999);
    server.socket.says("gap", { payload: { since: "2030" } });
    assert.deepEqual([lease.lost.aborted, last().cmd], [false, "lease.renew"]);
    mock.method(performance, "now", () => began + 9_000);
    server.socket.drop();
    assert.equal(lease.lost.reason?.code, "timeout");
  });

  test("with the client", async () => {
    const me = await open();
    const lease = await holding(me);
    await me.close();
    assert.equal(lease.lost.reason.code, "closed");
  });
});

describe("a lease that is given back", () => {
  test("is not renewed, and not lost", async () => {
    const me = await open();
    const lease = await holding(me);
    const given = outcome(lease.release());
    assert.deepEqual(asked().at(-1), ["lease.release", { name: "press", term: 3 }]);
    await news();
    await grant({ holder: null });
    await server.pass(20_000);
    assert.deepEqual(["value" in given, lease.lost.aborted, sent().length], [true, false, 2]);
  });

  test("is not renewed by an answer that was on its way", async () => {
    const me = await open();
    const lease = await holding(me);
    await server.pass(3_000);
    const [renewal] = sent().slice(-1);
    lease.release();
    await grant({}, renewal);
    await grant();
    await server.pass(20_000);
    assert.deepEqual([sent().length, lease.lost.aborted], [3, false]);
  });

  test("by await using, and over a connection that breaks", async () => {
    const me = await open();
    const lease = await holding(me);
    const given = outcome(lease[Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]());
    server.socket.drop();
    await server.pass(1);
    server.socket.accept();
    await settle();
    assert.equal(last().cmd, "lease.release");
    await refuse("stale_term");
    assert.ok("value" in given, "it is another's already");
  });

  test("says where it cannot", async () => {
    const me = await open();
    const lease = await holding(me);
    const given = outcome(lease.release());
    await refuse("backplane_unavailable", { retryable: true });
    assert.equal(given.error.code, "backplane_unavailable");
    await assert.rejects(lease.release({ tmeout: 5 }), TypeError);
  });
});

describe("a message under a lease", () => {
  test("says it, whichever way it is sent", async () => {
    const me = await open();
    const lease = await holding(me);
    const before = sent().length;
    me.group.send({ cmd: "start" }, { lease }).catch(() => {});
    me.send({ cmd: "start", lease }).catch(() => {});
    me.direct("w", { cmd: "start" }, { lease: { name: "press", term: 3 }, ack: false });
    me.request("w", "start", {}, { lease }).catch(() => {});
    Promise.resolve(me.group.request("start", {}, { lease, expect: ["w"] })).catch(() => {});
    await settle();
    assert.deepEqual(sent().slice(before).map(({ lease }) => lease), Array(5).fill({ name: "press", term: 3 }));
  });

  test("is refused here where that is none", async () => {
    const me = await open();
    await assert.rejects(me.send({ cmd: "x", lease: { name: "press" } }), { code: "invalid_message", field: "lease" });
    await assert.rejects(me.group.send({ cmd: "x" }, { lease: "press" }), TypeError);
    await assert.rejects(me.request("w", "x", {}, { lease: { name: "a b", term: 1 } }), TypeError);
    assert.deepEqual(sent(), []);
  });

  test("rejects with the server's stale_term", async () => {
    const me = await open();
    const sending = outcome(me.group.send({ cmd: "x" }, { lease: { name: "press", term: 1 } }));
    await refuse("stale_term");
    assert.equal(sending.error.code, "stale_term");
  });
});

test("whoever has a lease is an event", async () => {
  const me = await open();
  const heard = [];
  me.on("lease", one => heard.push(one));
  await news({ holder: "other", term: 7 });
  assert.deepEqual(heard, [{ name: "press", holder: "other", term: 7, expires_at: null }]);
  server.socket.receive({ msg_type: "presence", target: "group", from_id: "other", cmd: "lease", payload: { name: "press" } });
  server.socket.receive({ msg_type: "presence", target: "group", group_id: "h", from_id: "aether", cmd: "lease", payload: { name: "press" } });
  await settle();
  assert.deepEqual([heard.length, me.all("presence")], [1, []]);
});
