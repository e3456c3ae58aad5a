// The form that gives a command.

import { byId, element, plural, say, setText } from "./dom.js";
import { faultAt, fields, readOrder } from "./order.js";

const input = (/** @type {string} */ name) => byId(`order-${name}`);

/**
 * @param {import("./connection.js").Connection} connection
 * @param {(run: any, cmd: string) => void} onStarted
 */
export function showOrderForm(connection, onStarted) {
  const form = byId("order");
  const status = byId("order-said");
  const button = byId("order-send");
  let busy = false;

  for (const name of fields) {
    const error = element("p", { className: "error", id: `order-${name}-error` });
    // In front of the hint, if the field has one: what is wrong is read first.
    const hint = byId(`order-${name}-hint`);
    input(name).setAttribute("aria-describedby", hint ? `${error.id} ${hint.id}` : error.id);
    if (hint) hint.before(error);
    else input(name).closest(".field").append(error);
  }

  const read = () => readOrder(Object.fromEntries(
    fields.map((name) => [name, input(name).type === "checkbox" ? input(name).checked : input(name).value])));

  function mark(/** @type {Map<string, string>} */ wrong) {
    for (const name of fields) {
      setText(byId(`order-${name}-error`), wrong.get(name) ?? "");
      if (wrong.has(name)) input(name).setAttribute("aria-invalid", "true");
      else input(name).removeAttribute("aria-invalid");
    }
    const first = fields.find((name) => wrong.has(name));
    if (!first) return;
    const details = input(first).closest("form details");
    if (details) details.open = true;
    input(first).focus();
  }

  async function submit() {
    if (busy) return;
    const { cmd, payload, options, wrong } = read();
    mark(wrong);
    if (wrong.size) return say(status, "Not given: see the fields above.", "bad");
    if (!connection.isOpen) return say(status, "Not given: the page is not connected.", "bad");
    const { client } = connection;
    busy = true;
    button.setAttribute("aria-disabled", "true");
    say(status, "Giving it …");
    try {
      const run = await client.command(cmd, payload, options);
      if (client !== connection.client) return say(status, "");
      say(status, `Given to ${plural(run.targets, "member")}.`, "good");
      onStarted(run, cmd);
    } catch (error) {
      refused(error);
    } finally {
      busy = false;
      button.removeAttribute("aria-disabled");
    }
  }

  function refused(/** @type {any} */ error) {
    const fault = faultAt(error);
    if (fault) mark(new Map([[fault.name, fault.text]]));
    say(status, fault ? "Refused: see the field above." : `Refused${error.code ? ` (${error.code})` : ""}: ${error.message}`, "bad");
  }

  /** An error that was shown goes as soon as its field is changed. */
  function changed(/** @type {Event} */ { target }) {
    const name = /** @type {HTMLElement} */ (target).id.replace("order-", "");
    setText(byId(`order-${name}-error`), "");
    input(name).removeAttribute("aria-invalid");
    // Whom it names needs no role.
    input("role").disabled = input("to").value.trim() !== "";
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
  byId("order-reset").addEventListener("click", () => {
    form.reset();
    input("role").disabled = false;
    mark(new Map());
    say(status, "");
  });
  connection.on("leave", ({ sameGroup }) => {
    if (!sameGroup) say(status, "");
  });
}
