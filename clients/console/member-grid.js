// One small cell for each member of a command, filled line by line: thousands stay in sight, and each can be reached.

import { byId, element, number, plural, setText } from "./dom.js";
import { markOf, memberText, moved, shareOf, states } from "./command-state.js";

// So many cells may be large enough to hit with a finger; more than the others only fit if they are tiny.
const few = 120;
const many = 400;

/** Shows a `CommandState` in the parts of the page that are there for it. */
export function showMemberGrid() {
  const grid = byId("cells");
  const filters = byId("cell-filters");
  /** @type {import("./command-state.js").CommandState | null} */
  let shown = null;
  /** @type {Map<string, any>} client id → its cell */
  const cells = new Map();
  /** Those that are in sight, in their order. @type {string[]} */
  let names = [];
  /** @type {Set<string>} */
  const only = new Set();
  let active = /** @type {string | null} */ (null);
  let pointed = /** @type {string | null} */ (null);
  let made = 0;

  const buttons = new Map(states.map(([name, mark, word]) => {
    const count = element("span", { className: "count" });
    const button = element("button", { type: "button", className: "small state-filter", "aria-pressed": "false" },
      element("span", { className: `cell ${name}`, textContent: mark, "aria-hidden": "true" }), ` ${word} `, count);
    button.addEventListener("click", () => {
      if (!only.delete(name)) only.add(name);
      arrange();
    });
    filters.append(button);
    return [/** @type {string} */ (name), { button, count }];
  }));

  /** Begins anew with another command, or with none. */
  function open(/** @type {import("./command-state.js").CommandState | null} */ command) {
    shown = command;
    cells.clear();
    only.clear();
    active = pointed = null;
    grid.replaceChildren();
    grid.removeAttribute("aria-activedescendant");
    arrange();
  }

  /** Members that changed. Whoever is not known yet gets a cell. */
  function update(/** @type {Iterable<string>} */ changed) {
    if (!shown) return;
    let isNew = false;
    for (const id of changed) {
      let cell = cells.get(id);
      if (!cell) {
        isNew = true;
        cells.set(id, cell = element("span", { role: "option", id: `cell-${++made}`, "aria-selected": "false" }));
        cell.dataset.member = id;
      }
      draw(cell, id);
    }
    // Who is in sight changes with the state that somebody filters by.
    if (isNew || only.size) arrange();
    else count();
    tell();
  }

  function draw(/** @type {any} */ cell, /** @type {string} */ id) {
    const member = shown?.members.get(id);
    const share = member.status === "in_progress" ? shareOf(member.progress) : null;
    cell.className = `cell ${member.status}`;
    setText(cell, markOf(member.status));
    cell.ariaLabel = memberText(id, member);
    cell.style.setProperty("--share", String(share ?? 0));
  }

  function arrange() {
    names = shown?.names(only) ?? [];
    grid.classList.toggle("few", cells.size <= few);
    grid.classList.toggle("many", cells.size > many);
    const wanted = names.map((id) => cells.get(id)).filter(Boolean);
    if (wanted.length !== grid.childElementCount || wanted.some((cell, at) => cell !== grid.children[at])) {
      grid.replaceChildren(...wanted);
    }
    if (active !== null && !names.includes(active)) choose(null);
    grid.hidden = names.length === 0;
    byId("cells-keys").hidden = grid.hidden;
    count();
    tell();
  }

  function count() {
    for (const [name, { button, count: figure }] of buttons) {
      const members = shown?.counts[name] ?? 0;
      button.setAttribute("aria-pressed", String(only.has(name)));
      // One that is pressed stays, or nobody could let go of it.
      button.hidden = members === 0 && !only.has(name);
      setText(figure, number(members));
    }
    filters.hidden = !shown;
    setText(byId("cells-shown"), shown && only.size ? `${plural(names.length, "member")} shown` : "");
  }

  function choose(/** @type {string | null} */ id) {
    if (active !== null) cells.get(active)?.setAttribute("aria-selected", "false");
    active = id;
    const cell = id === null ? null : cells.get(id);
    if (cell) {
      cell.setAttribute("aria-selected", "true");
      grid.setAttribute("aria-activedescendant", cell.id);
      cell.scrollIntoView({ block: "nearest" });
    } else {
      grid.removeAttribute("aria-activedescendant");
    }
    tell();
  }

  /** What is pointed at, or else what is chosen, in words. */
  function tell() {
    const id = pointed ?? active;
    const member = id === null ? null : shown?.members.get(id);
    setText(byId("cell-said"), member ? memberText(/** @type {string} */ (id), member)
      : names.length ? "Point at a cell, or choose one with the arrow keys, to see whose it is." : "");
  }

  grid.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
    const at = active === null ? -1 : names.indexOf(active);
    // The first key of all chooses the first.
    const next = moved(event.key, Math.max(at, 0), names.length, columns);
    if (next === null) return;
    event.preventDefault();
    // A pointer that happens to rest here says nothing any more.
    pointed = null;
    choose(names[at < 0 && event.key.startsWith("Arrow") ? 0 : next]);
  });
  grid.addEventListener("focus", () => {
    if (active === null && names.length && grid.matches(":focus-visible")) choose(names[0]);
  });
  const memberAt = (/** @type {Event} */ { target }) => /** @type {HTMLElement} */ (target).dataset.member ?? null;
  // A move, and not what merely comes to lie under a pointer that rests.
  grid.addEventListener("pointermove", (/** @type {Event} */ event) => {
    pointed = memberAt(event);
    tell();
  });
  grid.addEventListener("pointerleave", () => {
    pointed = null;
    tell();
  });
  grid.addEventListener("click", (/** @type {Event} */ event) => {
    const id = memberAt(event);
    if (id !== null) choose(id);
  });

  return { open, update };
}
