// Commands that report back, as whoever carries them out sees it.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, mock, test } from "node:test";
import { RejectError } from "../aether.js";
import { outcome, Server, settle, start } from "./scripted-server.js";

let server;
beforeEach(() => { server = new Server(); });
afterEach(() => server.end());

const sent = () => server.socket.sent;
const last = () => sent().at(-1);
/** What was reported on this connection. */
const reports = () => sent().filter(({ cmd }) => cmd === "execution.update").map(({ reply_to, payload: { attempt, ...report } }) =>
  ({ ...report, ...(reply_to !== "c1.0" && { reply_to }), ...(attempt !== 1 && { attempt }) }));
const statuses = () => reports().map(({ status }) => status);
const deadline = new Date(start + 60_000).toISOString();
const command = ({ attempt = 1, execution, ...more } = {}) => server.socket.receive({
  msg_type: "cmd", target: "direct", from_id: "ctl", to_id: "me", cmd: "do", id: "c1.0",
  execution: { command_id: "c1", attempt, deadline, ...execution }, ...more,
});
const take = async (payload = {}, to = last()) => {
  server.socket.says("reply", { reply_to: to.id, payload: { status: to.payload.status, cancel: false, ...payload } });
  await settle();
};
const refuse = async (code, more, to = last()) => {
  server.socket.says("error", { reply_to: to.id, msg: code, payload: { code, retryable: false, ...more } });
  await settle();
};
const cancel = async (reply_to = "c1.0") => {
  server.socket.says("execution.cancel", { reply_to });
  await settle();
};
const reopen = async () => {
  await server.pass(1);
  server.socket.accept();
  await settle();
};
const again = async () => {
  server.socket.drop();
  await reopen();
};
/** A worker that carries out what a test lets it. */
const open = async () => {
  const me = await server.open({ heartbeat: null });
  me.runs = [];
  me.handle("do", (payload, task) => new Promise((resolve, reject) => me.runs.push({ payload, task, resolve, reject, signal: task.signal })));
  return me;
};
const working = async () => {
  const me = await open();
  command();
  await take();
  return me;
};

