// The list of messages. It shows a sample where more pass than anybody can read, and says so.

import { batched, byId, compact, element, idText, number, plural, setText, timeOfDay } from "./dom.js";
import { showInspector } from "./inspector.js";
import { gapText, recoveredText } from "./recovery.js";
import { Sampler, Seconds } from "./sampler.js";

const rowsPerSecond = 50;
const mostRows = 200;

/**
 * @typedef {{ seq: number, at: Date, message: any, kind: string, mark: string, text?: string }} Entry
 * kind: msg, cmd, presence, close for the end of a connection, notice for what else is no message; mark: "sent" or "reply" for what this page did,
 * "recovered" or "lost" for what became of a return
 */

/**
 * @param {import("./connection.js").Connection} connection
 * @param {(message: any) => Promise<any>} send
 */
export function showFeed(connection, send) {
  const list = byId("feed");
  const nothingYet = byId("feed-empty").textContent;
  const counts = new Seconds(2, () => ({ passed: 0, listed: 0, skipped: 0 }));
  const budget = new Sampler(rowsPerSecond);
  const hiddenBudget = new Sampler(rowsPerSecond);
  const inspector = showInspector(connection, send, (leave) => {
    if (leave) choose(null);
    pauseChanged();
    list.focus();
  });

  /** What is listed, and what the filter keeps out but would show if it were changed; oldest first, both bounded. */
  let listed = /** @type {Entry[]} */ ([]);
  let filteredOut = /** @type {Entry[]} */ ([]);
  let seq = 0;
  let newestDrawn = 0;
  let redraw = false;
  let active = /** @type {HTMLElement | null} */ (null);
  let pressed = false;
  let pausedByButton = false;
  let passedWhilePaused = 0;
  let needle = "";
  let kinds = new Set(["msg", "cmd", "presence", "notice", "close"]);

  const lastSecond = () => counts.history(performance.now()).at(-1) ?? { passed: 0, listed: 0, skipped: 0 };

  // Reading holds the list: a row that somebody chose must not run away.
  const isPaused = () => pausedByButton || active !== null || inspector.isOpen();

  /** @param {any} message @param {string} [kind] @param {string} [mark] */
  function add(message, kind = message.msg_type, mark = "") {
    const now = performance.now();
    const count = counts.at(now).value;
    count.passed++;
    if (isPaused()) {
      passedWhilePaused++;
      return;
    }
    // Nothing is looked at that could not be listed anyway: this is what keeps a flood cheap.
    if (!budget.has(now)) {
      count.skipped++;
      return;
    }
    const entry = { seq: ++seq, at: new Date(), message, kind, mark };
    if (matches(entry)) {
      budget.take(now);
      count.listed++;
      keep(listed, entry);
      draw();
    } else if (hiddenBudget.take(now)) {
      keep(filteredOut, entry);
    }
  }

  function keep(entries, entry) {
    entries.push(entry);
    if (entries.length > mostRows) entries.shift();
  }

  /** @param {Entry} entry */
  function matches(entry) {
    if (!kinds.has(entry.kind)) return false;
    if (needle === "") return true;
    const { from_id, to_id, group_id, cmd, msg, payload } = entry.message;
    entry.text ??= [from_id, to_id, group_id, cmd, msg, JSON.stringify(payload), entry.message.recovered && "recovered"].join("\n").toLowerCase();
    return entry.text.includes(needle);
  }

  function filterChanged() {
    needle = byId("filter").value.trim().toLowerCase();
    kinds = new Set([...byId("types").querySelectorAll("input:checked")].map((box) => box.value));
    const all = [...listed, ...filteredOut].sort((one, other) => one.seq - other.seq);
    listed = all.filter(matches).slice(-mostRows);
    filteredOut = all.filter((entry) => !matches(entry)).slice(-mostRows);
    choose(null);
    redraw = true;
    draw();
  }

  // In a flood the list changes twice a second: that can still be followed, and leaves time for everything else.
  const draw = batched(() => {
    // A row that moved away under a press would never get its click.
    if (pressed) return;
    if (redraw) {
      list.replaceChildren();
      newestDrawn = 0;
      redraw = false;
    }
    const fresh = document.createDocumentFragment();
    for (let index = listed.length - 1; index >= 0 && listed[index].seq > newestDrawn; index--) {
      fresh.append(row(listed[index]));
    }
    newestDrawn = listed.at(-1)?.seq ?? newestDrawn;
    list.prepend(fresh);
    while (list.childElementCount > mostRows) list.lastElementChild?.remove();
    const empty = listed.length === 0;
    byId("feed-scroll").hidden = empty;
    byId("feed-empty").hidden = !empty;
    setText(byId("feed-empty"), filteredOut.length ? "Nothing that passed matches the filter." : nothingYet);
  }, () => (lastSecond().skipped ? 500 : 160));

  function row(/** @type {Entry} */ entry) {
    const { message, kind, mark } = entry;
    const text = [message.cmd, message.msg].filter(Boolean).join(" · ");
    const node = element("div",
      { role: "option", id: `m${entry.seq}`, className: `row ${kind} ${mark}`.trimEnd(), "aria-selected": "false" },
      element("span", { className: "time", textContent: timeOfDay(entry.at) }),
      element("span", { className: "kind", textContent: mark || kind }),
      element("span", { className: "ends" }, idText(message.from_id), " → ", receiver(message)),
      element("span", { className: "text" },
        ...(message.recovered ? [element("span", { className: "tag", textContent: "recovered" }), " "] : []), text || "–"),
      element("span", { className: "json", textContent: compact(message.payload) }));
    node.entry = entry;
    return node;
  }

  function choose(/** @type {any} */ node) {
    active?.setAttribute("aria-selected", "false");
    active = node;
    if (node) {
      node.setAttribute("aria-selected", "true");
      list.setAttribute("aria-activedescendant", node.id);
      node.scrollIntoView({ block: "nearest" });
    } else {
      list.removeAttribute("aria-activedescendant");
    }
    pauseChanged();
  }

  function pauseChanged() {
    const paused = isPaused();
    if (!paused) passedWhilePaused = 0;
    setText(byId("pause"), paused ? "Resume" : "Pause");
    const why = pausedByButton ? "Paused. Resume goes on." : "Held while you read. Escape or Resume goes on.";
    setText(byId("paused"), paused ? why : "");
    tellRate();
  }

  function inspect(node) {
    choose(node);
    inspector.show(node.entry);
    pauseChanged();
  }

  function resume() {
    pausedByButton = false;
    inspector.hide();
    choose(null);
  }

  /** Once a second: what passed, and how much of it is here. */
  function tellRate() {
    const last = lastSecond();
    let text = last.passed ? `${number(last.passed)} messages/s` : "";
    if (isPaused()) text = `${plural(passedWhilePaused, "message")} passed meanwhile`;
    else if (last.skipped) text = `showing ${number(last.listed)} of ${number(last.passed)} messages/s`;
    setText(byId("sampling"), text);
  }

  list.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const first = list.firstElementChild;
    const steps = {
      ArrowDown: () => (active ? active.nextElementSibling : first) ?? active,
      ArrowUp: () => (active ? active.previousElementSibling : first) ?? active,
      PageDown: () => list.children[Math.min(list.childElementCount - 1, indexOf(active) + 10)],
      PageUp: () => list.children[Math.max(0, indexOf(active) - 10)],
      Home: () => first,
      End: () => list.lastElementChild,
    };
    if (event.key in steps) {
      event.preventDefault();
      const node = steps[/** @type {keyof steps} */ (event.key)]();
      if (inspector.isOpen()) inspect(node);
      else choose(node);
    } else if ((event.key === "Enter" || event.key === " ") && active) {
      event.preventDefault();
      inspect(active);
      inspector.focus();
    } else if (event.key === "Escape" && isPaused()) {
      event.preventDefault();
      resume();
    }
  });
  const indexOf = (node) => (node ? [...list.children].indexOf(node) : 0);

  list.addEventListener("click", (/** @type {any} */ event) => {
    const node = event.target.closest("[role=option]");
    if (node) inspect(node);
  });
  list.addEventListener("pointerdown", () => {
    pressed = true;
  });
  for (const end of ["pointerup", "pointercancel"]) {
    // Behind the click, which comes right after it.
    addEventListener(end, () => {
      if (!pressed) return;
      setTimeout(() => {
        pressed = false;
        draw();
      });
    });
  }
  byId("pause").addEventListener("click", () => {
    if (isPaused()) resume();
    else {
      pausedByButton = true;
      pauseChanged();
    }
  });
  byId("clear").addEventListener("click", clear);
  byId("filter").addEventListener("input", filterChanged);
  byId("types").addEventListener("change", filterChanged);
  function clear() {
    listed = [];
    filteredOut = [];
    passedWhilePaused = 0;
    list.replaceChildren();
    inspector.hide();
    choose(null);
    draw();
  }

  for (const name of ["msg", "cmd", "presence"]) {
    connection.on(name, add);
  }
  connection.on("gap", (detail) => add({
    from_id: "aether", to_id: connection.client_id, target: "direct", cmd: "gap",
    msg: gapText(detail), payload: detail,
  }, "notice"));
  connection.on("recovered", (detail) => {
    const { lost, text } = recoveredText(detail);
    add({
      from_id: "aether", to_id: connection.client_id, target: "direct", cmd: "recovered", msg: text, payload: detail,
    }, "notice", lost ? "lost" : "recovered");
  });
  connection.on("error", (detail) => add({
    from_id: "aether", to_id: connection.client_id, target: "direct", cmd: "error", msg: detail.message,
    payload: { code: detail.code ?? "failed", retryable: detail.retryable ?? false },
  }, "notice"));
  connection.on("close", ({ client, state, code, reason, closeCode }) => add({
    from_id: client, to_id: null, target: "close", cmd: closeCode ? `closed with ${closeCode}` : code, msg: reason,
    payload: { code, ...(closeCode && { close_code: closeCode }), comes_back: state === "reconnecting" },
  }, "close"));
  connection.on("leave", (detail) => {
    if (!detail.sameGroup) clear();
  });
  setInterval(tellRate, 1000);

  return {
    /** Lists what this page did and no event tells: a direct message that it sent, a reply that it got. */
    addOwn: (/** @type {any} */ message, /** @type {"sent" | "reply"} */ mark) => add(message, message.msg_type, mark),
  };
}

/** To whom, in a word or an id. */
function receiver(message) {
  if (message.target === "direct") return idText(message.to_id ?? "–");
  if (message.target === "role") return `all ${message.to_role}s`;
  return { group: "group", broadcast: "everyone", echo: "itself", close: "closed" }[message.target] ?? "–";
}
