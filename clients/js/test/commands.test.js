// Commands that report back, as whoever gives them sees it.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { outcome, Server, settle } from "./scripted-server.js";

let server;
beforeEach(() => { server = new Server(); });
afterEach(() => server.end());

const sent = () => server.socket.sent;
const last = () => sent().at(-1);
const answer = (payload, to = last()) => server.socket.says("reply", { reply_to: to.id, payload });
const refuse = (code, more, to = last()) => server.socket.says("error", { reply_to: to.id, msg: code, payload: { code, retryable: false, ...more } });
const event = (version, more) => server.socket.says("command.event", {
  payload: { command_id: "c1", version, status: "in_progress", batch: 1, counts: { queued: 0, sent: 2 }, changes: [], ...more },
});
const again = async () => {
  server.socket.drop();
  await server.pass(1);
  server.socket.accept();
  await settle();
};
/** A command that has begun. */
const given = async (me, targets = 2, command_id = "c1") => {
  const starting = me.command("update", { to: 7 });
  answer({ command_id, targets });
  return starting;
};
const change = (client_id, status, more) => ({ client_id, status, attempt: 1, ...more });
const ended = { status: "succeeded", counts: { succeeded: 2 }, changes: [change("a", "succeeded"), change("b", "succeeded")] };
/** All turns of a loop over a command, as they come. */
const turnsOf = run => {
  const turns = [];
  const over = outcome((async () => { for await (const turn of run) turns.push(turn); })());
  return { turns, over };
};

