// Client of Aether Realtime V3: see docs/protocol.md.

/**
 * @typedef {import("./types.js").Connection} Connection
 * @typedef {import("./types.js").Member} Member
 * @typedef {import("./types.js").Message} Message
 * @typedef {import("./types.js").Options} Options
 * @typedef {import("./types.js").Outgoing} Outgoing
 */

const MOST = 1_000;
const now = () => new Date().toISOString();
// http pages have no randomUUID.
const random = () => crypto.getRandomValues(new Uint32Array(2)).join("");
const isObject = (/** @type {any} */ value) => Object.prototype.toString.call(value) === "[object Object]";
const messageOf = (/** @type {any} */ error) => error?.cause?.message ?? error?.message ?? String(error);

export class AetherError extends Error {
  /** @param {number} [retryAfter] ms @param {number} [closeCode] */
  constructor(code = "", message = "", retryable = false, retryAfter, closeCode) {
    super(message);
    this.name = "AetherError";
    this.code = code;
    this.retryable = retryable;
    this.retryAfter = retryAfter;
    this.closeCode = closeCode;
  }
}

/** Ms to wait at least, and up to how many more by chance; undefined: stop. */
const delay = (code = 0, tries = 0) => {
  const is = (/** @type {RegExp} */ codes) => codes.test(String(code));
  if (is(/40..|100[237]/)) return undefined;
  if (is(/1001|1012/)) return [0, 5_000];
  return [is(/41../) ? 1_000 : 0, Math.min(30_000, (is(/1013/) ? 5_000 : 1_000) * 2 ** tries)];
};

/**
 * Connects, and comes back until it is closed or refused for good.
 * @param {Options} options
 * @returns {Connection}
 */
