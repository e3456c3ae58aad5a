import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CommandState, countsText, endedText, markOf, memberText, moved, shareOf, standing, standingAndWhy, states, wordOf,
} from "../command-state.js";

const page = (more) => ({
  command_id: "c1", cmd: "move", from_id: "ctl", status: "in_progress", batch: 1, counts: { queued: 1, sent: 1 },
  created_at: "2030-01-01T00:00:00Z", version: 3,
  executions: [{ client_id: "w-1", status: "sent", attempt: 1 }, { client_id: "w-2", status: "queued", attempt: 0 }], ...more,
});
const event = (version, changes, more) => ({
  command_id: "c1", version, status: "in_progress", batch: 1, counts: { queued: 1, in_progress: 1 }, changes, ...more,
});

test("a command is what was read of it, and goes on with its events", () => {
  const command = new CommandState("c1");
  assert.deepEqual(command.merge(page()), ["w-1", "w-2"]);
  assert.equal(command.cmd, "move");
  assert.equal(command.targets, 2);
  const progress = { percent: 20 };
  assert.deepEqual(command.merge(event(5, [{ client_id: "w-1", status: "in_progress", attempt: 1, progress }])), ["w-1"]);
  assert.deepEqual(command.members.get("w-1"), { status: "in_progress", attempt: 1, progress });
  assert.deepEqual(command.counts, { queued: 1, in_progress: 1 });
  // What only a page tells stays.
  assert.equal(command.cmd, "move");
  assert.equal(command.version, 5);
});

test("a page that was on its way when newer events came changes nothing that they told", () => {
  const command = new CommandState("c1");
  command.merge(event(5, [{ client_id: "w-1", status: "succeeded", attempt: 1 }], { counts: { queued: 1, succeeded: 1 } }));
  assert.deepEqual(command.merge(page()), ["w-2"]);
  assert.equal(command.members.get("w-1").status, "succeeded");
  assert.deepEqual(command.counts, { queued: 1, succeeded: 1 });
  assert.equal(command.version, 5);
  assert.equal(command.cmd, "move");
});

test("an event that comes in parts is taken as a whole", () => {
  const command = new CommandState("c1");
  const end = { status: "succeeded", counts: { succeeded: 2 } };
  command.merge(event(7, [{ client_id: "w-1", status: "succeeded", attempt: 1 }], end));
  assert.equal(command.isWhole, false);
  command.merge(event(8, [{ client_id: "w-2", status: "succeeded", attempt: 1 }], end));
  assert.equal(command.isWhole, true);
  assert.equal(command.isEnded, true);
});

test("a reason that holds no longer is forgotten", () => {
  const command = new CommandState("c1");
  command.merge(event(5, [], { status: "paused", reason: "batch_ended" }));
  assert.equal(standingAndWhy(command), "paused, a batch has ended");
  command.merge(event(6, []));
  assert.equal(standingAndWhy(command), "in progress");
});

test("what a list says of a command is known before anything else is", () => {
  const { executions, ...summary } = page();
  const command = new CommandState("c1", summary);
  assert.equal(command.from_id, "ctl");
  assert.equal(command.targets, executions.length);
  assert.equal(command.members.size, 0);
  // Who has just given a command knows no more than this.
  const given = new CommandState("c1", { cmd: "move" });
  assert.deepEqual([given.cmd, given.version, given.status, given.targets], ["move", -1, "in_progress", 0]);
});

const stands = (status, more) => Object.assign(new CommandState("c1"), { status, counts: { succeeded: 1, failed: 1 }, ...more });

for (const [name, command, may] of [
  ["runs", stands("in_progress"), ["cancel"]],
  ["is being called off", stands("in_progress", { reason: "requested" }), []],
  ["is paused", stands("paused", { reason: "batch_ended" }), ["cancel", "resume"]],
  ["has ended with failures", stands("incomplete"), ["retry"]],
  ["was canceled", stands("canceled", { counts: { canceled: 2 } }), ["retry"]],
  ["has succeeded at everybody", stands("succeeded", { counts: { succeeded: 2 } }), []],
]) {
  test(`a command that ${name} may be given ${may.join(" and ") || "no order"}`, () =>
    assert.deepEqual(Object.keys(command.may).filter((order) => command.may[order]), may));
}