describe("a command", () => {
  test("is asked for with its options by the names of the wire, and resolves when it has begun", async () => {
    const me = await server.open();
    const starting = outcome(me.command("update", { to: 7 }, {
      to: ["a", "b"], role: "worker", targets: "continuous", deliveryTimeout: 1, inProgressTimeout: 2, deadline: 3, attempts: 4, minSucceeded: 0.5,
      stopAtQuorum: true, maxConcurrency: 5, batches: [1, 0.1, 1], pause: true, abort: { failures: 0.1, minExecuted: 6 },
      lease: { name: "press", term: 8, more: 1 }, msg: "go", id: "mine", timeout: 5_000,
    }));
    const { id, msg_type, target, to_id, cmd, payload } = last();
    assert.deepEqual({ id, msg_type, target, to_id, cmd }, { id: "mine", msg_type: "cmd", target: "direct", to_id: "aether", cmd: "command.start" });
    assert.deepEqual(payload, {
      cmd: "update", payload: { to: 7 }, msg: "go", to: ["a", "b"], role: "worker", targets: "continuous", delivery_timeout_ms: 1,
      in_progress_timeout_ms: 2, deadline_ms: 3, attempts: 4, min_succeeded: 0.5, stop_at_quorum: true, max_concurrency: 5, batches: [1, 0.1, 1],
      pause: true, abort: { failures: 0.1, min_executed: 6 }, lease: { name: "press", term: 8 },
    });
    assert.deepEqual(starting, {});
    answer({ command_id: "c1", targets: 2 });
    await settle();
    const { id: command, targets, status, batch, counts, members } = starting.value;
    assert.deepEqual([command, targets, status, batch, counts, members.size], ["c1", 2, "in_progress", 1, { queued: 2 }, 0]);
  });

  test("asks for nothing more than was said", async () => {
    const me = await server.open();
    me.command("update").catch(() => {});
    assert.deepEqual(last().payload, { cmd: "update" });
  });

  test("rejects with what the server says", async () => {
    const me = await server.open();
    const starting = outcome(me.command("update"));
    refuse("no_recipients");
    await settle();
    assert.deepEqual([starting.error.code, starting.error.retryable, me.all("error")], ["no_recipients", false, []]);
  });

  for (const [what, options] of [["an option that nobody knows", { deliverytimeout: 5 }], ["a time", { deadline: "1m" }], ["an endless time", { deadline: Infinity }],
    ["a lease", { lease: "press" }], ["the term of a lease", { lease: { name: "press", term: 0 } }]]) {
    test(`with ${what} that is wrong is a TypeError that names it`, async () => {
      const me = await server.open();
      const [name] = Object.keys(options);
      await assert.rejects(me.command("x", {}, options), error => error instanceof TypeError && error.message.includes(name));
      assert.deepEqual(sent(), []);
    });
  }

  test("knows what it heard of each member, and where it stands", async () => {
    const me = await server.open();
    const run = await given(me);
    event(3, { counts: { queued: 1, in_progress: 1 }, changes: [change("a", "in_progress", { progress: { done: 1 } })] });
    assert.deepEqual([...run.members], [["a", { status: "in_progress", attempt: 1, progress: { done: 1 } }]]);
    assert.deepEqual([run.status, run.version, run.counts], ["in_progress", 3, { queued: 1, in_progress: 1 }]);
    event(5, { status: "paused", reason: "batch_ended", batch: 2, counts: { queued: 1, succeeded: 1 }, changes: [change("a", "succeeded", { result: { ok: true } })] });
    assert.deepEqual([run.status, run.reason, run.batch], ["paused", "batch_ended", 2]);
    assert.deepEqual(run.members.get("a"), { status: "succeeded", attempt: 1, result: { ok: true } });
    assert.deepEqual(me.all("cmd"), [], "nobody else hears of it");
  });

  test("counts members that come while it runs", async () => {
    const me = await server.open();
    const run = await given(me, 1);
    event(2, { counts: { sent: 2, succeeded: 1 } });
    assert.equal(run.targets, 3);
  });

  test("is not taken back by an older word", async () => {
    const me = await server.open();
    const run = await given(me);
    event(5, { batch: 2, changes: [change("a", "succeeded")] });
    event(4, { batch: 1, changes: [change("a", "in_progress")] });
    assert.deepEqual([run.batch, run.members.get("a").status], [2, "succeeded"]);
  });

  test("hears what comes before the answer, and nothing of another one", async () => {
    const me = await server.open();
    const starting = me.command("update");
    event(1, { changes: [change("a", "sent")] });
    event(9, { command_id: "other", batch: 7 });
    answer({ command_id: "c1", targets: 2 });
    const run = await starting;
    assert.deepEqual([run.version, run.batch, run.members.get("a").status], [1, 1, "sent"]);
  });

  test("is done at its end, whatever that is", async () => {
    const me = await server.open();
    const run = await given(me);
    const done = outcome(run.done);
    event(3, { status: "paused", counts: { failed: 2 }, changes: [change("a", "failed"), change("b", "failed")] });
    await settle();
    assert.deepEqual(done, {});
    event(9, { status: "failed", counts: { failed: 2 }, changes: [change("a", "failed", { error: { code: "jam", message: "no paper" } }), change("b", "failed")] });
    await settle();
    assert.equal(done.value, run);
    assert.deepEqual([run.status, run.members.get("a").error], ["failed", { code: "jam", message: "no paper" }]);
  });

  test("is done when the last part of its last event is there", async () => {
    const me = await server.open();
    const run = await given(me);
    const done = outcome(run.done);
    event(8, { ...ended, changes: [change("a", "succeeded")] });
    await settle();
    assert.deepEqual(done, {});
    event(9, { ...ended, changes: [change("b", "succeeded")] });
    await settle();
    assert.equal(done.value.members.size, 2);
  });

  test("is not done with what was a guess of the server's while the last parts come", async () => {
    const me = await server.open();
    const run = await given(me);
    const { turns } = turnsOf(run);
    const done = outcome(run.done);
    event(5, { counts: { sent: 1, undeliverable: 1 }, changes: [change("b", "undeliverable")] });
    event(8, { ...ended, counts: { queued: 0, succeeded: 2 }, changes: [change("a", "succeeded")] });
    await settle();
    assert.deepEqual(done, {}, "b is undeliverable no more");
    event(9, { ...ended, counts: { queued: 0, succeeded: 2 }, changes: [change("b", "succeeded", { result: { n: 1 } })] });
    await settle();
    assert.deepEqual([done.value?.members.get("b").result, turns.at(-1).changes.at(-1).status], [{ n: 1 }, "succeeded"]);
  });

  test("is canceled, resumed and tried again", async () => {
    const me = await server.open();
    const run = await given(me);
    for (const order of ["resume", "cancel"]) {
      const ordered = outcome(run[order]());
      assert.deepEqual([last().to_id, last().cmd, last().payload], ["aether", "command." + order, { command_id: "c1" }]);
      answer({});
      await settle();
      assert.ok("value" in ordered);
    }
    const retrying = run.retry();
    assert.deepEqual([last().cmd, last().payload], ["command.retry", { command_id: "c1" }]);
    answer({ command_id: "c2", targets: 1 });
    const next = await retrying;
    event(4, { command_id: "c2", changes: [change("b", "in_progress")] });
    assert.deepEqual([next.id, next.targets, next.members.get("b").status, run.members.size], ["c2", 2, "in_progress", 0]);
    const forbidden = outcome(run.cancel());
    refuse("forbidden");
    await settle();
    assert.equal(forbidden.error.code, "forbidden");
    await assert.rejects(run.cancel({ tmeout: 5 }), TypeError);
  });
});

