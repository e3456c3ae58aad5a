// The form that sends. What it offers, hints at and refuses comes from the server's own message.schema.json.

import { byId, element, plural, say, setText } from "./dom.js";
import { parseJson } from "./json.js";
import { check, checkLimits, choices, hint } from "./schema.js";

const fields = ["msg_type", "target", "to_id", "to_role", "cmd", "msg", "payload", "group_id", "id", "reply_to"];
// What goes with which target and kind; the others are neither shown nor sent.
const fits = {
  to_id: ({ target }) => target === "direct",
  to_role: ({ target }) => target === "role",
  group_id: ({ target }) => target === "group" || target === "role" || target === "direct",
  cmd: ({ msg_type }) => msg_type !== "heartbeat",
  msg: ({ msg_type }) => msg_type === "msg" || msg_type === "cmd",
  reply_to: ({ msg_type }) => msg_type === "msg" || msg_type === "cmd",
};
// Should the schema not be had: enough to send, with the server to judge.
const fallback = {
  msg_type: ["msg", "cmd", "heartbeat", "presence"],
  target: ["direct", "group", "broadcast", "role", "echo"],
  to_role: ["controller", "worker", "observer"],
};

/**
 * @param {import("./connection.js").Connection} connection
 * @param {(message: any, id: string) => Promise<{ instances: number }>} send
 */
