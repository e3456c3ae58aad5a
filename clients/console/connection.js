// The page's own connection: which group, which key or token, what became of it in words, and its clock.

import { connect } from "../aether.js";
import { userOf } from "./credential.js";
import { batched, byId, number, randomId, setText } from "./dom.js";
import { mayOperate } from "./operator.js";
import { positionsText } from "./recovery.js";

// This file is below {base}/v3/, whatever path the server is mounted at, and in a folder of its version.
const base = import.meta.url.replace(/\/v3\/.*$/, "");
const visionId = /^[A-Za-z0-9_-]{1,64}$/;
const defaultGroup = "demo";

/**
 * Tells "open" (each time), "leave" (before it connects anew, with whether the group and the page stay), "close" (of any
 * connection of this page), and what the client emits.
 */
export class Connection {
  /** @type {Record<string, ((value: any) => void)[]>} */
  #listeners = {
    open: [], leave: [], msg: [], cmd: [], presence: [], state: [], recovered: [], gap: [], lease: [],
    error: [], close: [],
  };

  constructor() {
    /** @type {ReturnType<typeof connect> | null} */
    this.client = null;
    this.group = groupOfHash() ?? defaultGroup;
    this.ownId = `console-${randomId()}`;
    /** As whom it connects: as itself, or as the user of a token. */
    this.client_id = this.ownId;
    /** What the server's clock is ahead of ours, in ms. */
    this.ahead = 0;

    const form = byId("connection");
    byId("group").value = this.group;
    form.addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      this.open();
    });
    byId("disconnect").addEventListener("click", () => this.close());
    addEventListener("hashchange", () => {
      const group = groupOfHash();
      // The skip link goes to a fragment too, and must not cost the address its group.
      if (!group) history.replaceState(null, "", `#group=${this.group}`);
      if (!group || group === this.group) return;
      byId("group").value = group;
      this.open();
    });
  }

  /** @param {string} name @param {(value: any) => void} listener */
  on(name, listener) {
    this.#listeners[name].push(listener);
  }

  // Plain calls: an Event for each of thousands of messages a second is time that the page does not have.
  #tell(/** @type {string} */ name, /** @type {any} */ value) {
    for (const listener of this.#listeners[name]) listener(value);
  }

  get isOpen() {
    return this.client?.state === "open";
  }

  /** Whether the operator's part of the HTTP API is likely to answer this page. */
  get mayOperate() {
    const { welcome } = this.client ?? {};
    return mayOperate({ key: this.key, permissions: welcome?.permissions, hostname: location.hostname });
  }

  /** @param {string} path below `/v3/` of this server */
  address(path) {
    return `${base}/v3/${path}`;
  }

  /** Tells of each time that a connection of this page ends, and with which code. @param {any} client */
  watch(client) {
    const { group } = this;
    client.on("state", (/** @type {any} */ { state, previous, code, reason, closeCode }) => {
      // What is left behind with its group is not of the one that is shown now.
      if (group !== this.group) return;
      if (state !== "reconnecting" && state !== "closed") return;
      if (previous === "reconnecting" && state === "reconnecting") return;
      this.#tell("close", { client: client.client, state, code, reason, closeCode });
    });
    return client;
  }

  /** Options of a further connection of this page to the same group, with the same key. */
  options(/** @type {object} */ more) {
    return { url: base, group: this.group, ...(this.key && { key: this.key }), ...more };
  }

  /** Connects with what the form says, and leaves what was before. */
  open() {
    const group = byId("group").value.trim();
    const bad = !visionId.test(group) || group === "aether";
    byId("group").setAttribute("aria-invalid", String(bad));
    byId("group-error").textContent = bad
      ? "A group is 1 to 64 of A-Z a-z 0-9 _ -, and not “aether”, which is the server itself." : "";
    if (bad) return byId("group").focus();

    this.key = byId("key").value;
    this.client?.close();
    this.#tell("leave", { sameGroup: group === this.group, stays: true });
    this.group = group;
    document.title = `${group} · Aether console`;
    const hash = `#group=${group}`;
    if (location.hash !== hash) history.replaceState(null, "", hash);

    // A token is for one client, and may be for one role.
    const { client: user = this.ownId, role = "observer" } = userOf(this.key);
    this.client_id = user;
    const client = this.watch(connect(this.options({ client: user, role })));
    this.client = client;
    // An earlier client that still says something must not be taken for this one.
    for (const name of /** @type {const} */ (["msg", "cmd", "presence", "recovered", "gap", "lease", "error"])) {
      client.on(name, (value) => {
        if (this.client !== client) return;
        if (value.pos) this.#showPositions();
        this.#tell(name, value);
      });
    }
    client.on("state", () => {
      if (this.client === client) this.#stateChanged();
    });
    this.#stateChanged();
  }

  close() {
    this.client?.close();
    this.#tell("leave", { sameGroup: true, stays: false });
  }

  #stateChanged() {
    if (this.isOpen) {
      const time = Date.parse(this.client?.welcome?.server_time ?? "");
      this.ahead = Number.isNaN(time) ? 0 : time - Date.now();
      this.#tell("open", null);
    }
    this.#tell("state", null);
    // Reconnecting passes through several states within moments; only what lasts is said.
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.#say(), this.isOpen ? 0 : 250);
  }

  // They change with each kept message, faster than anybody reads.
  #showPositions = batched(() => setText(byId("positions"), this.isOpen ? positionsText(this.client?.positions) : ""), () => 500);

  #say() {
    const { state, reason } = /** @type {any} */ (this.client);
    const status = byId("status");
    status.dataset.state = state;
    setText(status, this.#sentence(state, reason));
    setText(byId("facts"), state === "open" ? facts(this.client?.welcome) : "");
    this.#showPositions();
    // A button that hides must not take the keyboard focus with it.
    if (state === "closed" && document.activeElement === byId("disconnect")) byId("connect").focus();
    byId("disconnect").hidden = state === "closed";
    byId("connect").className = state === "closed" ? "primary" : "";
    setText(byId("connect"), state === "closed" ? "Connect" : "Reconnect");
  }

  /** @param {string} state @param {string} reason */
  #sentence(state, reason) {
    const because = reason && reason !== state ? `: ${reason.replace(/\.$/, "")}.` : ".";
    if (state === "open") return `Connected to ${this.group} as ${this.client_id}.`;
    if (state === "connecting") return `Connecting to ${this.group}${because}`;
    if (state === "reconnecting") return `Connection lost, trying again${because}`;
    return `Not connected${because}${this.#advice(reason)}`;
  }

  /** What to do about a refusal. */
  #advice(/** @type {string} */ reason) {
    // The client's reason ends in the status or close code.
    if (/\b(401|4001)\b/.test(reason)) {
      byId("key").focus();
      return this.key ? " The server does not take this key or token: enter another one and connect."
        : " The server asks for an API key or token: enter one and connect.";
    }
    if (/\b403\b/.test(reason)) {
      return " Either the key or token is not good for this group, or the server does not allow pages from this address.";
    }
    return "";
  }
}

function groupOfHash() {
  const group = new URLSearchParams(location.hash.slice(1)).get("group");
  return group && visionId.test(group) ? group : null;
}

/** @param {any} welcome */
function facts(welcome) {
  if (!welcome) return "";
  const { instance_id: instance, rate_limit: limit, permissions } = welcome;
  return [
    instance && `instance ${instance}`,
    limit?.per_second ? `${number(limit.per_second)} messages/s allowed` : "no rate limit",
    permissions?.length ? `may ${permissions.join(", ").replaceAll("_", " ")}` : "no extra permission",
  ].filter(Boolean).join(" · ");
}