describe("a loop over a command", () => {
  test("has a turn for what changed, and ends with it", async () => {
    const me = await server.open();
    const run = await given(me);
    const { turns, over } = turnsOf(run);
    await settle();
    assert.deepEqual(turns, []);
    event(2, { changes: [change("a", "in_progress")] });
    await settle();
    assert.deepEqual(turns, [{ version: 2, status: "in_progress", reason: undefined, batch: 1, counts: { queued: 0, sent: 2 }, changes: [change("a", "in_progress")] }]);
    event(3, { status: "paused", reason: "batch_ended" });
    await settle();
    assert.deepEqual([turns[1].status, turns[1].reason, turns[1].changes], ["paused", "batch_ended", []]);
    event(9, ended);
    await settle();
    assert.deepEqual([turns[2].status, turns[2].changes.length], ["succeeded", 2]);
    assert.ok("value" in over);
  });

  test("that is slow gets the last progress of each, and all ends", async () => {
    const me = await server.open();
    const run = await given(me);
    let go;
    const turns = [];
    const over = (async () => {
      for await (const { changes } of run) {
        turns.push(changes);
        await new Promise(resolve => { go = resolve; });
      }
    })();
    event(2, { changes: [change("a", "sent"), change("b", "sent")] });
    await settle();
    for (let n = 1; n < 5; n++) event(2 + n, { changes: [change("a", "in_progress", { progress: { n } })] });
    event(8, { changes: [change("b", "failed"), { ...change("b", "sent"), attempt: 2 }] });
    event(9, { ...ended, changes: [change("b", "succeeded", { attempt: 2 }), change("a", "succeeded")] });
    go();
    await settle();
    go();
    await over;
    assert.deepEqual(turns[1].map(({ client_id, status, progress }) => [client_id, status, progress?.n]), [
      ["a", "in_progress", 4], ["b", "failed", undefined], ["b", "sent", undefined], ["b", "succeeded", undefined], ["a", "succeeded", undefined],
    ]);
    assert.equal(turns.length, 2);
  });

  test("that is slow gets the last word of each last", async () => {
    const me = await server.open();
    const run = await given(me);
    const turns = run[Symbol.asyncIterator]();
    event(2);
    await turns.next();
    for (const [version, one] of [[3, change("a", "in_progress")], [4, change("b", "sent")], [5, change("a", "sent", { attempt: 2 })], [6, change("a", "in_progress", { attempt: 2 })]]) {
      event(version, { changes: [one] });
    }
    const { value: { changes } } = await turns.next();
    assert.deepEqual(changes.map(({ client_id, status, attempt }) => [client_id, status, attempt]), [["b", "sent", 1], ["a", "sent", 2], ["a", "in_progress", 2]]);
  });

  test("that begins late begins with what is known, also after the end", async () => {
    const me = await server.open();
    const run = await given(me);
    event(9, ended);
    await run.done;
    const { turns, over } = turnsOf(run);
    await settle();
    assert.deepEqual(turns.map(({ status, changes }) => [status, changes.length]), [["succeeded", 2]]);
    assert.ok("value" in over);
  });

  test("can be left, and another goes on", async () => {
    const me = await server.open();
    const run = await given(me);
    const other = turnsOf(run);
    const left = (async () => { for await (const _ of run) break; })();
    event(2);
    await left;
    event(3);
    await settle();
    assert.equal(other.turns.length, 2);
  });
});

