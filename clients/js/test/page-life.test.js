// What a page goes through: frozen, put aside, back again.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { Server, outcome, settle } from "./scripted-server.js";

let server;
beforeEach(() => { server = new Server(); });
afterEach(() => server.end());

const sent = () => server.socket.sent;
const last = () => server.socket.sent.at(-1);

describe("a page", () => {
  let page, network;
  const happen = (target, type, more) => target.dispatchEvent(Object.assign(new Event(type), more));
  beforeEach(() => {
    page = Object.assign(new EventTarget(), { hidden: false });
    network = new EventTarget();
    globalThis.document = page;
    globalThis.addEventListener = network.addEventListener.bind(network);
    globalThis.removeEventListener = network.removeEventListener.bind(network);
  });
  afterEach(() => ["document", "addEventListener", "removeEventListener"].forEach(name => delete globalThis[name]));

  test("that goes offline knows it soon", async () => {
    const me = await server.open();
    happen(network, "offline");
    await settle();
    assert.equal(last().msg_type, "heartbeat");
    await server.pass(5_000);
    assert.equal(me.state, "reconnecting");
  });
  test("that only seems to be offline stays", async () => {
    const me = await server.open();
    happen(network, "offline");
    await server.pass(100);
    server.socket.receive(last());
    await server.pass(10_000);
    assert.equal(me.state, "open");
  });
  for (const [go, come] of [
    [() => happen(network, "pagehide", { persisted: true }), () => happen(network, "pageshow", { persisted: true })],
    [() => happen(page, "freeze"), () => happen(page, "resume")],
  ]) {
    test("that is put aside leaves, and returns", async () => {
      const me = await server.open();
      const flight = outcome(me.send({}));
      go();
      await settle();
      assert.ok(server.socket.closed);
      assert.deepEqual([me.state, me.code, flight.error.code], ["reconnecting", "page_hidden", "connection_lost"]);
      const later = outcome(me.send({ msg: "later" }));
      await server.pass(3_600_000);
      assert.equal(server.sockets.length, 1);
      come();
      await settle();
      assert.equal(server.sockets.length, 2);
      server.socket.accept();
      assert.equal(last().msg, "later");
      server.socket.ack();
      await settle();
      assert.ok(later.value);
    });
  }
  test("that goes for good needs nothing", async () => {
    const me = await server.open();
    happen(network, "pagehide", { persisted: false });
    assert.equal(me.state, "open");
  });
  test("of a thousand others is not in step with them", async () => {
    const all = await Promise.all(Array.from({ length: 600 }, (_, i) => server.open({ client: `c${i}` })));
    server.chance = 0.5;
    for (const socket of server.sockets.slice(0, 600)) socket.drop(4100);
    let seed = 0;
    Object.defineProperty(server, "chance", { get: () => (seed = (seed + 0.382) % 1), set() {} });
    happen(network, "online");
    await server.pass(1_000);
    assert.equal(all.length, 600);
    assert.ok(server.sockets.length < 600 + 250, `${server.sockets.length - 600} in a second`);
  });
});
