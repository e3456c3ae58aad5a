// Aether Realtime V3: the client, for browsers and Node. README.md has examples, docs/protocol.md what goes over the wire.

/**
 * What is received has every field but the last two.
 * @typedef {{version: "3", msg_type: string, target: string, from_id: string, to_id: string | null,
 *   group_id: string | null, cmd: string | null, msg: string | null, payload: Record<string, any>, sent_at: string,
 *   id?: string, reply_to?: string}} Message
 * @typedef {Partial<Omit<Message, "version" | "from_id" | "sent_at">>} Outgoing
 * @typedef {{client_id: string, role: string | null, state: Record<string, any>, connections: number,
 *   joined_at: string, last_seen: string}} Member
 * @typedef {"connecting" | "open" | "reconnecting" | "closed"} State
 * @typedef {{msg: Message, cmd: Message, presence: Message, state: {state: State, reason: string, previous: State},
 *   gap: {reason: string, since: string}, error: AetherError}} Events
 * @typedef {(payload: Record<string, any>, message: Message) => unknown} Handler
 * @typedef {object} Options
 * @property {string} [url] http(s) or ws(s), with a path prefix if there is one; in a browser: where the page is from
 * @property {string} group
 * @property {string} [client] by default a random one
 * @property {"controller" | "worker" | "observer"} [role]
 * @property {string | (() => string | Promise<string>)} [key] a function is asked before every attempt
 * @property {string | (() => string | Promise<string>)} [token] the same as key
 * @property {boolean} [echo] false: own messages to the group or to all do not come back
 * @property {number} [outbox] how many messages wait while disconnected, 1,000
 * @property {number} [heartbeat] ms; by default what the server says
 * @property {any} [WebSocket]
 * @property {typeof globalThis.fetch} [fetch]
 * @typedef {{id?: string, text: string, reply?: boolean, state?: boolean, resolve: (answer: any) => void,
 *   reject: (error: AetherError) => void}} Entry
 */

const MAX_WAITING = 1_000;
const PAGE = 500;
const now = () => new Date().toISOString();
const random = () => Array.from(crypto.getRandomValues(new Uint32Array(2)), n => n.toString(36)).join("");
const isObject = (/** @type {unknown} */ value) => Object.prototype.toString.call(value) === "[object Object]";
const messageOf = (/** @type {any} */ error) => String(error?.cause?.message ?? error?.message ?? error);

export class AetherError extends Error {
  /**
   * @param {string} code of the server or a worker, or one of ours: closed, connection_lost, outbox_full, timeout, aborted
   * @param {string} message
   * @param {{retryable?: boolean, retryAfter?: number, closeCode?: number}} [more] retryAfter in ms
   */
  constructor(code, message, { retryable = false, retryAfter, closeCode } = {}) {
    super(message);
    this.name = "AetherError";
    this.code = code;
    this.retryable = retryable;
    this.retryAfter = retryAfter;
    this.closeCode = closeCode;
  }
}

const lost = (/** @type {string} */ reason) =>
  new AetherError("connection_lost", `${reason}; nobody knows whether the message arrived`, { retryable: true });

/**
 * When to come back after a close code: ms to wait at least, and ms up to which chance adds to them. Chance spreads over
 * the whole span, so that clients that were cut off together don't come back together.
 * @param {number} code @param {number} attempt
 * @returns {number[] | undefined} undefined: never, it would only happen again
 */
const delay = (code, attempt) => {
  const grown = (/** @type {number} */ from) => Math.min(30_000, from * 2 ** attempt);
  if ([1002, 1003, 1007].includes(code) || (code >= 4000 && code < 4100)) return undefined;
  if (code === 1001 || code === 1012) return [0, 5_000];
  if (code === 1013) return [0, grown(5_000)];
  return [code >= 4100 && code < 4200 ? 1_000 : 0, grown(1_000)];
};

/** Who is in the group. The roster is loaded when it is first asked for, and kept up to date by events from then on. */
class Presence {
  /** @type {Map<string, Member>} */
  #members = new Map();
  #ask;
  /** @type {Promise<void> | undefined} */
  #loading;
  /** @type {Message[] | undefined} */
  #missed;
  #wanted = false;