describe("an execution", () => {
  test("is taken, then carried out, and its result is told", async () => {
    const me = await open();
    command({ payload: { n: 1 }, lease: { name: "press", term: 3 } });
    const { msg_type, target, to_id, cmd, reply_to, id, payload } = last();
    assert.ok(id && id !== reply_to);
    assert.deepEqual({ msg_type, target, to_id, cmd, reply_to, payload },
      { msg_type: "cmd", target: "direct", to_id: "aether", cmd: "execution.update", reply_to: "c1.0", payload: { attempt: 1, status: "in_progress" } });
    await settle();
    assert.equal(me.runs.length, 0, "it is not known yet whether it may");
    await take();
    const [{ payload: got, task }] = me.runs;
    assert.deepEqual([got, task.execution, task.lease, task.from_id, task.wantsReply],
      [{ n: 1 }, { command_id: "c1", attempt: 1, deadline }, { name: "press", term: 3 }, "ctl", false]);
    me.runs[0].resolve({ depth: 5 });
    await settle();
    await take();
    await server.pass(30_000);
    assert.deepEqual(reports(), [{ status: "in_progress" }, { status: "succeeded", result: { depth: 5 } }]);
    assert.deepEqual([sent().filter(({ cmd }) => cmd !== "execution.update" && cmd), me.all("error")], [[], []]);
  });

  test("is for listeners too", async () => {
    const me = await open();
    command();
    assert.equal(me.all("cmd").length, 1);
  });

  for (const [result, told] of [[undefined, undefined], [5, { value: 5 }], [[1], { value: [1] }], [null, { value: null }]]) {
    test(`that returns ${JSON.stringify(result)} has the result ${JSON.stringify(told)}`, async () => {
      const me = await working();
      me.runs[0].resolve(result);
      await settle();
      assert.deepEqual(last().payload, { attempt: 1, status: "succeeded", ...(told && { result: told }) });
    });
  }

  for (const [what, thrown, report] of [
    ["an error", new Error("broken"), { status: "failed", error: { code: "failed", message: "broken" } }],
    ["an error with a code", Object.assign(new Error("broken"), { code: "jam" }), { status: "failed", error: { code: "jam", message: "broken" } }],
    ["a long one", Object.assign(new Error("m".repeat(2_000)), { code: "c".repeat(200) }), { status: "failed", error: { code: "c".repeat(64), message: "m".repeat(1_000) } }],
    ["a refusal", new RejectError("not today"), { status: "rejected", error: { code: "rejected", message: "not today" } }],
    ["a refusal with a code", new RejectError("not today", "holiday"), { status: "rejected", error: { code: "holiday", message: "not today" } }],
  ]) {
    test(`that throws ${what} is ${report.status}`, async () => {
      const me = await working();
      me.runs[0].reject(thrown);
      await settle();
      assert.deepEqual([reports()[1], me.all("error")], [report, []]);
    });
  }

  for (const [what, result] of [["too large", { a: "ü".repeat(8_200) }], ["no JSON", { n: 1n }], ["half an emoji", { a: "😀".slice(1) }]]) {
    test(`with a result that is ${what} has failed`, async () => {
      const me = await working();
      me.runs[0].resolve(result);
      await settle();
      const [, { status, error }] = reports();
      assert.deepEqual([status, error.code, statuses().length], ["failed", "invalid_result", 2]);
    });
  }

  test("with a result that the server finds wrong has failed", async () => {
    const me = await working();
    me.runs[0].resolve({ a: 1 });
    await settle();
    await refuse("invalid_message", { field: "payload.result" });
    assert.deepEqual([reports()[2].status, reports()[2].error.code], ["failed", "invalid_result"]);
    await refuse("invalid_message");
    await server.pass(5_000);
    assert.equal(reports().length, 3);
  });

  test("of a command that nobody handles is rejected at once", async () => {
    await open();
    command({ cmd: "other" });
    assert.deepEqual(reports(), [{ status: "rejected", error: { code: "not_handled", message: "other is not handled" } }]);
  });

  test("can be answered by hand, by who listens", async () => {
    const me = await server.open();
    let heard = 0;
    me.on("cmd:do", message => {
      me.got = message;
      heard++;
    });
    command({ from_id: "aether" });
    await settle();
    assert.deepEqual(reports(), []);
    command({ from_id: "aether" });
    await settle();
    assert.deepEqual(reports(), [], "it does not know that anybody works on it");
    assert.deepEqual([heard, me.all("cmd").length], [1, 1], "the copy is the same work");
    me.got.progress({ done: 1 });
    await take();
    await me.got.reply({ ok: true });
    await settle();
    assert.deepEqual(reports(), [{ status: "in_progress", progress: { done: 1 } }, { status: "succeeded", result: { ok: true } }]);
  });

  test("that is answered by hand comes to listeners and loops once for each attempt", async () => {
    const me = await server.open();
    const [heard, looped] = [[], []];
    me.on("cmd:do", message => heard.push(message));
    (async () => { for await (const { execution } of me) looped.push(execution.attempt); })();
    command();
    await heard[0].reply({ n: 1 });
    await take();
    await again();
    command();
    await take();
    assert.deepEqual(reports(), [{ status: "succeeded", result: { n: 1 } }], "its end is said once more");
    command({ attempt: 2 });
    command();
    await settle();
    assert.deepEqual([heard.map(({ execution }) => execution.attempt), looped, reports().length], [[1, 2], [1, 2], 1]);
  });

  test("ends once: the first word counts", async () => {
    const me = await working();
    await me.runs[0].task.reply({ n: 1 });
    me.runs[0].resolve({ n: 2 });
    await settle();
    await take();
    await server.pass(1_000);
    assert.deepEqual(reports(), [{ status: "in_progress" }, { status: "succeeded", result: { n: 1 } }]);
  });

  test("may ask somebody in the middle: what comes in is not held up", async () => {
    const me = await server.open();
    me.handle("do", async () => (await me.request("other", "help")).payload);
    command();
    await take();
    assert.equal(last().cmd, "help");
    server.socket.receive({ msg_type: "cmd", target: "direct", from_id: "other", to_id: "me", cmd: "reply", reply_to: last().id, payload: { n: 5 } });
    await settle();
    assert.deepEqual(reports()[1], { status: "succeeded", result: { n: 5 } });
  });

  test("is not one where the server does not say so: then it is as ever", async () => {
    const me = await open();
    server.socket.receive({ msg_type: "cmd", target: "direct", from_id: "ctl", to_id: "me", cmd: "do", id: "m1", reply_to: "?", execution: null });
    assert.equal(me.runs.length, 1);
    const { task } = me.runs[0];
    assert.deepEqual([task.wantsReply, task.signal.aborted, task.progress({})], [true, false, undefined]);
    me.runs[0].resolve({ n: 1 });
    await settle();
    assert.deepEqual([last().cmd, last().reply_to, last().to_id], ["reply", "m1", "ctl"]);
  });
});

