// Options, addresses, and platforms that lack what is younger than 2020.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, test } from "node:test";
import { connect } from "../aether.js";
import { Server, settle } from "./scripted-server.js";

let server;
beforeEach(() => { server = new Server(); });
afterEach(() => server.end());

const sent = () => server.socket.sent;

describe("options", () => {
  const good = { url: "https://h", group: "g", WebSocket: class {} };
  const bad = [
    ["url", { url: "ftp://h" }], ["url", { url: "nonsense" }], ["url", { url: undefined }], ["url", { url: "https://h/?a=b" }],
    ["group", { group: undefined }], ["group", { group: "a b" }], ["group", { group: "x".repeat(65) }], ["group", { group: "" }],
    ["group", { group: "aether" }], ["client", { client: "ä" }], ["client", { client: "a\n" }], ["client", { client: 5 }],
    ["role", { role: "boss" }], ["key", { key: "" }], ["key", { key: 5 }], ["key", { token: {} }],
    ["token", { key: "a", token: "b" }], ["outbox", { outbox: "many" }], ["outbox", { outbox: -1 }],
    ["heartbeat", { heartbeat: 0 }], ["heartbeat", { heartbeat: "x" }], ["WebSocket", { WebSocket: undefined }],
  ];
  for (const [name, options] of bad) {
    test(`${name}: ${JSON.stringify(options)} is a TypeError that names it`, { skip: name === "WebSocket" && "WebSocket" in globalThis }, () => {
      assert.throws(() => connect({ ...good, ...options }), error => error instanceof TypeError && error.message.startsWith(`${name}: `));
    });
  }

  const urls = [
    ["http://h:1", "ws://h:1/v3/ws/group/g/client/me?echo=on"],
    ["https://h/prefix//", "wss://h/prefix/v3/ws/group/g/client/me?echo=on"],
    ["ws://h/", "ws://h/v3/ws/group/g/client/me?echo=on"],
    ["wss://h/a/b", "wss://h/a/b/v3/ws/group/g/client/me?echo=on"],
  ];
  for (const [url, expected] of urls) {
    test(`${url} becomes ${expected}`, async () => {
      await server.connect({ url });
      assert.equal(server.socket.url, expected);
    });
  }

  test("role and echo are part of the address", async () => {
    await server.connect({ role: "worker", echo: false });
    assert.match(server.socket.url, /\?role=worker&echo=off$/);
  });

  test("in a page the server is where the page comes from", async () => {
    globalThis.location = { origin: "https://page.example" };
    try {
      await server.connect({ url: undefined });
      assert.equal(new URL(server.socket.url).origin, "wss://page.example");
    } finally {
      delete globalThis.location;
    }
  });

  test("a client that is not named gets a random id", async () => {
    const [a, b] = [await server.connect({ client: undefined }), await server.connect({ client: undefined })];
    assert.match(a.client, /^js-\d+$/);
    assert.notEqual(a.client, b.client);
  });
});

describe("addresses", () => {
  const at = async (place, url, page) => {
    const text = readFileSync(new URL("../aether.js", import.meta.url), "utf8").replace(/import\.meta\.url/g, JSON.stringify(place));
    const { connect } = await import("data:text/javascript," + encodeURIComponent(text + "\n//" + Math.random()));
    if (page) globalThis.location = new URL(page);
    try {
      const { WebSocket, fetch } = server;
      server.connections.push(connect({ group: "g", client: "me", WebSocket, fetch, ...(url !== undefined && { url }) }));
      return server.socket.url.replace(/\/v3\/ws.*/, "");
    } finally {
      delete globalThis.location;
    }
  };
  for (const [place, url, page, expected] of [
    ["https://h/v3/aether.js", undefined, undefined, "wss://h"], ["https://h/rt/v3/aether.js", undefined, "https://app/", "wss://h/rt"],
    ["http://h:1/a/b/v3/aether.js?x=1", undefined, undefined, "ws://h:1/a/b"], ["https://h/rt/v3/aether.0123abcd.js", undefined, undefined, "wss://h/rt"],
    ["https://app/assets/index-1.js", undefined, "https://app/page", "wss://app"], ["https://h/rt/v3/aether.js", "/other", "https://app/x/y", "wss://app/other"],
    ["https://h/v3/aether.js", "rt/", "https://app/x/y", "wss://app/x/rt"], ["https://h/v3/aether.js", "..", "https://app/x/y/z", "wss://app/x"],
    ["https://h/v3/aether.js", "https://o/p", "https://app/", "wss://o/p"], ["file:///a.js", "WSS://O/", undefined, "wss://o"],
  ]) {
    test(`${place} and ${url} on ${page} is ${expected}`, async () => assert.equal(await at(place, url, page), expected));
  }
  test("nothing to go by is a TypeError", () => assert.rejects(at("file:///a.js"), /^TypeError: url: /));
});

test("works without what is younger than 2020", async () => {
  const gone = [[URL, "canParse"], [AbortSignal, "timeout"], [AbortSignal, "any"], [globalThis, "structuredClone"], [String.prototype, "replaceAll"], [Array.prototype, "at"],
    [Object, "hasOwn"], [Object, "groupBy"], [Promise, "any"], [Promise, "withResolvers"], [String.prototype, "isWellFormed"], [String.prototype, "at"], [crypto.constructor.prototype, "randomUUID"],
    [Array.prototype, "findLast"], [Symbol, "asyncDispose"], [globalThis, "WeakRef"], [globalThis, "AggregateError"], [AbortSignal.prototype, "throwIfAborted"]];
  const kept = gone.map(([home, name]) => [home, name, Object.getOwnPropertyDescriptor(home, name)]).filter(([, , one]) => one?.configurable);
  for (const [home, name] of kept) delete home[name];
  try {
    const text = readFileSync(new URL("../aether.js", import.meta.url), "utf8");
    const { connect } = await import("data:text/javascript," + encodeURIComponent(text + "//old"));
    const { WebSocket, fetch } = server;
    const me = connect({ url: "https://h", group: "g", client: "me", key: "k", WebSocket, fetch });
    server.refuses(503);
    server.socket.refuse();
    for (let i = 0; i < 20; i++) await null;
    await settle();
    await server.pass(1);
    server.socket.accept();
    me.setState({ a: 1 });
    me.request("w", "x", {}, { timeout: 5 }).catch(() => {});
    assert.equal(me.state, "open");
    assert.equal(server.socket.sent.length, 2);
    const closing = me.close("x", { timeout: 1 });
    await server.pass(1);
    await closing;
  } finally {
    for (const [home, name, one] of kept) Object.defineProperty(home, name, one);
  }
});
