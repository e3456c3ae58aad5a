// What the server would close the connection for is refused here, by field and rule, and the connection stays.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, test } from "node:test";
import { AetherError } from "../aether.js";
import { load, Server, settle } from "./scripted-server.js";

let server;
beforeEach(() => { server = new Server(); });
afterEach(() => server.end());

const sent = () => server.socket.sent;
const half = "😀".slice(0, 1);
const deep = levels => {
  let value = {};
  for (let i = 1; i < levels; i++) value = i % 2 ? [value] : { value };
  return Array.isArray(value) ? { value } : value;
};

describe("a message that breaks a rule", () => {
  const bad = [
    ["msg", { msg: half }], ["msg", { msg: 5 }], ["msg", { msg: {} }], ["msg", { msg: "a\udc00" }],
    ["payload", { payload: { a: half } }], ["payload", { payload: { [half]: 1 } }], ["payload", { payload: { a: [{ b: "x\ud800y" }] } }],
    ["payload", { payload: [] }], ["payload", { payload: null }], ["payload", { payload: new Map() }],
    ["payload", { payload: { toJSON: () => "text" } }], ["payload", { payload: { toJSON: () => undefined } }],
    ["payload", { payload: { toJSON: () => [] } }], ["payload", { payload: { toJSON() { throw new Error("no"); } } }],
    ["payload", { payload: deep(70) }], ["payload", { payload: deep(64) }], ["payload", { payload: deep(20_000) }],
    ["payload", (() => { const loop = {}; loop.loop = loop; return { payload: loop }; })()],
    ["to_id", { target: "direct" }], ["to_id", { to_id: "a@b" }], ["to_id", { to_id: "aether" }], ["to_id", { to_id: 5 }],
    ["to_id", { to_id: "x".repeat(65) }], ["to_id", { target: "direct", to_id: "" }], ["to_id", { to_id: "a\n" }],
    ["group_id", { group_id: "ä" }], ["group_id", { group_id: "" }],
    ["cmd", { cmd: "x".repeat(257) }], ["cmd", { msg_type: "cmd" }], ["cmd", { msg_type: "cmd", cmd: "" }], ["cmd", { cmd: 5 }], ["cmd", { cmd: half }],
    ["id", { id: "x".repeat(65) }], ["id", { id: "" }], ["id", { id: "ü" }], ["id", { id: 5 }],
    ["reply_to", { reply_to: "" }], ["reply_to", { reply_to: "\n" }],
    ["msg_type", { msg_type: "message" }], ["target", { target: "all" }], ["version", { version: "2" }], ["from_id", { from_id: "other" }],
    ["cmd", { msg_type: "presence", target: "group", cmd: "join" }], ["target", { msg_type: "presence", target: "broadcast", cmd: "x" }],
    ["payload", { msg_type: "presence", target: "echo", cmd: "roster", payload: { limit: 501 } }],
    ["state", { msg_type: "presence", target: "group", cmd: "update", payload: { state: { a: "x".repeat(2_048) } } }],
  ];
  for (const [index, [field, message]] of bad.entries()) {
    test(`${index}: ${field}`, async () => {
      const me = await server.open();
      const other = me.send({ msg: "good" });
      await assert.rejects(me.send(message), error => {
        assert.ok(error instanceof AetherError, String(error));
        assert.deepEqual([error.code, error.field, error.retryable], ["invalid_message", field, false]);
        assert.ok(error.message.startsWith(`${field}: `) && error.rule);
        return true;
      });
      assert.equal(sent().length, 1);
      assert.equal(me.state, "open");
      server.socket.ack(sent()[0]);
      await other;
    });
  }

  test("is refused without an ack as well", async () => {
    const me = await server.open();
    await assert.rejects(me.send({ msg: half }, { ack: false }), { code: "invalid_message" });
  });

  test("is refused as a request and as a state", async () => {
    const me = await server.open();
    await assert.rejects(me.request(undefined, "do"), { code: "invalid_message", field: "to_id" });
    await assert.rejects(me.request("w", undefined), { code: "invalid_message", field: "cmd" });
    await assert.rejects(me.direct(undefined, {}), { code: "invalid_message", field: "to_id" });
    await assert.rejects(me.setState({ a: half }), { code: "invalid_message" });
    await assert.rejects(me.setState({ a: "ü".repeat(1_024) }), { code: "invalid_message", field: "state" });
    assert.equal(sent().length, 0);
    me.setState({ a: "x".repeat(2_038) });
    assert.equal(sent().length, 1);
  });

  test("is one of more bytes than the welcome allows, also where it was sent before", async () => {
    const me = await server.connect();
    const early = me.send({ msg: "ü".repeat(500) });
    server.socket.accept({ max_message_bytes: 1_000 });
    await assert.rejects(early, { code: "invalid_message", field: "message" });
    await assert.rejects(me.send({ payload: { a: "x".repeat(1_000) } }), /1000 bytes/);
    assert.equal(sent().length, 0);
    me.send({ msg: "x" });
    assert.equal(sent().length, 1);
  });

  test("is one with the id of another that waits", async () => {
    const me = await server.open();
    const first = me.send({ id: "a" });
    await assert.rejects(me.send({ id: "a" }), { field: "id" });
    server.socket.ack();
    await first;
    me.send({ id: "a" });
    assert.equal(sent().length, 2);
  });

  for (const message of [
    { msg: "" }, { msg: "😀" }, { msg: "\\ud800" }, { msg: null }, { cmd: "x".repeat(256) }, { cmd: "😀".repeat(256) }, { payload: deep(63) },
    { id: "x".repeat(64) }, { to_id: "a-b_C9" }, { msg_type: "msg", cmd: null }, { payload: { a: "{[".repeat(100) } }, { msg: undefined },
  ]) {
    test(`is not ${JSON.stringify(message).slice(0, 50)}`, async () => {
      const me = await server.open();
      me.send(message);
      assert.equal(sent().length, 1);
    });
  }
});

