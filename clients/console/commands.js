// The card of commands: those of the group, and the chosen one as it goes.

import { CommandState, countsText, endedText, standing, standingAndWhy, wordOf } from "./command-state.js";
import { ago, batched, byId, element, number, plural, say, setText, timeOfDay } from "./dom.js";
import { showMemberGrid } from "./member-grid.js";
import { cutMiddle } from "./operator.js";
import { showOrderForm } from "./order-form.js";

const mostListed = 30;
const mostFailures = 200;
const pageSize = 500;
const refreshEvery = 5000;
const orders = /** @type {const} */ (["cancel", "resume", "retry"]);

/** @param {import("./connection.js").Connection} connection */
export function showCommands(connection) {
  const body = byId("orders");
  const said = byId("command-said");
  const grid = showMemberGrid();
  showOrderForm(connection, (run, cmd) => follow(run.id, { cmd }, run));

  /** @type {any[]} */
  let listed = [];
  let asked = -Infinity;
  let asking = false;
  /** @type {CommandState | null} */
  let chosen = null;
  /** @type {any} */
  let run = null;
  /** The one that a watch is under way for. @type {CommandState | null} */
  let watched = null;
  /** @type {Set<string>} */
  let changed = new Set();
  let told = "";

  // --- the list -----------------------------------------------------------------------------------------------------

  async function load() {
    const { client } = connection;
    if (!connection.isOpen || asking) return;
    asking = true;
    asked = performance.now();
    try {
      const { commands, total } = await client.commands({ limit: mostListed });
      if (client !== connection.client) return;
      listed = commands;
      setText(byId("commands-count"), total ? plural(total, "command") : "");
      setText(byId("commands-more"), total > commands.length ? `The last ${mostListed} are listed.` : "");
      setText(byId("commands-error"), "");
      list();
    } catch (error) {
      if (client !== connection.client || !connection.isOpen) return;
      setText(byId("commands-error"), `The commands could not be read: ${/** @type {Error} */ (error).message}`);
    } finally {
      asking = false;
    }
  }

  function list() {
    const before = new Map([...body.children].map((line) => [line.dataset.command, line]));
    const rows = listed.map((command) => {
      const line = before.get(command.command_id) ?? newRow(command);
      fill(line, command.command_id === chosen?.id ? { ...command, ...standingOf(chosen) } : command);
      return line;
    });
    // Rows already in place are left alone, so that the keyboard focus stays where it is.
    if (rows.length !== body.childElementCount || rows.some((row, at) => row !== body.children[at])) body.replaceChildren(...rows);
    byId("orders-region").hidden = rows.length === 0;
    byId("commands-empty").hidden = rows.length !== 0;
  }

  function newRow(/** @type {any} */ { command_id: id, cmd, from_id, created_at }) {
    const button = element("button", { type: "button", className: "link", textContent: cutMiddle(cmd, 28), title: cmd });
    button.addEventListener("click", () => {
      if (connection.isOpen) follow(id, listed.find((one) => one.command_id === id));
    });
    const line = element("tr", {},
      element("th", { scope: "row" }, button,
        element("span", { className: "quiet", textContent: `by ${cutMiddle(from_id, 18)}`, title: from_id })),
      element("td"), element("td"), element("td", { className: "time", title: timeOfDay(new Date(created_at)) }));
    line.dataset.command = id;
    return line;
  }

  function fill(/** @type {any} */ line, /** @type {any} */ command) {
    const [, state, counts, time] = line.children;
    if (command.command_id === chosen?.id) line.setAttribute("aria-current", "true");
    else line.removeAttribute("aria-current");
    setText(state, standing(command));
    setText(counts, endedText(command.counts));
    setText(time, ago(Date.now() + connection.ahead - Date.parse(command.created_at)));
  }

  // --- the chosen one -----------------------------------------------------------------------------------------------

  /** Shows a command, and what becomes of it until another one is chosen. */
  async function follow(/** @type {string} */ id, /** @type {any} */ summary, /** @type {any} */ known = null) {
    if (chosen?.id === id && run) return byId("command-title").focus();
    const own = begin(id, summary);
    byId("command-title").focus();
    load();
    await watch(own, known);
  }

  function begin(/** @type {string} */ id, /** @type {any} */ summary) {
    chosen = new CommandState(id, summary);
    run = watched = null;
    changed = new Set();
    told = "";
    say(said, "");
    byId("command").hidden = false;
    grid.open(chosen);
    draw();
    return chosen;
  }

  async function watch(/** @type {CommandState} */ own, /** @type {any} */ known) {
    const { client } = connection;
    const isMine = () => own === chosen && client === connection.client;
    watched = own;
    try {
      const found = known ?? await client.watch(own.id);
      if (!isMine()) return;
      run = found;
      draw();
      // Events do not tell of those whose turn has not come yet.
      read(own).catch(failed);
      for await (const turn of found) {
        if (!isMine()) return;
        take(own, turn);
      }
      // Whoever reported too late is told of only here.
      if (isMine()) await read(own);
    } catch (error) {
      if (isMine()) failed(error);
    } finally {
      if (isMine()) watched = null;
    }
  }

  const failed = (/** @type {any} */ error) => {
    // A connection that breaks is said elsewhere, and what was asked for is asked again on the next.
    if (connection.isOpen) say(said, `It cannot be followed: ${error.message}`, "bad");
  };

  function take(/** @type {CommandState} */ own, /** @type {any} */ word) {
    for (const id of own.merge(word)) changed.add(id);
    draw();
    // Nothing more is heard of it: the list is to know its end too.
    if (own.isEnded) asked = -Infinity;
  }

  /** Reads all of its members, page by page. */
  async function read(/** @type {CommandState} */ own) {
    const { client } = connection;
    for (let offset = 0; own === chosen && client === connection.client;) {
      const page = await readPage(own.id, offset);
      if (own !== chosen || client !== connection.client) return;
      take(own, page);
      offset += page.executions.length;
      if (page.executions.length === 0 || offset >= own.targets) return;
    }
  }

  async function readPage(/** @type {string} */ command_id, /** @type {number} */ offset) {
    for (;;) {
      try {
        return (await connection.client.request("aether", "command.get", { command_id, offset, limit: pageSize })).payload;
      } catch (error) {
        const { code, retryAfter = 1000 } = /** @type {any} */ (error);
        // Members count for the rate; for thousands of them it is not enough.
        if (code !== "rate_limited") throw error;
        await new Promise((resolve) => setTimeout(resolve, retryAfter));
      }
    }
  }

  const draw = batched(() => {
    if (!chosen) return;
    const now = changed;
    changed = new Set();
    grid.update(now);
    setText(byId("command-title"), chosen.cmd ?? "Command");
    setText(byId("command-state"), standingAndWhy(chosen));
    byId("command-state").dataset.status = chosen.status;
    setText(byId("command-facts"), facts(chosen));
    setText(byId("command-counts"), chosen.targets ? `${number(chosen.ended)} of ${number(chosen.targets)} have ended` : "");
    byId("command-progress").max = Math.max(1, chosen.targets);
    byId("command-progress").value = chosen.ended;
    showFailures(chosen);
    enable(chosen);
    tell(chosen);
    list();
  }, () => ((chosen?.members.size ?? 0) > 500 ? 400 : 120));

  function facts(/** @type {CommandState} */ command) {
    return [
      `batch ${command.batch}`, command.from_id && `given by ${cutMiddle(command.from_id)}`,
      command.created_at && `at ${timeOfDay(new Date(command.created_at)).slice(0, 8)}`,
      command.ended_at ? `ended at ${timeOfDay(new Date(command.ended_at)).slice(0, 8)}`
        : command.deadline && !command.isEnded && `time until ${timeOfDay(new Date(command.deadline)).slice(0, 8)}`,
    ].filter(Boolean).join(" · ");
  }

  function showFailures(/** @type {CommandState} */ command) {
    const all = command.failures;
    const rows = all.slice(0, mostFailures);
    const text = JSON.stringify(rows);
    byId("failures").hidden = rows.length === 0;
    setText(byId("failures-count"), rows.length ? plural(all.length, "member") : "");
    setText(byId("failures-more"), all.length > rows.length ? `The first ${mostFailures} are listed.` : "");
    if (byId("failed").dataset.text === text) return;
    byId("failed").dataset.text = text;
    byId("failed").replaceChildren(...rows.map(({ id, status, attempt, why }) => element("tr", {},
      element("th", { scope: "row", textContent: cutMiddle(id), title: id }), element("td", { textContent: wordOf(status) }),
      element("td", { className: "right", textContent: String(attempt) }), element("td", { className: "why", textContent: why }))));
  }

  function enable(/** @type {CommandState} */ command) {
    const { may } = command;
    for (const order of orders) {
      const button = byId(`command-${order}`);
      const enabled = may[order] && run !== null && connection.isOpen;
      // A button that cannot be pressed any more must not take the keyboard focus with it.
      if (!enabled && document.activeElement === button) byId("command-title").focus();
      button.disabled = !enabled;
    }
  }

  /** Says aloud where it stands, and only when that changes: each report of each member would be a flood. */
  function tell(/** @type {CommandState} */ command) {
    if (command.version < 0) return;
    const text = standingAndWhy(command);
    if (text === told) return;
    const isFirst = told === "";
    told = text;
    if (isFirst && command.status === "in_progress") return;
    const tone = !command.isEnded ? "" : command.status === "succeeded" ? "good" : "bad";
    say(said, `${command.cmd ?? "The command"}: ${text}. ${countsText(command.counts)}.`, tone);
  }

  /** @param {"cancel" | "resume" | "retry"} order */
  async function give(order) {
    const own = chosen;
    if (!own || !run) return;
    try {
      const answer = await run[order]();
      if (own !== chosen) return;
      if (order === "retry") await follow(answer.id, { cmd: own.cmd }, answer);
    } catch (error) {
      if (own !== chosen) return;
      const { code, message } = /** @type {any} */ (error);
      say(said, `Refused${code ? ` (${code})` : ""}: ${message}`, "bad");
    }
  }

  function close() {
    chosen = run = null;
    byId("command").hidden = true;
    grid.open(null);
    list();
  }

  for (const order of orders) byId(`command-${order}`).addEventListener("click", () => give(order));
  byId("command-close").addEventListener("click", () => {
    const line = [...body.children].find((row) => row.dataset.command === chosen?.id);
    close();
    (line?.querySelector("button") ?? byId("commands-title")).focus();
  });
  connection.on("open", () => {
    asked = -Infinity;
    tick();
    // Another client of this page knows nothing of what the one before has watched; the same one goes on by itself.
    if (chosen && !run && !watched) watch(chosen, null);
    else if (chosen && run && !chosen.isWhole) read(chosen).catch(failed);
    draw();
  });
  connection.on("state", draw);
  connection.on("leave", ({ sameGroup }) => {
    run = watched = null;
    if (sameGroup) return draw();
    listed = [];
    setText(byId("commands-count"), "");
    setText(byId("commands-more"), "");
    close();
  });

  function tick() {
    if (document.visibilityState === "visible" && performance.now() - asked >= refreshEvery) load();
  }
  setInterval(tick, 1000);
}

const standingOf = (/** @type {CommandState} */ { status, reason, counts, version }) => (version < 0 ? {} : { status, reason, counts });