describe("a command over a connection that breaks", () => {
  test("is asked for again with the same id where the answer was lost, and watched", async () => {
    const me = await server.open();
    const starting = outcome(me.command("update", { to: 7 }));
    const { id } = last();
    await again();
    assert.deepEqual(sent().map(({ cmd, id }) => [cmd, id]), [["command.start", id]]);
    answer({ command_id: "c1", targets: 2 });
    await settle();
    assert.equal(starting.value.id, "c1");
    assert.deepEqual([last().cmd, last().payload], ["command.watch", { command_id: "c1" }]);
  });

  for (const code of ["backplane_unavailable", "internal"]) {
    test(`is asked for again with the same id after ${code}: it may have begun`, async () => {
      const me = await server.open();
      const starting = outcome(me.command("update", { to: 7 }));
      const { id } = last();
      refuse(code, { retryable: true, retry_after_ms: 300 });
      await settle();
      await server.pass(299);
      assert.equal(sent().length, 1);
      await server.pass(1);
      assert.deepEqual(sent().map(({ cmd, id }) => [cmd, id]), [["command.start", id], ["command.start", id]]);
      refuse(code, { retryable: true });
      await settle();
      await server.pass(1_000);
      answer({ command_id: "c1", targets: 2 });
      await settle();
      assert.deepEqual([starting.value?.id, sent().length], ["c1", 3]);
      event(9, ended);
      const retrying = outcome(starting.value.retry());
      const { id: second } = last();
      refuse(code, { retryable: true });
      await settle();
      await server.pass(1_000);
      assert.deepEqual([last().cmd, last().id, sent().length], ["command.retry", second, 5]);
      answer({ command_id: "c2", targets: 1 });
      await settle();
      assert.equal(retrying.value?.id, "c2");
    });
  }

  test("rejects at once where it did not begin, and in its time where that is not known", async () => {
    const me = await server.open();
    const [limited, unknown] = [outcome(me.command("update")), outcome(me.command("update", {}, { timeout: 1_500 }))];
    const asked = sent();
    refuse("rate_limited", { retryable: true, retry_after_ms: 300 }, asked[0]);
    refuse("backplane_unavailable", { retryable: true }, asked[1]);
    await settle();
    assert.deepEqual([limited.error?.code, unknown], ["rate_limited", {}]);
    await server.pass(1_000);
    refuse("backplane_unavailable", { retryable: true });
    await server.pass(500);
    assert.equal(unknown.error?.code, "timeout");
    await server.pass(5_000);
    assert.equal(asked.length, 3, "nobody wants it any more");
  });

  test("rejects with its time, and with its signal", async () => {
    const me = await server.open();
    const enough = new AbortController();
    const [late, aborted] = [{ timeout: 20_000 }, { signal: enough.signal }].map(limits => outcome(me.command("update", {}, limits)));
    const standard = outcome(me.command("update"));
    await again();
    enough.abort();
    await server.pass(19_999);
    assert.deepEqual([late.error?.code, aborted.error?.code, standard.error?.code], ["timeout", "aborted", undefined]);
    await server.pass(10_000);
    assert.equal(standard.error?.code, "timeout");
    await again();
    assert.deepEqual(sent(), [], "nobody wants it any more");
  });

  test("is canceled within 10 s or not at all", async () => {
    const me = await server.open();
    const run = await given(me);
    const canceling = outcome(run.cancel());
    await server.pass(9_999);
    assert.deepEqual(canceling, {});
    await server.pass(1);
    assert.equal(canceling.error?.code, "timeout");
  });

  test("is watched from where it was", async () => {
    const me = await server.open();
    const run = await given(me);
    const done = outcome(run.done);
    event(4, { changes: [change("a", "in_progress")] });
    await again();
    assert.deepEqual(sent().map(({ cmd, payload }) => [cmd, payload]), [["command.watch", { command_id: "c1", after: 4 }]]);
    await again();
    assert.deepEqual(last().payload, { command_id: "c1", after: 4 });
    answer({});
    event(9, ended);
    await settle();
    assert.ok(done.value);
    await again();
    assert.deepEqual(sent(), [], "its end is known");
  });

  test("is watched again where the server could not", async () => {
    const me = await server.open();
    await given(me);
    await again();
    refuse("backplane_unavailable", { retryable: true, retry_after_ms: 700 });
    await settle();
    await server.pass(699);
    assert.equal(sent().length, 1);
    await server.pass(1);
    assert.equal(sent().length, 2);
    refuse("backplane_unavailable", { retryable: true });
    await settle();
    event(9, ended);
    await server.pass(5_000);
    assert.equal(sent().length, 2, "its end came all the same");
  });

  test("is over where the server has it no more", async () => {
    const me = await server.open();
    const run = await given(me);
    const [done, { over }] = [outcome(run.done), turnsOf(run)];
    await again();
    refuse("not_found");
    await settle();
    assert.deepEqual([done.error?.code, over.error?.code], ["not_found", "not_found"]);
  });

  test("is over where the server tells that it is lost", async () => {
    const me = await server.open();
    const run = await given(me);
    event(3, { changes: [change("a", "in_progress")] });
    const [done, { turns, over }] = [outcome(run.done), turnsOf(run)];
    server.socket.says("command.event", { payload: { command_id: "c1", error: { code: "not_found", message: "it has it no more" } } });
    await settle();
    assert.deepEqual([done.error?.code, done.error?.message, over.error?.code], ["not_found", "it has it no more", "not_found"]);
    assert.deepEqual([run.version, run.status, turns.length, me.all("error")], [3, "in_progress", 1, []]);
    await again();
    assert.deepEqual(sent(), [], "nobody asks for it any more");
  });

  for (const [order, orders] of [["cancel", ["command.cancel"]], ["retry", ["command.retry"]], ["resume", []]]) {
    test(`is ${orders.length ? "" : "not "}told to ${order} once more where the answer was lost`, async () => {
      const me = await server.open();
      const run = await given(me);
      event(9, ended);
      await run.done;
      const ordered = outcome(run[order]());
      const { id } = last();
      await again();
      assert.deepEqual(sent().map(one => [one.cmd, one.id]), orders.map(cmd => [cmd, id]));
      assert.equal(ordered.error?.code, orders.length ? undefined : "connection_lost");
    });
  }

  test("rejects done, and loops, only where the client is closed", async () => {
    const me = await server.open();
    const run = await given(me);
    event(2);
    const [done, { over }] = [outcome(run.done), turnsOf(run)];
    server.socket.drop();
    await settle();
    assert.deepEqual([done, over], [{}, {}]);
    await me.close();
    await settle();
    assert.deepEqual([done.error?.code, over.error?.code], ["closed", "closed"]);
  });
});

