// A server that does what a test says: a WebSocket and a fetch that go nowhere, and a clock that only the test moves.
import { mock } from "node:test";
import { connect } from "../aether.js";

export const start = Date.UTC(2030, 0, 1);

/** Lets everything happen that waits for nothing but its turn. */
export const settle = () => new Promise(setImmediate);

/** What has become of a promise by now: `value` or `error`, or nothing yet. */
export const outcome = promise => {
  const seen = {};
  promise.then(value => { seen.value = value; }, error => { seen.error = error; });
  return seen;
};

export class Server {
  sockets = [];
  asked = [];
  /** What Math.random says: 0 is the earliest retry, 1 the latest. */
  chance = 0;
  /** The answer over HTTP, or the error of the network. */
  http = () => { throw new TypeError("fetch failed"); };

  constructor() {
    const server = this;
    mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: start });
    mock.method(performance, "now", () => Date.now());
    mock.method(Math, "random", () => this.chance);
    this.WebSocket = class extends Socket {
      constructor(url, protocols) {
        super(url, protocols);
        server.sockets.push(this);
      }
    };
    this.fetch = async (url, init) => {
      this.asked.push({ url, ...init });
      return this.http(url, init);
    };
  }

  get socket() {
    return this.sockets[this.sockets.length - 1];
  }

  refuses(status, detail = "", headers = {}) {
    this.http = () => new Response(JSON.stringify({ status, detail }), {
      status, headers: { "Content-Type": "application/problem+json", ...headers },
    });
  }

  /** A connection that has made its first attempt; it is closed when the test ends. */
  async connect(options = {}) {
    const { WebSocket, fetch } = this;
    const me = connect({ url: "https://host.example", group: "g", client: "me", WebSocket, fetch, ...options });
    me.seen = [];
    for (const event of ["msg", "cmd", "presence", "recovered", "gap", "error", "state"])
      me.on(event, value => me.seen.push([event, value]));
    me.all = event => me.seen.filter(([name]) => name === event).map(([, value]) => value);
    this.connections.push(me);
    await settle();
    return me;
  }
  connections = [];

  /** Connects and waits for nothing. */
  raw(options = {}) {
    const { WebSocket, fetch } = this;
    const me = connect({ url: "https://host.example", group: "g", client: "me", WebSocket, fetch, ...options });
    this.connections.push(me);
    return me;
  }

  async open(options) {
    const me = await this.connect(options);
    this.socket.accept();
    await settle();
    return me;
  }

  async pass(ms) {
    mock.timers.tick(ms);
    await settle();
  }

  end() {
    for (const connection of this.connections) connection.close();
    mock.timers.reset();
    mock.restoreAll();
  }
}

class Socket {
  readyState = 0;
  protocol = "";
  sent = [];

  constructor(url, protocols) {
    Object.assign(this, { url, protocols });
  }

  send(text) {
    if (this.readyState !== 1) throw new Error("not open");
    this.sent.push(JSON.parse(text));
  }

  close(code, reason) {
    this.closed = { code, reason };
    this.readyState = 2;
  }

  accept(welcome = {}) {
    this.readyState = 1;
    this.protocol = "aether.v3";
    this.onopen({});
    this.says("welcome", { payload: { heartbeat_interval_ms: 30_000, permissions: [], ...welcome } });
  }

  receive(message) {
    this.onmessage({ data: JSON.stringify({
      version: "3", msg_type: "msg", target: "group", from_id: "other", to_id: null, group_id: "g", cmd: null, msg: null,
      payload: {}, sent_at: new Date().toISOString(), ...message,
    }) });
  }

  says(cmd, message) {
    this.receive({ msg_type: "cmd", target: "direct", from_id: "aether", to_id: "me", cmd, ...message });
  }

  ack(message = this.sent.at(-1), instances = 1) {
    this.says("ack", { reply_to: message.id, payload: { status: "published", instances } });
  }

  drop(code = 1006, reason = "") {
    this.readyState = 3;
    this.onclose({ code, reason });
  }

  refuse(how = "as a browser does") {
    if (how !== "without an error") this.onerror({});
    if (how !== "without a close") this.drop();
  }
}

/** One of the sources, as a module: the table and the like are tested by themselves. */
export async function load(file) {
  const { buildSync } = await import("esbuild");
  const { outputFiles: [{ text }] } = buildSync({
    entryPoints: [new URL(`../src/${file}`, import.meta.url).pathname], bundle: true, write: false, format: "esm", target: "es2020",
  });
  return import("data:text/javascript," + encodeURIComponent(text));
}
