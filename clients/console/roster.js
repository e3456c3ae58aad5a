// The table of who is in the group. It shows what the client's live map of members holds, whatever event changed it.

import { ago, batched, byId, compact, element, number, plural, say, setText, timeOfDay } from "./dom.js";
import { followLeases } from "./leases.js";
import { ask, cutMiddle } from "./operator.js";

const mostRows = 200;
const idLength = 16;
const markedFor = 2000;
const refreshEvery = 15_000;

/**
 * @param {import("./connection.js").Connection} connection
 * @param {(id: string) => void} onChosen
 * @param {(id: string) => void} onTrace
 */
export function showRoster(connection, onChosen, onTrace) {
  const body = byId("members");
  /** @type {Map<string, any>} client id → what its row consists of */
  const rows = new Map();
  /** @type {Map<string, number>} who came or went lately → when the mark ends */
  const came = new Map();
  const gone = new Map();
  /** @type {Map<string, any> | null} who was here when the table was last drawn */
  let known = null;
  let sort = { by: "client_id", reverse: false };
  let loadedFor = null;
  let refreshed = 0;

  const draw = batched(() => {
    const members = connection.isOpen ? connection.client.presence.members : null;
    if (members && loadedFor === connection.client) compare(members);
    render(known ?? new Map());
  }, () => ((known?.size ?? 0) > mostRows ? 500 : 120));

  const leases = followLeases(connection, draw);

  /** Who came and who went since the last time. */
  function compare(members) {
    const until = performance.now() + markedFor;
    if (known) {
      for (const [id, member] of members) if (!known.has(id)) came.set(id, until);
      for (const [id, member] of known) {
        if (members.has(id)) continue;
        came.delete(id);
        gone.set(id, { until, member });
      }
    }
    known = new Map(members);
    for (const id of members.keys()) gone.delete(id);
    // Marks are for reading, not for a storm: nobody follows more than this.
    if (came.size > mostRows) came.clear();
    if (gone.size > mostRows) gone.clear();
    if (came.size || gone.size) setTimeout(draw, markedFor + 50);
  }

  function render(members) {
    const now = performance.now();
    for (const [id, until] of came) if (until <= now) came.delete(id);
    for (const [id, { until }] of gone) if (until <= now) gone.delete(id);

    const text = byId("members-find").value.trim().toLowerCase();
    const all = [...members.values(), ...[...gone.values()].map(({ member }) => member)];
    const found = text
      ? all.filter((one) => `${one.client_id} ${one.role ?? ""}`.toLowerCase().includes(text)) : all;
    const shown = found.sort(order).slice(0, mostRows);

    const wanted = new Set(shown.map((one) => one.client_id));
    for (const [id, row] of rows) {
      if (wanted.has(id)) continue;
      row.line.remove();
      rows.delete(id);
    }
    let place = body.firstElementChild;
    for (const member of shown) {
      let row = rows.get(member.client_id);
      if (!row) rows.set(member.client_id, row = newRow(member));
      fill(row, member);
      // Rows already in place are left alone, so that the keyboard focus stays where it is.
      if (row.line === place) place = place.nextElementSibling;
      else body.insertBefore(row.line, place);
    }
    age();

    byId("members-region").classList.toggle("operable", connection.isOpen && connection.mayOperate);
    const empty = all.length === 0;
    byId("members-region").hidden = empty;
    byId("members-empty").hidden = !empty;
    setText(byId("members-count"), members.size ? plural(members.size, "member") : "");
    setText(byId("members-more"), found.length > shown.length
      ? `The first ${mostRows} of ${number(found.length)} are listed; “Find” narrows it down.`
      : text && found.length === 0 ? "Nobody matches." : "");
  }

  function newRow(member) {
    const id = member.client_id;
    const button = element("button", { type: "button", className: "link", id: `member-${id}`, textContent: cutMiddle(id, idLength),
      title: id });
    button.addEventListener("click", () => onChosen(id));
    const row = {
      own: element("span", { className: "quiet" }),
      badge: element("span", { className: "badge" }),
      leases: element("span", { className: "leases" }),
      role: element("td"),
      state: element("td", { className: "state" }),
      connections: labelled("Conn.", "right"),
      joined: labelled("Joined", "time"), seen: labelled("Seen", "time"),
      operations: operations(id),
      line: null, member, stateText: "",
    };
    row.line = element("tr", {},
      element("th", { scope: "row" }, button, row.own, row.badge, row.leases, row.operations),
      row.role, row.state, row.connections, row.joined, row.seen);
    return row;
  }

  /** What an operator may do with a member. */
  function operations(/** @type {string} */ id) {
    const button = (/** @type {string} */ textContent, /** @type {(id: string) => void} */ act) => {
      const node = element("button", {
        type: "button", className: "small", textContent, "aria-describedby": `member-${id}`,
      });
      node.addEventListener("click", () => act(id));
      return node;
    };
    return element("span", { className: "operations" }, button("Trace", onTrace), button("Disconnect…", disconnect));
  }

  /** Its client does not come back by itself, so it is asked for once more. */
  async function disconnect(/** @type {string} */ id) {
    if (!confirm(`Disconnect ${id} from ${connection.group}? It is told not to come back by itself.`)) return;
    const said = byId("members-said");
    try {
      const path = `groups/${connection.group}/clients/${id}`;
      const { instances } = await ask(connection, path, "DELETE");
      say(said, `${id} is disconnected, on ${plural(instances, "instance")}.`, "good");
    } catch (error) {
      say(said, `${id} was not disconnected: ${/** @type {Error} */ (error).message}.`, "bad");
    }
  }

  function fill(row, member) {
    const isNew = came.has(member.client_id);
    const isGone = gone.has(member.client_id);
    row.member = member;
    row.line.className = isGone ? "gone" : isNew ? "came" : "";
    // A token that is typed in changes who this page is.
    setText(row.own, member.client_id === connection.client_id ? "this page" : "");
    setText(row.badge, isGone ? "left" : isNew ? "new" : "");
    row.operations.hidden = isGone;
    const held = leases.heldBy(member.client_id);
    setText(row.leases, held.length ? `holds ${held.map((name) => cutMiddle(name, idLength)).join(", ")}` : "");
    row.leases.title = held.join(", ");
    setText(row.role, member.role ?? "–");
    setText(row.connections, String(member.connections ?? 1));
    const state = JSON.stringify(member.state ?? {});
    if (state !== row.stateText) {
      const first = row.stateText === "";
      row.stateText = state;
      row.state.replaceChildren(...describeState(state));
      if (!first) flash(row.state);
    }
  }

  /** Rewrites what says how long ago something was. */
  function age() {
    const now = Date.now() + connection.ahead;
    for (const { member, joined, seen } of rows.values()) {
      const start = Date.parse(member.joined_at);
      const last = Date.parse(member.last_seen);
      setText(joined, Number.isNaN(start) ? "–" : ago(now - start));
      setText(seen, Number.isNaN(last) ? "–" : ago(now - last));
      if (!joined.title && !Number.isNaN(start)) joined.title = timeOfDay(new Date(start));
    }
  }

  function order(a, b) {
    const left = a[sort.by] ?? "";
    const right = b[sort.by] ?? "";
    const byValue = left < right ? -1 : left > right ? 1 : 0;
    const result = byValue || (a.client_id < b.client_id ? -1 : 1);
    return sort.reverse ? -result : result;
  }

  for (const head of document.querySelectorAll("[data-sort]")) {
    const by = /** @type {HTMLElement} */ (head).dataset.sort ?? "";
    head.querySelector("button")?.addEventListener("click", () => {
      sort = { by, reverse: sort.by === by && !sort.reverse };
      markSort();
      draw();
    });
  }
  function markSort() {
    for (const head of document.querySelectorAll("[data-sort]")) {
      if (/** @type {HTMLElement} */ (head).dataset.sort !== sort.by) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", sort.reverse ? "descending" : "ascending");
    }
  }

  /** Asks the server, for what no event tells: last_seen. A large group is asked less often. */
  async function load() {
    const client = connection.client;
    if (!client || client.state !== "open") return;
    refreshed = performance.now();
    try {
      await client.presence.roster({ refresh: true });
      if (client !== connection.client) return;
      loadedFor = client;
    } catch {
      // The connection is gone or busy: what is shown stays, and the next round asks again.
    }
    draw();
  }

  function tick() {
    age();
    const due = (known?.size ?? 0) > 1000 ? 4 * refreshEvery : refreshEvery;
    const waiting = loadedFor !== connection.client ? 2000 : due;
    if (document.visibilityState === "visible" && performance.now() - refreshed >= waiting) load();
  }

  markSort();
  setInterval(tick, 1000);
  byId("members-find").addEventListener("input", draw);
  document.addEventListener("visibilitychange", tick);
  connection.on("open", () => {
    // Until the roster was loaded again the map may be half full, and that is nobody's leaving.
    loadedFor = null;
    load();
  });
  connection.on("presence", draw);
  connection.on("leave", () => {
    known = loadedFor = null;
    came.clear();
    gone.clear();
    draw();
  });
}

/** A cell that says what it is where there is no room for columns. */
function labelled(/** @type {string} */ label, /** @type {string} */ className) {
  const cell = element("td", { className });
  cell.dataset.label = label;
  return cell;
}

/** A long state folds up; all of it stays within reach of the keyboard. */
function describeState(text) {
  if (text === "{}") return [element("span", { className: "quiet", textContent: "{}" })];
  if (text.length <= 120) return [text];
  return [element("details", {}, element("summary", { textContent: compact(JSON.parse(text), 60) }), text)];
}

function flash(cell) {
  cell.classList.remove("changed");
  // Reading the layout between the two makes the animation start again.
  void cell.offsetWidth;
  cell.classList.add("changed");
}
