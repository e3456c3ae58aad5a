// The card of groups and instances, for whoever may see them.

import { byId, element, number, plural, setText } from "./dom.js";
import { ask, cutMiddle, duration } from "./operator.js";

const refreshEvery = 5000;
const mostGroups = 100;
const groupLength = 26;

/** @param {import("./connection.js").Connection} connection */
export function showDirectory(connection) {
  const card = byId("platform");
  let asked = -Infinity;
  let asking = false;
  /** The client whose key was refused: it is not asked for again. */
  let refused = /** @type {any} */ (null);

  async function load() {
    const client = connection.client;
    asked = performance.now();
    asking = true;
    try {
      const [groups, instances] = await Promise.all([
        ask(connection, `groups?limit=${mostGroups}`), ask(connection, "instances"),
      ]);
      if (client !== connection.client) return;
      showGroups(groups);
      showInstances(instances);
      setText(byId("platform-error"), "");
      card.hidden = false;
    } catch (error) {
      const { message, status } = /** @type {any} */ (error);
      if (client !== connection.client) return;
      // Nobody is told what is not for them; what was there and fails now is said.
      if (status === 401 || status === 403) {
        refused = client;
        card.hidden = true;
      }
      setText(byId("platform-error"), `Could not be read: ${message}.`);
    } finally {
      asking = false;
    }
  }

  function showGroups(/** @type {any} */ { groups, total }) {
    fill(byId("groups"), groups, (group) => group.group_id, ({ group_id: id, members }) => [
      element("th", { scope: "row" }, element("a", {
        href: `#group=${id}`, textContent: cutMiddle(id, groupLength), title: id,
        ...(id === connection.group && { "aria-current": "true" }),
      })),
      element("td", { className: "right", textContent: number(members) }),
    ]);
    setText(byId("platform-count"), plural(total, "group"));
    setText(byId("groups-more"), total > groups.length ? `The first ${groups.length} of ${number(total)} are listed.` : "");
  }

  function showInstances(/** @type {any} */ { instances }) {
    const own = connection.client?.welcome?.instance_id;
    fill(byId("instances"), instances, (one) => one.instance_id, (one) => [
      element("th", { scope: "row", title: one.instance_id }, cutMiddle(one.instance_id),
        ...(one.instance_id === own ? [element("span", { className: "quiet", textContent: "this page’s" })] : [])),
      element("td", { className: "right", textContent: number(one.connections) }),
      element("td", { className: "time", textContent: duration(one.uptime_seconds) }),
      element("td", { className: "version", textContent: one.version }),
    ]);
  }

  /** Replaces the rows, and leaves those alone that say the same: the keyboard focus may be in one. */
  function fill(body, list, keyOf, cellsOf) {
    const before = new Map([...body.children].map((line) => [line.dataset.key, line]));
    const rows = list.map((one) => {
      const line = element("tr", {}, ...cellsOf(one));
      line.dataset.key = keyOf(one);
      const old = before.get(keyOf(one));
      return old?.innerHTML === line.innerHTML ? old : line;
    });
    if (rows.length !== body.childElementCount || rows.some((row, index) => row !== body.children[index])) {
      body.replaceChildren(...rows);
    }
  }

  function tick() {
    const may = connection.isOpen && connection.mayOperate && refused !== connection.client;
    if (!may) card.hidden = true;
    else if (!asking && document.visibilityState === "visible" && performance.now() - asked >= refreshEvery) load();
  }

  connection.on("open", () => {
    asked = -Infinity;
    tick();
  });
  setInterval(tick, 1000);
}