test("what is read of commands counts for the rate", async () => {
  const me = await server.connect();
  server.socket.accept({ rate_limit: { per_second: 10, burst: 20 } });
  const asked = me.commands({ limit: 100 });
  answer({ commands: Array.from({ length: 100 }, () => ({})), total: 100 });
  await asked;
  me.send({ msg: "later" }, { ack: false }).catch(() => {});
  assert.equal(sent().length, 1, "100 commands are as dear as 20 messages");
  await server.pass(2_000);
  assert.equal(last().msg, "later");
});

describe("a command of another", () => {
  test("can be watched, and resolves with the first word", async () => {
    const me = await server.open();
    const watching = outcome(me.watch("c1"));
    assert.deepEqual([last().to_id, last().cmd, last().payload], ["aether", "command.watch", { command_id: "c1" }]);
    answer({});
    await settle();
    assert.deepEqual(watching, {});
    event(7, { batch: 2, changes: [change("a", "in_progress")] });
    await settle();
    assert.deepEqual([watching.value.batch, watching.value.targets, watching.value.members.size], [2, 2, 1]);
    assert.equal((await me.watch("c1")), watching.value, "it is one object");
    await again();
    assert.deepEqual(last().payload, { command_id: "c1", after: 7 });
  });

  test("rejects where there is none, in time, and with nothing that is no id", async () => {
    const me = await server.open();
    const [none, late] = [outcome(me.watch("c9")), outcome(me.watch("c8"))];
    refuse("not_found", {}, sent()[0]);
    await settle();
    await server.pass(10_000);
    assert.deepEqual([none.error?.code, late.error?.code], ["not_found", "timeout"]);
    await assert.rejects(me.watch("c 1"), TypeError);
    await assert.rejects(me.watch("c1", { tme: 1 }), TypeError);
  });

  for (const [what, how, giveUp] of [["gives up", enough => ({ signal: enough.signal }), enough => enough.abort()], ["has waited long enough", () => ({ timeout: 500 }), () => server.pass(500)],
    ["is refused", () => ({}), () => refuse("rate_limited", { retryable: true }, sent()[0])]]) {
    test(`is watched on where one of two ${what}`, async () => {
      const me = await server.open();
      const enough = new AbortController();
      const [one, other] = [outcome(me.watch("c1", how(enough))), outcome(me.watch("c1", { timeout: null }))];
      await giveUp(enough);
      await settle();
      assert.deepEqual([!!one.error, other], [true, {}]);
      event(3, { changes: [change("a", "in_progress")] });
      await settle();
      assert.equal(other.value?.version, 3);
      const late = outcome(me.watch("c1"));
      refuse("not_found");
      event(4);
      await settle();
      assert.deepEqual([late.value ?? late.error.code, other.value.version], [other.value, 4]);
    });
  }

  test("is watched no more where all have given up, and where it has begun it is", async () => {
    const me = await server.open();
    const late = [me.watch("c1", { timeout: 500 }), me.watch("c1", { timeout: 700 })].map(outcome);
    const run = await given(me, 1, "c2");
    const watching = outcome(me.watch("c2", { timeout: 500 }));
    await assert.rejects(me.watch("c3", { signal: AbortSignal.abort() }), { code: "aborted" });
    await server.pass(700);
    assert.deepEqual([...late, watching].map(({ error }) => error?.code), ["timeout", "timeout", "timeout"]);
    await again();
    assert.deepEqual(sent().map(({ payload }) => payload), [{ command_id: "c2" }]);
    event(3, { command_id: "c2" });
    assert.equal(run.version, 3);
  });

  test("is asked for anew when it is over", async () => {
    const me = await server.open();
    const run = await given(me);
    event(9, ended);
    await run.done;
    const watching = outcome(me.watch("c1"));
    await settle();
    assert.equal(last().cmd, "command.watch");
    event(9, ended);
    await settle();
    assert.notEqual(watching.value, run);
    assert.equal((await watching.value.done).members.size, 2);
  });

  test("is in the list", async () => {
    const me = await server.open();
    const asked = outcome(me.commands({ status: "paused", offset: 2, limit: 5 }));
    assert.deepEqual([last().cmd, last().payload], ["command.list", { status: "paused", offset: 2, limit: 5 }]);
    answer({ commands: [{ command_id: "c1" }], total: 3 });
    await settle();
    assert.deepEqual(asked.value, { commands: [{ command_id: "c1" }], total: 3 });
    await assert.rejects(me.commands({ state: "paused" }), TypeError);
  });
});