export function connect({
  url = globalThis.location?.origin, group, client = "js-" + random(), role, token, key: keys = token, echo = true,
  outbox: room = MOST, heartbeat, WebSocket = globalThis.WebSocket, fetch = globalThis.fetch,
}) {
  const isId = (/** @type {any} */ id) => typeof id === "string" && /^(?!aether$)[\w-]{1,64}$/.test(id);
  for (const [valid, rule] of [
    [URL.canParse(url) && /^(http|ws)s?:[^?#]+$/.test(url), "url: must be http(s) or ws(s)"],
    [isId(group), "group: must be 1 to 64 of A-Z a-z 0-9 _ -"],
    [isId(client), "client: must be 1 to 64 of A-Z a-z 0-9 _ -"],
    [!role || /^(controller|worker|observer)$/.test(role), "role: must be controller, worker or observer"],
    [/string|function|undefined/.test(typeof keys) && keys !== "", "key: must be a string or a function"],
    [!token || token === keys, "token: must not be given beside key"],
    [room >= 0, "outbox: must be a number"],
    [heartbeat === undefined || heartbeat > 0, "heartbeat: must be a number of ms"],
    [WebSocket, "WebSocket: must be given, or Node 20 run with --experimental-websocket"],
  ]) if (!valid) throw new TypeError(String(rule));
  const address = url.replace(/^http/, "ws").replace(/\/*$/, `/v3/ws/group/${group}/client/${client}?`)
    + (role ? `role=${role}&` : "") + (echo ? "echo=on" : "echo=off");

  const events = new EventTarget();
  const life = new AbortController();
  /** @type {Map<any, (payload: any, message: Message) => unknown>} */
  const handlers = new Map();
  const handled = new Map(); // sender and id: the answer, null before
  const outbox = new Map(); // by id: not written yet
  const waiting = new Map(); // by id: written, not answered yet
  /** @type {any[]} */
  let [
    socket,
    timer, // of this attempt or the next
    earliest, // while the next try waits
    beat,
    refused, // the last key that was
    said, // with setState
    over, // the error of all that comes too late
    asked, // for the roster
    loading,
    missed, // events while it loads
  ] = [];
  let turn = 0; // what an earlier one began is not heard
  let tries = 0;
  let interval = 0;
  let heard = now();

  const emit = (event = "", /** @type {any} */ detail) => events.dispatchEvent(new CustomEvent(event, { detail }));
  const become = (state = "", reason = "") => {
    const previous = me.state;
    Object.assign(me, { state, reason });
    emit("state", { state, reason, previous });
  };

  // ---- sending

  /** With `reply`, what is settled by `reply_to` and not by the ack. @returns {Promise<any>} */
  const deliver = (/** @type {Outgoing} */ message, ack = true, reply = false) => new Promise((resolve, reject) => {
    const { payload = {}, cmd, to_id, id = random() } = message;
    if (over) throw over;
    if (!isObject(payload)) throw new AetherError("invalid_message", "payload: must be an object");
    const text = JSON.stringify({
      msg_type: cmd ? "cmd" : "msg", target: to_id ? "direct" : "group", ...message,
      version: "3", from_id: client, payload, sent_at: now(), id: ack ? id : message.id,
    });
    const entry = { id, text, ack, reply, resolve, reject };
    // Whatever waits goes first.
    if (!outbox.size && write(entry)) return;
    if (outbox.size >= room) throw new AetherError("outbox_full", "too many messages wait for a connection", true);
    outbox.set(id, entry);
  });
  const write = (/** @type {any} */ entry) => {
    // A closing socket would swallow it.
    if (me.state !== "open" || socket.readyState !== 1) return false;
    socket.send(entry.text);
    if (entry.ack) waiting.set(entry.id, entry);
    else entry.resolve({});
    return true;
  };
  const say = () => me.send({ msg_type: "presence", target: "group", cmd: "update", payload: { state: said } });

  // ---- receiving

  const receive = (/** @type {Message} */ message) => {
    const before = heard;
    heard = now();
    const { msg_type, from_id, cmd, msg, payload, id, reply_to } = message;
    const server = msg_type === "cmd" && from_id === "aether" && cmd;
    const error = (server === "error" || cmd === "reply_error")
      && new AetherError(payload.code, msg ?? "", payload.retryable, payload.retry_after_ms);
    const echoed = msg_type === "heartbeat";
    const entry = waiting.get(echoed ? id : reply_to);
    if (entry && (echoed || server === "error" || entry.reply !== (server === "ack"))) {
      waiting.delete(entry.id);
      if (error) entry.reject(error);
      else entry.resolve(entry.reply ? message : payload);
    } else if (server === "welcome") {
      Object.assign(me, { welcome: payload });
      interval = heartbeat ?? payload.heartbeat_interval_ms;
      ready(before);
    } else if (server === "error") {
      emit("error", error);
    } else if (server === "gap") {
      gap("the server may have missed messages", payload.since);
    } else if (echoed || server === "ack" || cmd === "roster" || (reply_to && /^reply(_error)?$/.test(cmd ?? ""))) {
      // Nobody waits for it.
    } else if (msg_type === "presence") {
      missed?.push(message);
      if (asked) apply(members, message);
      emit("presence", message);
    } else {
      emit(msg_type === "cmd" ? "cmd" : "msg", message);
      if (msg_type === "cmd" && handlers.has(cmd)) carryOut(message);
    }
  };

  const carryOut = async (/** @type {Message} */ message) => {
    const { from_id, group_id, id, cmd } = message;
    const once = `${from_id} ${id}`;
    let answer = handled.get(once);
    if (answer === undefined || !id) {
      if (id) handled.set(once, null);
      if (handled.size > MOST) handled.delete(handled.keys().next().value);
      try {
        const result = await handlers.get(cmd)?.(message.payload, message);
        answer = { cmd: "reply", payload: isObject(result) || result === undefined ? result : { value: result } };
        JSON.stringify(answer);
      } catch (/** @type {any} */ error) {
        const code = error?.code ?? "failed";
        answer = { cmd: "reply_error", msg: messageOf(error), payload: { code } };
        if (!id) emit("error", new AetherError(code, answer.msg));
      }
      if (handled.has(once)) handled.set(once, answer);
    }
    if (id && answer) me.direct(from_id, { ...answer, group_id, reply_to: id }, { ack: false });
  };

  const gap = (reason = "", since = "") => {
    if (asked) me.presence.roster({ refresh: true }).catch(error => emit("error", error));
    emit("gap", { reason, since });
  };

  // ---- presence

  /** @type {Map<string, Member>} */
  const members = new Map();
  const apply = (/** @type {Map<string, any>} */ to, /** @type {Message} */ { from_id, cmd, payload, sent_at }) => {
    const one = [{ ...payload, client_id: from_id }];
    const { left = cmd === "leave" ? one : [], joined = cmd === "leave" ? [] : one } = payload;
    for (const { client_id } of left) to.delete(client_id);
    for (const { client_id, role, state = {}, connections = 1 } of joined) {
      const joined_at = (cmd === "update" && to.get(client_id)?.joined_at) || sent_at;
      to.set(client_id, { client_id, role, state, connections, joined_at, last_seen: sent_at });
    }
  };
  const load = async () => {
    /** @type {Message[]} */
    const meanwhile = (missed = []);
    const fresh = new Map();
    for (let offset = 0, more = true; more;) {
      const { payload: { members: page, total } } = await deliver(
        { msg_type: "presence", target: "echo", cmd: "roster", payload: { offset, limit: 500 } }, true, true);
      // Pages overlap by one. If that one is new, others left, and somebody fell between the pages.
      if (offset && page[0] && !fresh.has(page[0].client_id)) offset = Math.max(0, offset - 250);
      else {
        for (const member of page) fresh.set(member.client_id, member);
        more = page[1] && offset + page.length < total;
        offset += page.length - 1;
      }
    }
    if (missed !== meanwhile) return loading;
    missed = undefined;
    for (const event of meanwhile) apply(fresh, event);
    members.clear();
    for (const [id, member] of fresh) members.set(id, member);
  };

  // ---- connecting

  const open = async () => {
    const mine = ++turn;
    earliest = undefined;
    let key = keys;
    if (typeof keys === "function") {
      try {
        key = await keys();
      } catch (error) {
        return mine === turn && retry("the key function failed: " + messageOf(error));
      }
      if (mine !== turn) return;
      if (refused && key === refused) return end("the key was refused", 4001);
    }
    const protocols = ["aether.v3"];
    if (key) {
      const bytes = String.fromCharCode(...new TextEncoder().encode(String(key)));
      protocols.push("aether.auth." + btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", ""));
    }
    let upgraded = false;
    timer = setTimeout(retry, 15_000, "the server does not answer");
    socket = new WebSocket(address, protocols);
    socket.onopen = () => (upgraded = true); // ready comes with the welcome
    socket.onmessage = (/** @type {any} */ { data }) => mine === turn && receive(JSON.parse(data));
    // Node 20 tells of a refusal with an error alone.
    socket.onerror = () => upgraded || (mine === turn && explain(++turn, key));
    socket.onclose = (/** @type {any} */ { code, reason }) => {
      if (!upgraded) socket.onerror();
      else if (mine === turn) closed(`${reason || "the connection was lost"} (${code})`, code, key);
    };
  };
  const ready = (since = "") => {
    const again = me.state === "reconnecting";
    rest();
    timer = setTimeout(() => (tries = 0), 10_000);
    beat = setInterval(probe, interval);
    become("open", "connected");
    for (const [id, entry] of outbox) if (write(entry)) outbox.delete(id);
    if (!again) return;
    if (said) say();
    gap("reconnected", since);
  };

  const probe = () => me.state === "open" && me.ping().catch(() => {});
  /** Why an upgrade was refused is told over HTTP only. */
  const explain = async (mine = 0, /** @type {any} */ key = undefined) => {
    let reason, status = 0, least = 0;
    try {
      const answer = await fetch(address.replace("ws", "http"), {
        headers: key && { "X-Aether-API-Key": key }, cache: "no-store", signal: AbortSignal.timeout(5_000),
      });
      const problem = await answer.json().catch(() => {});
      status = answer.status;
      reason = `${problem?.detail ?? answer.statusText} (${status})`;
      if (status === 503) least = 1_000 * Number(answer.headers.get("Retry-After")) || 0;
      if (status === 426) reason = "something between does not pass WebSockets";
    } catch (error) {
      reason = "the server cannot be reached: " + messageOf(error);
    }
    if (mine !== turn) return;
    if (status === 401) closed(reason, 4001, key);
    else if ([400, 403, 404].includes(status)) end(reason);
    else retry(reason, 1006, least);
  };
  const closed = (reason = "", code = 0, /** @type {any} */ key = undefined) => {
    if (code === 4001) refused = key;
    if (code === 4001 && typeof keys === "function") retry(reason);
    else if (delay(code)) retry(reason, code);
    else end(reason, code);
  };
  const retry = (reason = "", code = 1006, atLeast = 0) => {
    const [least, spread] = delay(code, tries++) ?? [0, 0];
    const wait = Math.max(least, atLeast);
    drop(reason)?.close();
    earliest = performance.now() + wait;
    timer = setTimeout(open, wait + Math.random() * spread);
    become(me.state === "connecting" ? "connecting" : "reconnecting", reason);
  };
  /** The network or the user is back. */
  const wake = () => {
    if (globalThis.document?.hidden) return;
    probe();
    if (earliest === undefined) return;
    rest();
    timer = setTimeout(open, earliest - performance.now());
  };
  const end = (reason = "", /** @type {any} */ code = undefined) => {
    if (over) return;
    life.abort();
    const last = drop(reason);
    over = new AetherError("closed", reason, false, undefined, code);
    for (const entry of outbox.values()) entry.reject(over);
    outbox.clear();
    become("closed", reason);
    last?.close(1000, reason.slice(0, 40));
  };
  const drop = (reason = "") => {
    const last = socket;
    socket = earliest = undefined;
    turn++;
    rest();
    const error = new AetherError("connection_lost", reason + "; it may have arrived", true);
    for (const entry of waiting.values()) entry.reject(error);
    waiting.clear();
    return last;
  };
  const rest = () => {
    clearTimeout(timer);
    clearInterval(beat);
  };

  /** @type {Connection} */
  const me = {
    state: "connecting",
    reason: "connecting",
    client,
    welcome: null,
    opened: new Promise((resolve, reject) =>
      events.addEventListener("state", () => (over ? reject(over) : me.state === "open" && resolve(me)))),
    send(message, { ack = true } = {}) {
      const sent = deliver(message, ack);
      sent.catch(error => emit("error", error));
      return sent;
    },
    group: { id: group, send: (message, how) => me.send({ ...message, target: "group" }, how) },
    direct: (to, message, how) => me.send({ ...message, target: "direct", to_id: to }, how),
    broadcast: (message, how) => me.send({ ...message, target: "broadcast" }, how),
    async request(to, cmd, payload, { timeout = 10_000, signal } = {}) {
      const id = random();
      const failure = () =>
        new AetherError(signal?.aborted ? "aborted" : "timeout", `${cmd}: no answer from ${to}`, !signal?.aborted);
      const giveUp = () => {
        (waiting.get(id) ?? outbox.get(id))?.reject(failure());
        waiting.delete(id);
        outbox.delete(id);
      };
      if (signal?.aborted) throw failure();
      signal?.addEventListener("abort", giveUp);
      const late = setTimeout(giveUp, timeout);
      return deliver({ id, to_id: to, cmd, payload }, true, true).finally(() => {
        clearTimeout(late);
        signal?.removeEventListener("abort", giveUp);
      });
    },
    handle(cmd, handler) {
      handlers.set(cmd, handler);
      return () => handlers.delete(cmd);
    },
    on(event, listener) {
      const hear = (/** @type {any} */ { detail }) => void listener(detail);
      events.addEventListener(event, hear);
      return () => events.removeEventListener(event, hear);
    },
    async *[Symbol.asyncIterator]() {
      /** @type {any[]} */
      const queue = [];
      const stop = new AbortController();
      let full = false;
      let wake = () => {};
      const take = (/** @type {any} */ { type, detail }) => {
        if (type !== "state" && queue.push(detail) > MOST) {
          const since = queue.shift().sent_at;
          if (!full) emit("gap", { reason: "an iterator is too slow", since });
          full = true;
        }
        wake();
      };
      for (const type of ["msg", "cmd", "state"]) events.addEventListener(type, take, stop);
      try {
        while (queue.length || !over) {
          if (queue.length) yield queue.shift();
          else {
            full = false;
            await new Promise(resolve => (wake = () => resolve(0)));
          }
        }
      } finally {
        stop.abort();
      }
    },
    presence: {
      members,
      async roster({ refresh = false } = {}) {
        asked = true;
        if (refresh || !loading) {
          loading = load();
          loading.catch(() => (loading = undefined));
        }
        await loading;
        return [...members.values()];
      },
    },
    async setState(state) {
      if (!isObject(state)) throw new TypeError("state: must be an object");
      said = structuredClone(state);
      return say();
    },
    async ping() {
      if (me.state !== "open") throw new AetherError("connection_lost", "not connected", true);
      const before = heard;
      const start = performance.now();
      const late = setTimeout(
        () => before === heard && retry("no answer to a heartbeat"), Math.min(interval, 10_000));
      await deliver({ msg_type: "heartbeat", target: "echo" }).finally(() => clearTimeout(late));
      const latency = performance.now() - start;
      Object.assign(me, { latency });
      return latency;
    },
    close: (reason = "closed by this client") => end(reason),
  };
  me.opened.catch(() => {});
  globalThis.addEventListener?.("online", wake, life);
  globalThis.document?.addEventListener("visibilitychange", wake, life);
  open();
  return me;
}