test("members are in the order of the numbers in their names, and only those of some states if that is asked", () => {
  const command = new CommandState("c1");
  command.merge(page({ executions: ["w-10", "w-9", "w-100"].map((client_id, at) =>
    ({ client_id, status: at ? "sent" : "failed", attempt: 1 })) }));
  assert.deepEqual(command.names(), ["w-9", "w-10", "w-100"]);
  assert.deepEqual(command.names(new Set(["sent"])), ["w-9", "w-100"]);
  assert.deepEqual(command.names(new Set()), command.names());
});

test("who failed is listed with why", () => {
  const command = new CommandState("c1");
  command.merge(page({ executions: [
    { client_id: "w-4", status: "undeliverable", attempt: 1 },
    { client_id: "w-3", status: "timed_out", attempt: 2 },
    { client_id: "w-2", status: "rejected", attempt: 1, error: { code: "not_ready" } },
    { client_id: "w-1", status: "failed", attempt: 1, error: { code: "stuck", message: "at 3 m" } },
    { client_id: "w-0", status: "succeeded", attempt: 1 },
    { client_id: "w-5", status: "canceled", attempt: 1 },
  ] }));
  assert.deepEqual(command.failures.map(({ id, why }) => `${id}: ${why}`), [
    "w-1: stuck: at 3 m", "w-2: not_ready", "w-3: said nothing more in time", "w-4: did not take it in time",
  ]);
});

test("no two states look the same", () => {
  assert.equal(new Set(states.map(([, mark]) => mark)).size, states.length);
  assert.equal(markOf("failed"), "✕");
  assert.equal(markOf("news"), "?");
  assert.equal(wordOf("timed_out"), "timed out");
});

test("counts are told without those that are none", () => {
  assert.equal(countsText({ queued: 0, sent: 2, succeeded: 1 }), "2 sent, 1 succeeded");
  assert.equal(endedText({ queued: 4, sent: 2, in_progress: 1, succeeded: 2, failed: 1, undeliverable: 1, canceled: 1 }),
    "5 of 12 ended, 2 without success");
  assert.equal(endedText({ queued: 1000 }), "0 of 1,000 ended");
});

test("a share is read from what workers usually say", () => {
  assert.equal(shareOf({ percent: 40 }), 0.4);
  assert.equal(shareOf({ done: 1, total: 4 }), 0.25);
  assert.equal(shareOf({ percent: 140 }), 1);
  for (const progress of [undefined, {}, { step: "doors" }, { done: 1, total: 0 }, { percent: "40" }]) {
    assert.equal(shareOf(progress), null);
  }
});

test("a member is told in one line", () => {
  assert.equal(memberText("w-1", { status: "queued", attempt: 0 }), "w-1: queued");
  assert.equal(memberText("w-1", { status: "in_progress", attempt: 2, progress: { percent: 40 } }),
    'w-1: in progress, attempt 2, 40 %, {"percent":40}');
  assert.equal(memberText("w-1", { status: "failed", attempt: 1, progress: { percent: 40 }, error: { code: "stuck" } }),
    "w-1: failed, stuck");
  assert.equal(memberText("w-1", { status: "timed_out", attempt: 1, late: { status: "succeeded" } }),
    "w-1: timed out, said later: succeeded");
});

test("standing is short, and says when a command is on its way to its end", () => {
  assert.equal(standing({ status: "in_progress" }), "in progress");
  assert.equal(standing({ status: "in_progress", reason: "too_many_failed" }), "being stopped");
  assert.equal(standingAndWhy({ status: "aborted", reason: "too_many_failed" }), "aborted, too many have failed");
  assert.equal(standingAndWhy({ status: "timed_out", reason: "some_news" }), "timed out, some news");
});

test("arrow keys go through the grid, and stay in it", () => {
  // 10 cells, 4 in a line.
  for (const [key, at, next] of [
    ["ArrowRight", 0, 1], ["ArrowLeft", 0, 0], ["ArrowRight", 9, 9], ["ArrowDown", 1, 5], ["ArrowDown", 7, 7], ["ArrowUp", 5, 1],
    ["ArrowUp", 2, 2], ["Home", 7, 0], ["End", 0, 9], ["PageDown", 1, 9], ["PageUp", 9, 0], ["Enter", 1, null],
  ]) assert.equal(moved(key, at, 10, 4), next, `${key} at ${at}`);
  assert.equal(moved("ArrowRight", 0, 0, 4), null);
});