describe("progress", () => {
  const done = () => reports().map(({ progress }) => progress?.done);

  test("is said ten times a second at most, the last word counts", async () => {
    const me = await working();
    await server.pass(100);
    const { progress } = me.runs[0].task;
    for (let n = 1; n <= 3; n++) progress({ done: n });
    assert.deepEqual(done(), [undefined, 1]);
    await take();
    await server.pass(99);
    assert.deepEqual(done(), [undefined, 1]);
    progress({ done: 4 });
    await server.pass(1);
    assert.deepEqual(done(), [undefined, 1, 4]);
    await server.pass(5_000);
    assert.equal(done().length, 3, "one at a time");
    await take();
    await server.pass(5_000);
    assert.equal(done().length, 3);
  });

  test("does not hold up the end", async () => {
    const me = await working();
    await server.pass(100);
    me.runs[0].task.progress({ done: 1 });
    await take();
    me.runs[0].task.progress({ done: 2 });
    me.runs[0].resolve({});
    await settle();
    assert.deepEqual(statuses(), ["in_progress", "in_progress", "succeeded"]);
    me.runs[0].task.progress({ done: 3 });
    await take();
    await server.pass(1_000);
    assert.equal(reports().length, 3);
  });

  test("that is under way holds it up no longer than that", async () => {
    const me = await working();
    await server.pass(100);
    me.runs[0].task.progress({ done: 1 });
    me.runs[0].resolve({});
    await settle();
    assert.equal(reports().length, 2);
    await take();
    assert.deepEqual(statuses(), ["in_progress", "in_progress", "succeeded"]);
  });

  test("does not lose an end that comes in the moment in which it rests", async () => {
    const me = await working();
    // In the same turn of the loop as the end of the pause, and behind it.
    setTimeout(() => Promise.resolve().then(() => me.runs[0].task.reply({ n: 1 })), 100);
    await server.pass(100);
    assert.deepEqual(statuses(), ["in_progress", "succeeded"]);
  });

  test("is what it was when it was said", async () => {
    const me = await working();
    const now = { done: 1 };
    me.runs[0].task.progress(now);
    now.done = 2;
    await server.pass(100);
    assert.deepEqual(done(), [undefined, 1]);
  });

  for (const [what, value, rule] of [["too large", { a: "ü".repeat(1_100) }, /2048 bytes/], ["a text", "half", /an object/], ["nothing", undefined, /an object/], ["no JSON", { n: 1n }, /JSON/]]) {
    test(`that is ${what} is refused by field and rule`, async () => {
      const me = await working();
      assert.throws(() => me.runs[0].task.progress(value), error => error.code === "invalid_message" && error.field === "progress" && rule.test(error.rule));
      await server.pass(1_000);
      assert.equal(reports().length, 1);
    });
  }

  test("that the server finds wrong is an error event, and the work goes on", async () => {
    const me = await working();
    await server.pass(100);
    me.runs[0].task.progress({ done: 1 });
    await refuse("invalid_message", { field: "payload.progress" });
    assert.deepEqual([me.all("error")[0].field, me.runs[0].signal.aborted], ["payload.progress", false]);
    me.runs[0].resolve();
    await settle();
    assert.equal(statuses().at(-1), "succeeded");
  });
});