describe("a shape that nobody knows is a TypeError that names it:", () => {
  for (const [what, call, named] of [
    ["a text", me => me.group.send("hello"), /message/], ["a list", me => me.send([{ msg: "x" }]), /message/], ["nothing", me => me.send(), /message/],
    ["a field", me => me.send({ text: "x" }), /text/], ["a field of a direct one", me => me.direct("a", { body: 1 }), /body/],
    ["an option of send", me => me.send({}, { akc: true }), /akc/], ["an option of request", me => me.request("w", "x", {}, { timeOut: 5 }), /timeOut/],
    ["an option of roster", me => me.presence.roster({ refrsh: true }), /refrsh/], ["an option of opened", me => me.opened({ time: 5 }), /time/],
    ["a timeout", me => me.request("w", "x", {}, { timeout: "soon" }), /timeout/], ["a signal", me => me.send({}, { signal: true }), /signal/],
    ["a negative timeout", me => me.send({}, { timeout: -1 }), /timeout/], ["no time", me => me.ping({ timeout: NaN }), /timeout/],
    ["a state", me => me.setState("idle"), /state/], ["a group request's option", me => me.group.request("x", {}, { rol: "worker" }), /rol/],
  ]) {
    test(what, async () => {
      const me = await server.open();
      await assert.rejects(Promise.resolve(call(me)), error => error instanceof TypeError && named.test(error.message));
      assert.equal(sent().length, 0);
    });
  }
  for (const [what, call, named] of [
    ["an event", me => me.on("mesage", () => {}), /mesage/], ["an event for once", me => me.once("opened", () => {}), /opened/],
    ["a listener", me => me.on("msg"), /listener/], ["a handler", me => me.handle("x"), /handler/], ["a command", me => me.handle(5, () => {}), /cmd/],
    ["no command", me => me.on("cmd:", () => {}), /cmd:/],
    ["an option", () => server.raw({ clientId: "x" }), /clientId/], ["a role", () => server.raw({ roll: "worker" }), /roll/],
    ["a time", () => server.raw({ heartbeat: "often" }), /heartbeat/], ["a limit of retry", () => server.raw({ retry: { maximum: 5 } }), /maximum/],
    ["a time of retry", () => server.raw({ retry: { min: "soon" } }), /retry\.min/], ["a log", () => server.raw({ log: "console" }), /log/],
  ]) {
    test(what, async () => {
      const me = await server.open();
      assert.throws(() => call(me), error => error instanceof TypeError && named.test(error.message));
    });
  }
});

describe("the table of rules", () => {
  const schema = JSON.parse(readFileSync(new URL("../../../docs/message.schema.json", import.meta.url)));
  const holds = (rule, value) => {
    if (rule.$ref) return holds(schema.$defs[rule.$ref.split("/").at(-1)], value);
    if (rule.anyOf) return rule.anyOf.some(one => holds(one, value));
    if ("const" in rule && value !== rule.const) return false;
    if (rule.enum && !rule.enum.includes(value)) return false;
    const type = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
    if (rule.type && ![rule.type].flat().some(one => one === type || (one === "integer" && Number.isInteger(value)))) return false;
    if (value < rule.minimum || value > rule.maximum) return false;
    if (type === "object" && !Object.entries(rule.properties ?? {}).every(([name, one]) => !(name in value) || holds(one, value[name]))) return false;
    if (type === "object" && !(rule.required ?? []).every(name => name in value)) return false;
    if (type !== "string") return true;
    const length = [...value].length;
    return (!rule.pattern || new RegExp(rule.pattern, "u").test(value)) && length <= (rule.maxLength ?? Infinity) && length >= (rule.minLength ?? 0);
  };
  const values = [
    "", "a", "a b", "ä", "x".repeat(64), "x".repeat(65), "x".repeat(256), "x".repeat(257), "😀".repeat(256), "3", "2", "msg", "cmd", "heartbeat", "presence",
    "direct", "group", "broadcast", "role", "echo", "worker", "worke", "a-b_9", "a@b", "~", "\n", "a\n", null, 5, true, {}, [],
    { name: "press", term: 1 }, { name: "press" }, { name: "a b", term: 1 }, { name: "press", term: 0 }, { name: "press", term: 1.5 }, { name: "press", term: 2 ** 53 },
  ];
  test("says what docs/message.schema.json says", async () => {
    const { encode } = await load("wire.ts");
    for (const [field, rule] of Object.entries(schema.properties)) {
      // Filled in, and what only the server says: taken with a message that is passed on, and not sent.
      if (["sent_at", "from_id", "pos", "execution"].includes(field)) continue;
      for (const value of values) {
        const message = { msg_type: "msg", target: "group", [field]: value };
        let fault;
        try {
          encode(message, "me", "g");
        } catch (error) {
          fault = error;
        }
        const whole = holds(rule, value) && schema.allOf.every(({ if: when, then }) =>
          Object.entries(when.properties).some(([name, one]) => message[name] !== one.const)
          || Object.entries(then.properties).every(([name, one]) => name in message && holds(one, message[name])));
        // Presence has rules of its own.
        if (value === "presence") continue;
        assert.equal(!fault, whole, `${field}: ${JSON.stringify(value)?.slice(0, 30)} ${fault}`);
      }
    }
  });
  test("knows all of its fields", async () => {
    const me = await server.open();
    await assert.rejects(me.send({ nothing: 1 }), error =>
      Object.keys(schema.properties).every(name => new RegExp(`\\b${name}\\b`).test(error.message)));
  });
});
