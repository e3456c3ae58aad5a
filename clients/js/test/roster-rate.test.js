// A roster counts by its members for the rate that the server allows: a large one takes its time, and harms nothing else.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { Server, settle } from "./scripted-server.js";

let server;
beforeEach(() => { server = new Server(); });
afterEach(() => server.end());

const PER_SECOND = 1_000, BURST = 2_000;
const sent = () => server.socket.sent;
const names = count => Array.from({ length: count }, (_, i) => ({ client_id: `c${String(i).padStart(5, "0")}`, version: 1 }));
const page = ({ id, payload: { offset, limit } }, all) => server.socket.receive({
  msg_type: "presence", target: "echo", from_id: "aether", cmd: "roster", reply_to: id, payload: { members: all.slice(offset, offset + limit), total: all.length },
});
const refuse = ({ id }, ms) => server.socket.says("error", { reply_to: id, payload: { code: "rate_limited", retryable: true, retry_after_ms: ms } });

/** Answers as a server does that has a bucket; returns how many it refused. */
async function serve(all, seconds) {
  let tokens = BURST, answered = 0, refused = 0;
  for (let i = 0; i < seconds * 100; i++) {
    for (; answered < sent().length; answered++) {
      const question = sent()[answered];
      if (tokens < 1) {
        refused++;
        refuse(question, Math.ceil(((1 - tokens) * 1_000) / PER_SECOND));
      } else if (question.cmd === "roster") {
        page(question, all);
        tokens = Math.max(-BURST, tokens - 1 - all.slice(question.payload.offset, question.payload.offset + 500).length / 5);
      } else {
        tokens--;
        server.socket.ack(question);
      }
      await settle();
    }
    await server.pass(10);
    tokens = Math.min(BURST, tokens + PER_SECOND / 100);
  }
  return refused;
}

for (const count of [9_000, 20_000]) {
  test(`a roster of ${count} is loaded without a refusal`, async () => {
    const me = await server.connect();
    server.socket.accept({ rate_limit: { per_second: PER_SECOND, burst: BURST } });
    const roster = me.presence.roster({ timeout: null });
    assert.equal(await serve(names(count), 10), 0);
    assert.equal((await roster).length, count);
  });
}

test("what is sent beside a large roster is not refused either", async () => {
  const me = await server.connect();
  server.socket.accept({ rate_limit: { per_second: PER_SECOND, burst: BURST } });
  const roster = me.presence.roster({ timeout: null });
  const messages = Array.from({ length: 1_000 }, (_, i) => me.send({ payload: { i } }));
  assert.equal(await serve(names(12_000), 15), 0);
  await Promise.all(messages);
  assert.equal((await roster).length, 12_000);
});

test("a page that is refused is asked for again, when the server says", async () => {
  const me = await server.open();
  const all = names(600);
  const roster = me.presence.roster();
  page(sent()[0], all);
  await settle();
  refuse(sent()[1], 700);
  await settle();
  await server.pass(699);
  assert.equal(sent().length, 2);
  await server.pass(1);
  assert.deepEqual(sent()[2].payload, sent()[1].payload);
  page(sent()[2], all);
  assert.equal((await roster).length, 600);
});

test("a roster that is refused for another reason rejects", async () => {
  const me = await server.open();
  const roster = me.presence.roster();
  server.socket.says("error", { reply_to: sent()[0].id, payload: { code: "backplane_unavailable", retryable: true } });
  await assert.rejects(roster, { code: "backplane_unavailable" });
});