describe("an execution stops", () => {
  test("when it is canceled, and is canceled if it throws", async () => {
    const me = await working();
    const { task: { signal }, reject } = me.runs[0];
    await cancel("c1.1");
    assert.equal(signal.aborted, false);
    await cancel();
    assert.deepEqual([signal.aborted, signal.reason.code], [true, "canceled"]);
    reject(signal.reason);
    await settle();
    assert.deepEqual(reports()[1], { status: "canceled" });
  });

  test("as it likes: what it has done all the same is done", async () => {
    const me = await working();
    await cancel();
    me.runs[0].resolve({ done: 5 });
    await settle();
    assert.deepEqual(reports()[1], { status: "succeeded", result: { done: 5 } });
  });

  test("when an answer says so", async () => {
    const me = await working();
    await server.pass(100);
    me.runs[0].task.progress({ done: 1 });
    await take({ cancel: true });
    assert.equal(me.runs[0].signal.reason.code, "canceled");
  });

  test("before it begins, then it does not begin", async () => {
    const me = await open();
    command();
    await cancel();
    await take();
    assert.deepEqual([me.runs.length, statuses()], [0, ["in_progress", "canceled"]]);
    command({ id: "c2.0" });
    await take({ cancel: true });
    assert.deepEqual([me.runs.length, statuses()], [0, ["in_progress", "canceled", "in_progress", "canceled"]]);
  });

  test("at its deadline, by the server's clock", async () => {
    const me = await server.connect();
    me.handle("do", (_, { signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))));
    server.socket.accept({ server_time: new Date(start + 50_000).toISOString() });
    command();
    await take();
    await server.pass(9_999);
    assert.equal(reports().length, 1);
    await server.pass(1);
    assert.deepEqual([reports()[1].status, reports()[1].error.code], ["failed", "timeout"]);
  });

  test("not at its deadline, where it is done by then", async () => {
    const me = await working();
    me.runs[0].resolve();
    await settle();
    await take();
    await server.pass(60_000);
    assert.equal(me.runs[0].signal.aborted, false);
  });

  test("when it is tried anew, and that runs as well", async () => {
    const me = await working();
    command({ attempt: 2 });
    assert.deepEqual([me.runs[0].signal.aborted, me.runs[0].signal.reason.code], [true, "stale_attempt"]);
    await take();
    assert.equal(me.runs[1].task.execution.attempt, 2);
    me.runs[0].resolve({ old: true });
    me.runs[1].resolve({ old: false });
    await settle();
    await take();
    command({ attempt: 1 });
    await settle();
    assert.deepEqual(reports(), [{ status: "in_progress" }, { attempt: 2, status: "in_progress" }, { attempt: 2, status: "succeeded", result: { old: false } }]);
    assert.equal(me.runs.length, 2);
  });

  test("when the server has it no more", async () => {
    const me = await working();
    await server.pass(100);
    me.runs[0].task.progress({ done: 1 });
    await refuse("not_found");
    assert.equal(me.runs[0].signal.reason.code, "not_found");
    me.runs[0].resolve();
    await server.pass(10_000);
    assert.equal(reports().length, 2);
  });
});

describe("an execution comes once", () => {
  test("however often it is sent; where it stands is said again", async () => {
    const me = await working();
    await server.pass(100);
    command();
    await take();
    await server.pass(200);
    assert.deepEqual([me.runs.length, statuses()], [1, ["in_progress", "in_progress"]]);
    me.runs[0].resolve({ n: 1 });
    await settle();
    await take();
    command();
    await take();
    assert.deepEqual([me.runs.length, reports().slice(2)], [1, [{ status: "succeeded", result: { n: 1 } }, { status: "succeeded", result: { n: 1 } }]]);
  });

  test("and not where another connection has it", async () => {
    const me = await open();
    command();
    await refuse("stale_attempt");
    await server.pass(10_000);
    assert.deepEqual([me.runs.length, statuses()], [0, ["in_progress"]]);
    command();
    await take();
    assert.equal(me.runs.length, 1, "the other one is gone");
  });

  test("a thousand are remembered, and as many as run", async () => {
    const me = await open();
    command({ id: "r.0" });
    await take();
    let quick = 0;
    me.handle("quick", () => { quick++; });
    const run = async n => {
      command({ id: `q.${n}`, cmd: "quick" });
      await take();
      if (last().payload.status === "succeeded") await take();
    };
    for (let n = 0; n < 1_000; n++) await run(n);
    assert.equal(quick, 1_000);
    await run(999);
    await run(1);
    assert.equal(quick, 1_000);
    await run(0);
    assert.equal(quick, 1_001);
    await cancel("r.0");
    assert.equal(me.runs[0].signal.aborted, true);
  });
});