export function showComposer(connection, send) {
  const form = byId("compose");
  const status = byId("compose-status");
  /** @type {any} */
  let schema = null;
  /** @type {any} */
  let refused = null;

  for (const name of fields) {
    const input = byId(name);
    const help = element("p", { className: "hint", id: `${name}-hint` });
    const error = element("p", { className: "error", id: `${name}-error` });
    input.setAttribute("aria-describedby", `${name}-error ${name}-hint`);
    input.after(error, help);
  }
  offer(fallback);
  loadSchema();

  async function loadSchema() {
    try {
      const answer = await fetch(import.meta.url.replace(/\/v3\/.*$/, "/message.schema.json"));
      if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
      schema = await answer.json();
    } catch (error) {
      const { message } = /** @type {Error} */ (error);
      byId("schema-missing").hidden = false;
      setText(byId("schema-missing"), `The schema could not be loaded (${message}): only the server checks.`);
      return;
    }
    const chosen = Object.keys(fallback);
    offer(Object.fromEntries(chosen.map((name) => [name, choices(schema, name)])));
    for (const name of fields) setText(byId(`${name}-hint`), chosen.includes(name) ? "" : hint(schema, name));
    changed();
  }

  function offer(/** @type {Record<string, string[]>} */ values) {
    for (const [name, list] of Object.entries(values)) {
      const before = byId(name).value;
      byId(name).replaceChildren(...list.map((value) => element("option", { value, textContent: value })));
      byId(name).value = list.includes(before) ? before : name === "target" ? "group" : list[0];
    }
  }

  const isFitting = (/** @type {string} */ name) =>
    fits[name]?.({ target: byId("target").value, msg_type: byId("msg_type").value }) ?? true;

  /** The message as the form has it, without what is empty; payload errors are told apart. */
  function read() {
    const message = {};
    for (const name of fields) {
      const text = byId(name).value;
      if (name !== "payload" && text !== "" && isFitting(name)) message[name] = text;
    }
    const payload = byId("payload").value.trim() === "" ? { value: {} } : parseJson(byId("payload").value);
    if ("value" in payload) message.payload = payload.value;
    return { message, syntax: "error" in payload ? payload.error : "" };
  }

  const frameOf = (message) => {
    const { msg_type, target, to_id = null, group_id = null, cmd = null, msg = null, payload, id, reply_to, to_role } = message;
    return {
      version: "3", msg_type, target, from_id: connection.client_id, to_id, group_id, cmd, msg, payload,
      sent_at: new Date().toISOString(), ...(id && { id }), ...(reply_to && { reply_to }),
      ...(to_role && { to_role }),
    };
  };

  /** What is wrong, by field. The empty map says that it may be sent. */
  function problems({ message, syntax }) {
    const wrong = new Map();
    if (syntax) wrong.set("payload", syntax);
    const frame = frameOf(message);
    // An empty field is a field that is not there: the schema then says whether it is required.
    for (const name of ["to_id", "cmd"]) if (frame[name] === null) delete frame[name];
    const found = schema ? check(schema, frame) : [];
    if (!syntax) found.push(...checkLimits(frame, connection.client?.welcome?.max_message_bytes));
    for (const name of ["to_id", "group_id"]) {
      if (message[name] !== "aether") continue;
      found.push({ field: name, rule: "must not be aether, which is the server itself" });
    }
    for (const { field, rule } of found) {
      const name = field.split(".")[0];
      if (!wrong.has(name)) wrong.set(name, `${name} ${rule}.`);
    }
    return wrong;
  }

  function mark(/** @type {Map<string, string>} */ wrong) {
    for (const name of fields) {
      setText(byId(`${name}-error`), wrong.get(name) ?? "");
      if (wrong.has(name)) byId(name).setAttribute("aria-invalid", "true");
      else byId(name).removeAttribute("aria-invalid");
    }
  }

  /** Shows the frame; an error that was shown goes as soon as it is repaired, a new one waits for Send. */
  function changed() {
    const content = read();
    const wrong = problems(content);
    for (const name of fields) if (!byId(`${name}-error`).textContent && name !== "payload") wrong.delete(name);
    mark(wrong);
    for (const name of Object.keys(fits)) byId(name).closest(".field").hidden = !isFitting(name);
    byId("to_id").required = byId("target").value === "direct";
    byId("cmd").required = byId("msg_type").value === "cmd";
    setText(byId("preview"), content.syntax ? `The payload is not JSON.\n${content.syntax}`
      : JSON.stringify(frameOf(content.message), null, 2));
  }

  async function submit() {
    byId("compose-again").hidden = true;
    const content = read();
    const wrong = problems(content);
    mark(wrong);
    if (wrong.size) {
      const [name, rule] = wrong.entries().next().value;
      say(status, fields.includes(name) ? `Not sent: ${rule}` : `Not sent: the ${rule}`, "bad");
      const input = fields.includes(name) ? byId(name) : byId("payload");
      const details = input.closest("details");
      if (details) details.open = true;
      return input.focus();
    }
    if (!connection.isOpen) return say(status, "Not sent: the page is not connected.", "bad");
    changed();
    await deliver(content.message);
  }

  /** Sends a message; one that was refused can be sent again as it was. */
  async function deliver(/** @type {any} */ message) {
    say(status, "Sending …");
    try {
      const { instances } = await send(message, message.id);
      const { msg_type, target } = message;
      say(status, target === "echo" || msg_type === "heartbeat" ? "Taken by the server."
        : `Taken: published on ${plural(instances, "instance")}.`, "good");
    } catch (error) {
      const { code, message: text } = /** @type {any} */ (error);
      say(status, `Refused${code ? ` (${code})` : ""}: ${text}`, "bad");
      refused = message;
      byId("compose-again").hidden = false;
    }
  }

  form.addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    submit();
  });
  form.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    submit();
  });
  form.addEventListener("input", changed);
  byId("compose-again").addEventListener("click", () => {
    if (!connection.isOpen) return say(status, "Not sent: the page is not connected.", "bad");
    // A hidden button must not keep the keyboard focus.
    form.querySelector("[type=submit]").focus();
    byId("compose-again").hidden = true;
    deliver(refused);
  });
  byId("compose-reset").addEventListener("click", () => {
    form.reset();
    byId("compose-again").hidden = true;
    byId("target").value = "group";
    mark(new Map());
    say(status, "");
    changed();
  });
  connection.on("state", changed);
  changed();

  return {
    /** Addresses the form to a client. */
    writeTo(/** @type {string} */ id) {
      byId("target").value = "direct";
      byId("to_id").value = id;
      changed();
      say(status, `Addressed to ${id}.`);
      byId("to_id").focus();
    },
  };
}