  /** @param {(offset: number) => Promise<Message>} ask */
  constructor(ask) {
    this.#ask = ask;
  }

  /** Live; empty before the first `roster()`. @type {ReadonlyMap<string, Member>} */
  get members() {
    return this.#members;
  }


  async roster({ refresh = false } = {}) {
    this.#wanted = true;
    if (refresh) this.#loading = undefined;
    // A gap while it loads starts another load, and only the newest one counts.
    for (let seen; seen !== this.#loading || !seen;) await (seen = this.#loading ??= this.#load());
    return [...this.#members.values()];
  }

  /** @internal Events may have been missed. */
  async stale() {
    this.#loading = undefined;
    if (this.#wanted) await this.roster();
  }

  /** @internal @param {Message} event */
  hear(event) {
    this.#missed?.push(event);
    if (this.#wanted) this.#apply(this.#members, event);
  }

  #load() {
    const load = (async () => {
      /** @type {Message[]} */
      const missed = (this.#missed = []);
      const fresh = new Map();
      for (let offset = 0, total = 1; offset < total;) {
        const { payload } = await this.#ask(offset);
        // Pages overlap by one: when who is on both is not known yet, others left meanwhile and somebody was skipped.
        if (offset && payload.members[0] && !fresh.has(payload.members[0].client_id)) {
          offset = Math.max(0, offset - PAGE / 2);
          continue;
        }
        for (const member of payload.members) fresh.set(member.client_id, member);
        total = offset + payload.members.length < payload.total ? payload.total : 0;
        offset += payload.members.length - 1;
      }
      for (const event of missed) this.#apply(fresh, event);
      if (missed !== this.#missed) return;
      this.#missed = undefined;
      this.#members.clear();
      for (const [id, member] of fresh) this.#members.set(id, member);
    })();
    load.catch(() => {
      if (this.#loading === load) this.#loading = undefined;
    });
    return load;
  }

  /** @param {Map<string, Member>} members @param {Message} event */
  #apply(members, { from_id, cmd, payload, sent_at }) {
    const put = (/** @type {any} */ { client_id, role, state = {}, connections = 1 }) =>
      members.set(client_id, {
        joined_at: sent_at,
        ...(cmd === "update" && members.get(client_id)),
        client_id, role, state, connections, last_seen: sent_at,
      });
    if (cmd === "join" || cmd === "update") put({ ...payload, client_id: from_id });
    if (cmd === "leave") members.delete(from_id);
    if (cmd === "changes") {
      for (const { client_id } of payload.left) members.delete(client_id);
      payload.joined.forEach(put);
    }
  }
}

/** One client in one group, over as many sockets as it takes. Made by `connect`. */
export class Connection {
  /** @type {State} */
  state = "connecting";
  /** In words, why it is in that state. */
  reason = "";
  /** What the server said first. @type {Record<string, any> | null} */
  welcome = null;
  /** Round trip in ms. @type {number | undefined} */
  latency;

  #options;
  #url;
  /** @type {Record<string, Set<(value: any) => void>>} */
  #listeners = { msg: new Set(), cmd: new Set(), presence: new Set(), state: new Set(), gap: new Set(), error: new Set() };
  /** @type {Map<string, Handler>} */
  #handlers = new Map();
  /** What was answered to whom, null while it is worked on. @type {Map<string, Outgoing | null>} */
  #handled = new Map();
  /** Not written yet. @type {Entry[]} */
  #outbox = [];
  /** Written, and not answered. @type {Map<string, Entry>} */
  #waiting = new Map();
  #prefix = random();
  #count = 0;
  /** What setState was given last, as JSON. @type {string | undefined} */
  #state;

  /** @type {any} */
  #socket;
  // Whatever a socket, a key function or a fetch of an earlier turn still brings is not heard.
  #turn = 0;
  #attempt = 0;
  /** @type {any[]} */
  #timers = [];
  /** While it waits to try again: when it may at the earliest. @type {number | undefined} */
  #earliest;
  #heard = now();
  /** The key that was refused last, and why. @type {{key: string, reason: string} | undefined} */
  #refused;
  /** @type {(connection: Connection) => void} */
  #opened = () => {};
  /** @type {(error: AetherError) => void} */
  #failed = () => {};

  /** @internal @param {Options & {client: string, outbox: number}} options @param {URL} url */
  constructor(options, url) {
    this.#options = options;
    this.#url = url;
    this.client = options.client;
    /** @type {Promise<Connection>} */
    this.opened = new Promise((resolve, reject) => {
      this.#opened = resolve;
      this.#failed = reject;
    });
    this.opened.catch(() => {});
    this.group = {
      id: options.group,
      /** @param {Outgoing} message @param {{ack?: boolean}} [how] */
      send: (message, how) => this.send({ ...message, target: "group" }, how),
    };
    this.presence = new Presence(offset =>
      this.#deliver({ msg_type: "presence", target: "echo", cmd: "roster", payload: { offset, limit: PAGE } }, { reply: true }));
    globalThis.addEventListener?.("online", this.#wake);
    globalThis.document?.addEventListener("visibilitychange", this.#wake);
    this.#open();
  }

  /**
   * Resolves when the server has taken the message, or, without ack, when it is written. Rejects with an AetherError, which
   * is also emitted as "error".
   * @param {Outgoing} message
   * @returns {Promise<{instances?: number}>}
   */
  send(message, { ack = true } = {}) {
    const sent = this.#deliver(message, { ack });
    sent.catch(error => this.#emit("error", error));
    return sent;
  }

  /** @param {string} to @param {Outgoing} message @param {{ack?: boolean}} [how] */
  direct(to, message, how) {
    return this.send({ ...message, target: "direct", to_id: to }, how);
  }

  /** @param {Outgoing} message @param {{ack?: boolean}} [how] */
  broadcast(message, how) {
    return this.send({ ...message, target: "broadcast" }, how);
  }

  /**
   * Sends a command and waits for what the other side's handler answers.
   * @param {string} to
   * @param {string} cmd
   * @param {Record<string, any>} payload
   * @param {{timeout?: number, signal?: AbortSignal}} [limits] timeout in ms
   * @returns {Promise<Message>}
   */
  request(to, cmd, payload = {}, { timeout = 10_000, signal } = {}) {
    const id = this.#id();
    return new Promise((resolve, reject) => {
      const abort = () => giveUp(new AetherError("aborted", "the request was aborted"));
      const settled = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
      };
      const giveUp = (/** @type {AetherError} */ error) => {
        settled();
        // Nobody waits for the answer any more, so what is not out yet stays here.
        this.#outbox = this.#outbox.filter(entry => entry.id !== id);
        this.#waiting.delete(id);
        reject(error);
      };
      const timer = setTimeout(() =>
        giveUp(new AetherError("timeout", `${to} did not answer ${cmd} within ${timeout} ms`, { retryable: true })), timeout);
      signal?.addEventListener("abort", abort);
      if (signal?.aborted) return abort();
      this.#deliver({ id, target: "direct", to_id: to, cmd, payload }, { reply: true })
        .then(resolve, reject)
        .finally(settled);
    });
  }

  /**
   * Carries out a command. What the function returns or throws goes back to who sent it, if the command has an id; the same
   * id is carried out once.
   * @param {string} cmd
   * @param {Handler} handler
   * @returns {() => void} takes the handler away
   */
  handle(cmd, handler) {
    if (this.#handlers.has(cmd)) throw new TypeError(`cmd: ${cmd} has a handler`);
    this.#handlers.set(cmd, handler);
    return () => {
      if (this.#handlers.get(cmd) === handler) this.#handlers.delete(cmd);
    };
  }

  /**
   * @template {keyof Events} E
   * @param {E} event
   * @param {(value: Events[E]) => void} listener
   * @returns {() => void} takes the listener away
   */
  on(event, listener) {
    const listeners = this.#listeners[event];
    if (!listeners) throw new TypeError(`event: there is no "${event}"`);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** All "msg" and "cmd" until it is closed. @returns {AsyncGenerator<Message, void, void>} */
  async *[Symbol.asyncIterator]() {
    /** @type {Message[]} */
    const queue = [];
    let wake = () => {};
    let overflown = false;
    const take = (/** @type {Message} */ message) => {
      if (queue.push(message) > MAX_WAITING) {
        const { sent_at } = /** @type {Message} */ (queue.shift());
        if (!overflown) this.#emit("gap", { reason: "an iterator is too slow", since: sent_at });
        overflown = true;
      }
      wake();
    };
    const off = [this.on("msg", take), this.on("cmd", take), this.on("state", () => wake())];
    try {
      for (;;) {
        const message = queue.shift();
        if (message) {
          yield message;
          continue;
        }
        overflown = false;
        if (this.state === "closed") return;
        await new Promise(resolve => (wake = () => resolve(undefined)));
      }
    } finally {
      off.forEach(stop => stop());
    }
  }

  /**
   * What the others see in the roster. Said again after every reconnect.
   * @param {Record<string, any>} state at most 2 KiB
   */
  setState(state) {
    const text = JSON.stringify(state);
    if (!isObject(state) || new TextEncoder().encode(text).length > 2_048)
      throw new TypeError("state: must be an object of at most 2,048 bytes");
    this.#state = text;
    return this.#sayState();
  }

  /** Measures the round trip, in ms. No sign of life in time means that the connection is dead. */
  async ping() {
    if (this.state !== "open") throw new AetherError("connection_lost", "not connected", { retryable: true });
    const [start, heard] = [performance.now(), this.#heard];
    const timer = this.#later(() => {
      if (heard === this.#heard) this.#retry("no answer to a heartbeat");
    }, Math.min(this.#interval, 10_000));
    await this.#deliver({ msg_type: "heartbeat", target: "echo" }).finally(() => clearTimeout(timer));
    return (this.latency = performance.now() - start);
  }

  /** Ends it for good. */
  close(reason = "closed by this client") {
    this.#end(reason);
  }

  get #interval() {
    return this.#options.heartbeat ?? this.welcome?.heartbeat_interval_ms ?? 30_000;
  }

  #id() {
    return `${this.#prefix}-${++this.#count}`;
  }

  /** @param {keyof Events} event @param {any} value */
  #emit(event, value) {
    for (const listener of [...this.#listeners[event]]) {
      try {
        listener(value);
      } catch (error) {
        // The other listeners have no part in it, and whoever watches for uncaught errors shall see it.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  /** @param {State} state @param {string} reason */
  #become(state, reason) {
    const previous = this.state;
    this.state = state;
    this.reason = reason;
    this.#emit("state", { state, reason, previous });
  }

  /** @param {() => void} what @param {number} ms */
  #later(what, ms) {
    const timer = setTimeout(what, ms);
    this.#timers.push(timer);
    return timer;
  }

  // ---- sending

  /**
   * @param {Outgoing} message
   * @param {{ack?: boolean, reply?: boolean}} [how] reply: what settles it is a message with `reply_to`, not the ack
   * @returns {Promise<any>}
   */
  #deliver(message, { ack = true, reply } = {}) {
    return new Promise((resolve, reject) => {
      const { cmd, to_id, payload = {} } = message;
      if (this.state === "closed") throw new AetherError("closed", this.reason);
      if (!isObject(payload)) throw new AetherError("invalid_message", "payload: must be an object");
      const id = message.id ?? (ack ? this.#id() : undefined);
      const text = JSON.stringify({
        version: "3",
        ...message,
        msg_type: message.msg_type ?? (cmd ? "cmd" : "msg"),
        target: message.target ?? (to_id ? "direct" : "group"),
        from_id: this.client,
        payload,
        sent_at: now(),
        id,
      });
      const state = message.msg_type === "presence" && cmd === "update";
      const entry = { id: ack ? id : undefined, text, reply, state, resolve, reject };
      if (this.#write(entry)) return;
      if (this.#outbox.length >= this.#options.outbox)
        throw new AetherError("outbox_full", "too many messages wait for the connection", { retryable: true });
      this.#outbox.push(entry);
    });
  }

  /** @param {Entry} entry */
  #write(entry) {
    // A socket that closes would swallow it without a word.
    if (this.state !== "open" || this.#socket.readyState !== 1) return false;
    this.#socket.send(entry.text);
    if (entry.id) this.#waiting.set(entry.id, entry);
    else entry.resolve({});
    return true;
  }

  #sayState() {
    return this.send({
      msg_type: "presence", target: "group", cmd: "update", payload: { state: JSON.parse(this.#state ?? "{}") },
    });
  }

  // ---- receiving

  /** @param {Message} message */
  #receive(message) {
    this.#heard = now();
    const { msg_type, from_id, cmd, msg, payload, id = "", reply_to = "" } = message;
    const entry = this.#waiting.get(msg_type === "heartbeat" ? id : reply_to);
    const settle = () => {
      this.#waiting.delete(entry?.id ?? "");
      return entry;
    };
    if (msg_type === "heartbeat") {
      settle()?.resolve(message);
    } else if (from_id === "aether" && msg_type === "cmd" && cmd === "ack") {
      if (!entry?.reply) settle()?.resolve({ instances: payload.instances });
    } else if (from_id === "aether" && msg_type === "cmd" && cmd === "error") {
      const { code, retryable, retry_after_ms: retryAfter } = payload;
      const error = new AetherError(code, msg ?? code, { retryable, retryAfter });
      if (entry) settle()?.reject(error);
      else this.#emit("error", error);
    } else if (from_id === "aether" && msg_type === "cmd" && cmd === "welcome") {
      this.welcome = payload;
      this.#ready();
    } else if (from_id === "aether" && msg_type === "cmd" && cmd === "gap") {
      this.#gap("the server may have missed messages", payload.since);
    } else if (entry?.reply) {
      if (cmd === "reply_error") settle()?.reject(new AetherError(payload.code, msg ?? payload.code));
      else settle()?.resolve(message);
    } else if (msg_type === "presence") {
      if (cmd === "roster") return;
      this.presence.hear(message);
      this.#emit("presence", message);
    } else if (!reply_to || (cmd !== "reply" && cmd !== "reply_error")) {
      this.#emit(msg_type === "cmd" ? "cmd" : "msg", message);
      const handler = msg_type === "cmd" && this.#handlers.get(cmd ?? "");
      if (handler) this.#carryOut(handler, message);
    }
  }

  /** @param {Handler} handler @param {Message} message */
  async #carryOut(handler, message) {
    const { from_id, group_id, id, payload } = message;
    const key = `${from_id} ${id}`;
    const answer = (/** @type {Outgoing} */ reply) =>
      this.send({ ...reply, target: "direct", to_id: from_id, group_id, reply_to: id }, { ack: false });
    if (id) {
      const before = this.#handled.get(key);
      if (before) answer(before);
      if (before !== undefined) return;
      this.#handled.set(key, null);
      if (this.#handled.size > MAX_WAITING) this.#handled.delete([...this.#handled.keys()][0]);
    }
    /** @type {Outgoing} */
    let reply;
    try {
      const result = await handler(payload, message);
      reply = { cmd: "reply", payload: isObject(result) ? /** @type {any} */ (result) : result === undefined ? {} : { value: result } };
      JSON.stringify(reply);
    } catch (/** @type {any} */ error) {
      reply = { cmd: "reply_error", msg: String(error?.message ?? error), payload: { code: error?.code ?? "failed" } };
      if (!id) this.#emit("error", new AetherError(reply.payload?.code, `${message.cmd}: ${reply.msg}`));
    }
    if (!id) return;
    if (this.#handled.has(key)) this.#handled.set(key, reply);
    answer(reply);
  }

  /** @param {string} reason @param {string} since */
  #gap(reason, since) {
    this.presence.stale().catch(error => this.#emit("error", error));
    this.#emit("gap", { reason, since });
  }

  // ---- connecting

  async #open() {
    const turn = ++this.#turn;
    const { key: ask = this.#options.token, WebSocket } = this.#options;
    this.#earliest = undefined;
    let key = ask;
    if (typeof ask === "function") {
      try {
        key = await ask();
        if (!key || typeof key !== "string") throw new TypeError("it must give a string");
      } catch (error) {
        if (turn === this.#turn) this.#retry(`the key function failed: ${messageOf(error)}`);
        return;
      }
      if (turn !== this.#turn) return;
      if (key === this.#refused?.key) return this.#end(`${this.#refused.reason}, and the key function gives the same key`);
    }
    const protocols = ["aether.v3"];
    if (key) {
      const bytes = String.fromCharCode(...new TextEncoder().encode(/** @type {string} */ (key)));
      protocols.push("aether.auth." + btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, ""));
    }
    const socket = (this.#socket = new WebSocket(this.#url.href, protocols));
    let upgraded = false;
    socket.onopen = () => {
      upgraded = true;
      // With the full profile the welcome comes first, and what it says is needed.
      if (turn === this.#turn && socket.protocol !== protocols[0]) this.#ready();
    };
    socket.onmessage = (/** @type {{data: string}} */ { data }) => {
      if (turn === this.#turn) this.#receive(JSON.parse(data));
    };
    socket.onerror = () => {};
    socket.onclose = (/** @type {{code: number, reason: string}} */ { code, reason }) => {
      if (turn !== this.#turn) return;
      if (!upgraded) this.#explain(turn, key);
      else this.#closed(code, code === 1006 ? "the connection was lost" : `closed by the server with ${code}: ${reason || "no reason"}`, key);
    };
    this.#later(() => this.#retry("the server did not answer in time"), 15_000);
  }

  #ready() {
    const since = this.state === "reconnecting" ? this.#heard : undefined;
    this.#clear();
    this.#later(() => (this.#attempt = 0), 10_000);
    const beat = () => {
      this.#later(beat, this.#interval);
      this.ping().catch(() => {});
    };
    this.#later(beat, this.#interval);
    const previous = this.state;
    this.state = "open";
    if (this.#state && !this.#outbox.some(entry => entry.state)) this.#sayState();
    while (this.#outbox.length && this.#write(this.#outbox[0])) this.#outbox.shift();
    this.state = previous;
    this.#become("open", "connected");
    this.#opened(this);
    if (since) this.#gap("reconnected", since);
  }

  /**
   * A browser doesn't tell why an upgrade was refused; the same address, asked over HTTP, does.
   * @param {number} turn @param {any} key
   */
  async #explain(turn, key) {
    const { fetch } = this.#options;
    const url = this.#url.href.replace(/^ws/, "http");
    let status = 0, least = 0, reason;
    try {
      const answer = await /** @type {typeof globalThis.fetch} */ (fetch)(url, {
        headers: key ? { "X-Aether-API-Key": key } : {}, cache: "no-store", signal: AbortSignal.timeout(5_000),
      });
      status = answer.status;
      const problem = await answer.json().catch(() => null);
      reason = `refused with ${status}: ${problem?.detail ?? answer.statusText}`;
      if (status === 503) least = 1_000 * (Number(answer.headers.get("Retry-After")) || 0);
      if (status === 426)
        reason = "the server would take the connection, but something between does not let WebSockets through";
    } catch (error) {
      reason = `the server cannot be reached: ${messageOf(error)}`;
    }
    if (turn !== this.#turn) return;
    if (status === 401) this.#closed(4001, reason, key);
    else if ([400, 403, 404].includes(status)) this.#end(reason);
    else this.#retry(reason, 1006, least);
  }

  /** @param {number} code @param {string} reason @param {any} key */
  #closed(code, reason, key) {
    const { key: ask = this.#options.token } = this.#options;
    if (code === 4001 && typeof ask === "function") {
      // The next attempt asks for a key, and stops if it is this one.
      this.#refused = { key, reason };
      this.#retry(reason);
    } else if (delay(code, 0)) {
      this.#retry(reason, code);
    } else {
      this.#end(reason, code);
    }
  }

  /** @param {string} reason @param {number} code @param {number} atLeast */
  #retry(reason, code = 1006, atLeast = 0) {
    const [least, spread] = delay(code, this.#attempt++) ?? [0, 0];
    const wait = Math.max(least, atLeast);
    this.#drop(reason)?.close();
    this.#earliest = performance.now() + wait;
    this.#later(() => this.#open(), wait + Math.random() * spread);
    this.#become(this.state === "connecting" ? "connecting" : "reconnecting", reason);
  }

  #wake = () => {
    if (globalThis.document?.visibilityState === "hidden") return;
    if (this.state === "open") this.ping().catch(() => {});
    if (this.#earliest === undefined) return;
    this.#clear();
    this.#later(() => this.#open(), Math.max(0, this.#earliest - performance.now()));
  };

  /** @param {string} reason @param {number} [closeCode] */
  #end(reason, closeCode) {
    if (this.state === "closed") return;
    globalThis.removeEventListener?.("online", this.#wake);
    globalThis.document?.removeEventListener("visibilitychange", this.#wake);
    const socket = this.#drop(reason);
    this.#earliest = undefined;
    const error = new AetherError("closed", reason, { closeCode });
    this.#become("closed", reason);
    for (const entry of this.#outbox.splice(0)) entry.reject(error);
    this.#failed(error);
    socket?.close(1000, reason.slice(0, 40));
  }

  /** Lets go of the socket: nothing of it is heard any more. @param {string} reason */
  #drop(reason) {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#turn++;
    this.#clear();
    for (const [id, entry] of this.#waiting) {
      this.#waiting.delete(id);
      entry.reject(lost(reason));
    }
    return socket;
  }

  #clear() {
    this.#timers.splice(0).forEach(timer => clearTimeout(timer));
  }
}

/**
 * Connects, and stays connected until it is closed or the server says for good that it will not have it.
 * @param {Options} options
 */
export function connect(options) {
  const { url, group, client = `js-${random()}`, role, key, token, echo = true, outbox = 1_000, heartbeat, ...others } = options;
  const { WebSocket = globalThis.WebSocket, fetch = globalThis.fetch, ...unknown } = others;
  const need = (/** @type {unknown} */ valid, /** @type {string} */ rule) => {
    if (!valid) throw new TypeError(rule);
  };
  const isId = (/** @type {unknown} */ id) => typeof id === "string" && /^[\w-]{1,64}$/.test(id) && id !== "aether";
  const isKey = (/** @type {unknown} */ value) =>
    value === undefined || typeof value === "function" || (typeof value === "string" && value !== "");
  for (const name in unknown) need(false, `${name}: is no option`);
  need(isId(group), "group: must be 1 to 64 of A-Z a-z 0-9 _ -, and not aether");
  need(isId(client), "client: must be 1 to 64 of A-Z a-z 0-9 _ -, and not aether");
  need([undefined, "controller", "worker", "observer"].includes(role), "role: must be controller, worker or observer");
  need(isKey(key), "key: must be a string or a function");
  need(isKey(token), "token: must be a string or a function");
  need(key === undefined || token === undefined, "token: is the same as key, give one of them");
  need(typeof echo === "boolean", "echo: must be true or false");
  need(Number.isInteger(outbox) && outbox >= 0, "outbox: must be a number of messages");
  need(heartbeat === undefined || heartbeat > 0, "heartbeat: must be a number of ms");
  need(typeof WebSocket === "function",
    "WebSocket: there is none here; run Node 20 with --experimental-websocket, or give one as the option WebSocket");
  need(typeof fetch === "function", "fetch: must be a function");
  /** @type {URL | undefined} */
  let address;
  try {
    address = new URL(url ?? "/", globalThis.location?.href);
  } catch { /* said below */ }
  if (!address || !/^(http|ws)s?:$/.test(address.protocol)) throw new TypeError("url: must be http(s)://… or ws(s)://…");
  address.protocol = address.protocol.replace("http", "ws");
  address.pathname = `${address.pathname.replace(/\/+$/, "")}/v3/ws/group/${group}/client/${client}`;
  address.search = new URLSearchParams({ ...(role && { role }), ...(!echo && { echo: "off" }) }).toString();
  address.hash = "";
  return new Connection({ ...options, client, outbox, WebSocket, fetch }, address);
}