describe("an execution whose handler never ends", () => {
  for (const [what, stop] of [["that is canceled", () => cancel()], ["that is tried anew", () => command({ attempt: 2 })]]) {
    test(`and ${what} leaves no timer behind`, async () => {
      const timers = new Set();
      const { setTimeout: set, clearTimeout: clear } = globalThis;
      const spies = [
        mock.method(globalThis, "setTimeout", (call, ms, ...more) => {
          const timer = set(call, ms, ...more);
          if (ms === 60_000) timers.add(timer);
          return timer;
        }),
        mock.method(globalThis, "clearTimeout", timer => {
          timers.delete(timer);
          clear(timer);
        }),
      ];
      try {
        const me = await working();
        assert.deepEqual([me.runs.length, timers.size], [1, 1], "that of its deadline");
        await stop();
        await settle();
        assert.deepEqual([me.runs[0].signal.aborted, timers.size], [true, 0]);
      } finally {
        for (const { mock } of spies) mock.restore();
      }
    });
  }

  test("is forgotten when nobody wants to hear of it any more", async () => {
    const me = await working();
    const deadline = new Date(start + 600_000).toISOString();
    me.handle("quick", () => {});
    const runMany = async from => {
      for (let n = from; n < from + 1_000; n++) {
        command({ id: `q.${n}`, cmd: "quick", execution: { deadline } });
        await take();
        await take();
      }
    };
    await server.pass(60_000);
    await runMany(0);
    command();
    await settle();
    await take();
    assert.equal(me.runs.length, 1, "it may still say its end");
    await server.pass(10_001);
    await runMany(1_000);
    command({ execution: { deadline } });
    await take();
    assert.equal(me.runs.length, 2);
  });
});

