// Commands are carried out once, and answered.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { Server, settle } from "./scripted-server.js";

let server;
beforeEach(() => { server = new Server(); });
afterEach(() => server.end());

const sent = () => server.socket.sent;
const last = () => server.socket.sent.at(-1);

describe("handle", () => {
  const command = fields => server.socket.receive({
    msg_type: "cmd", target: "direct", from_id: "ctl", to_id: "me", cmd: "do", id: "c1", reply_to: "?", ...fields,
  });

  for (const [result, payload] of [
    [{ a: 1 }, { a: 1 }], [undefined, {}], [5, { value: 5 }], [null, { value: null }], [[1], { value: [1] }], ["x", { value: "x" }],
  ]) {
    test(`answers with ${JSON.stringify(result)}`, async () => {
      const me = await server.open();
      me.handle("do", async () => result);
      command();
      await settle();
      const { target, to_id, group_id, cmd, reply_to, msg_type } = last();
      assert.deepEqual({ target, to_id, group_id, cmd, reply_to, msg_type },
        { target: "direct", to_id: "ctl", group_id: "g", cmd: "reply", reply_to: "c1", msg_type: "cmd" });
      assert.deepEqual(last().payload, payload);
      assert.ok(!("id" in last()));
      assert.equal(me.all("cmd").length, 1);
    });
  }

  test("gets the payload and the message", async () => {
    const me = await server.open();
    let got;
    me.handle("do", (...all) => { got = all; });
    command({ payload: { n: 1 } });
    assert.deepEqual(got[0], { n: 1 });
    assert.equal(got[1].from_id, "ctl");
  });

  for (const [what, thrown, msg, code] of [
    ["an error", new Error("broken"), "broken", "failed"],
    ["an error with a code", Object.assign(new Error("broken"), { code: "jam" }), "broken", "jam"],
    ["a text", "broken", "broken", "failed"],
    ["nothing", undefined, "undefined", "failed"],
  ]) {
    test(`answers ${what} that is thrown`, async () => {
      const me = await server.open();
      me.handle("do", () => { throw thrown; });
      command();
      await settle();
      assert.deepEqual([last().cmd, last().msg, last().payload], ["reply_error", msg, { code }]);
    });
  }

  test("answers a result that cannot be JSON with an error", async () => {
    const me = await server.open();
    me.handle("do", () => ({ n: 1n }));
    command();
    await settle();
    assert.equal(last().cmd, "reply_error");
  });

  test("carries an id out once for each sender", async () => {
    const me = await server.open();
    let count = 0, finish;
    me.handle("do", () => { count++; return new Promise(resolve => { finish = resolve; }); });
    command();
    command();
    assert.equal(count, 1);
    finish({ n: 7 });
    await settle();
    assert.equal(sent().length, 1);
    command();
    await settle();
    assert.equal(count, 1);
    assert.deepEqual(sent().map(({ payload }) => payload), [{ n: 7 }, { n: 7 }]);
    command({ from_id: "other" });
    assert.equal(count, 2);
  });

  test("remembers 1,000 ids", async () => {
    const me = await server.open();
    let count = 0;
    me.handle("do", () => { count++; });
    for (let i = 0; i <= 1_000; i++) command({ id: `c${i}` });
    await settle();
    command({ id: "c1" });
    assert.equal(count, 1_001);
    command({ id: "c0" });
    assert.equal(count, 1_002);
  });

  test("without an id it is carried out every time and not answered, and a failure is emitted", async () => {
    const me = await server.open();
    let count = 0;
    me.handle("do", () => { if (++count === 2) throw new Error("broken"); });
    command({ id: undefined });
    await settle();
    command({ id: undefined });
    await settle();
    assert.equal(count, 2);
    assert.equal(sent().length, 0);
    assert.equal(me.all("error")[0].message, "broken");
  });

  test("can be taken away", async () => {
    const me = await server.open();
    const remove = me.handle("do", () => assert.fail());
    remove();
    command();
    await settle();
    assert.equal(last().payload.code, "not_handled");
  });
});