describe("an execution over a connection that breaks", () => {
  test("goes on, and its end is told by the next one", async () => {
    const me = await working();
    server.socket.drop();
    me.runs[0].resolve({ n: 1 });
    await reopen();
    assert.deepEqual(reports(), [{ status: "succeeded", result: { n: 1 } }]);
    await again();
    assert.deepEqual(reports(), [{ status: "succeeded", result: { n: 1 } }], "nobody said that it was heard");
    command();
    await settle();
    assert.equal(reports().length, 1);
    await take();
    await again();
    await server.pass(5_000);
    assert.deepEqual([reports(), me.runs.length], [[], 1]);
  });

  test("of progress says the last word", async () => {
    const me = await working();
    await server.pass(100);
    server.socket.drop();
    for (let n = 1; n <= 3; n++) me.runs[0].task.progress({ done: n });
    await reopen();
    await take();
    await server.pass(100);
    assert.equal(reports().at(-1).progress.done, 3);
  });

  test("begins where the answer was lost", async () => {
    const me = await open();
    command();
    await again();
    command();
    assert.deepEqual([statuses(), me.runs.length], [["in_progress"], 0]);
    await take();
    assert.equal(me.runs.length, 1);
  });

  test("says it again while the server takes the old connection for alive", async () => {
    const me = await working();
    await again();
    me.runs[0].resolve({ n: 1 });
    await settle();
    await refuse("stale_attempt");
    await server.pass(1_999);
    assert.equal(reports().length, 1);
    await server.pass(1);
    assert.equal(reports().length, 2);
    await refuse("stale_attempt");
    await server.pass(2_000);
    await take();
    await server.pass(10_000);
    assert.deepEqual(statuses(), ["succeeded", "succeeded", "succeeded"]);
  });

  test("also of its beginning, where the answer was lost", async () => {
    const me = await open();
    command();
    await again();
    await refuse("stale_attempt");
    await server.pass(2_000);
    await take();
    assert.deepEqual([statuses(), me.runs.length], [["in_progress", "in_progress"], 1]);
  });

  test("does so until its deadline is long over", async () => {
    const me = await working();
    await again();
    await server.pass(50_000);
    me.runs[0].resolve();
    await settle();
    const updates = () => sent().filter(({ cmd }) => cmd === "execution.update");
    for (let told = 0; updates().length > told;) {
      told = updates().length;
      await refuse("stale_attempt", {}, updates()[told - 1]);
      await server.pass(2_000);
    }
    const { length } = updates();
    assert.ok(length >= 9 && length <= 11, `${length} in the last 20 s`);
  });

  test("stops where the server says on the same connection that it is stale", async () => {
    const me = await working();
    await again();
    me.runs[0].task.progress({ done: 1 });
    await server.pass(100);
    await take();
    await server.pass(100);
    me.runs[0].task.progress({ done: 2 });
    await refuse("stale_attempt");
    assert.equal(me.runs[0].signal.reason.code, "stale_attempt");
    await server.pass(10_000);
    assert.equal(reports().length, 2);
  });

  for (const code of ["backplane_unavailable", "rate_limited"]) {
    test(`is told again after ${code}`, async () => {
      const me = await working();
      me.runs[0].resolve();
      await settle();
      await refuse(code, { retryable: true, retry_after_ms: 300 });
      await server.pass(299);
      assert.equal(reports().length, 2);
      await server.pass(1);
      assert.deepEqual(statuses(), ["in_progress", "succeeded", "succeeded"]);
    });
  }

  test("is told while the client closes, which waits for that", async () => {
    const me = await working();
    await server.pass(100);
    const { task, resolve } = me.runs[0];
    task.progress({ done: 1 });
    resolve({ n: 1 });
    const closing = outcome(me.close());
    await take();
    assert.deepEqual([statuses(), me.state], [["in_progress", "in_progress", "succeeded"], "closing"]);
    await refuse("backplane_unavailable", { retryable: true, retry_after_ms: 300 });
    await server.pass(300);
    assert.equal(server.socket.closed, undefined, "nothing is under way, but it is not told");
    await take();
    assert.deepEqual([statuses().slice(3), me.state, "value" in closing], [["succeeded"], "closed", true]);
  });

  test("that ends while the client closes is told, and no other begins", async () => {
    const me = await working();
    await server.pass(100);
    me.send({ msg: "holds it open" }).catch(() => {});
    const held = last();
    me.close();
    me.runs[0].task.progress({ done: 1 });
    command({ id: "c2.0" });
    await take();
    me.runs[0].resolve({ n: 1 });
    await settle();
    server.socket.ack(held);
    await settle();
    assert.deepEqual([statuses(), me.state, me.runs.length], [["in_progress", "in_progress", "succeeded"], "closing", 1]);
    await take();
    assert.equal(me.state, "closed");
  });

  test("holds up a close for its time and no longer", async () => {
    const me = await working();
    me.runs[0].resolve({ n: 1 });
    await settle();
    me.close("x", { timeout: 700 });
    await refuse("backplane_unavailable", { retryable: true });
    await server.pass(699);
    assert.equal(me.state, "closing");
    await server.pass(1);
    assert.equal(me.state, "closed");
    me.connect();
    await settle();
    server.socket.accept();
    await server.pass(1_000);
    assert.deepEqual(reports(), [{ status: "succeeded", result: { n: 1 } }]);
  });

  test("is told also after disconnect and connect", async () => {
    const me = await working();
    await me.disconnect();
    me.runs[0].resolve({ n: 1 });
    await settle();
    assert.equal(me.outbox.size, 0, "it waits until somebody wants a connection");
    me.connect();
    await settle();
    server.socket.accept();
    await settle();
    await server.pass(1_000);
    assert.deepEqual(reports(), [{ status: "succeeded", result: { n: 1 } }]);
  });
});
