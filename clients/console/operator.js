// What an operator may ask over HTTP: groups, instances, and the removing of a client. Only for keys that may.

import { headersOf } from "./credential.js";

const localNames = ["localhost", "127.0.0.1", "[::1]"];

/**
 * Whether the server is likely to answer: the key has the permission, or no key is asked and this is its machine.
 * @param {{ key?: string, permissions?: string[], hostname: string }} facts
 */
export const mayOperate = ({ key, permissions, hostname }) =>
  permissions?.includes("admin") === true || (!key && localNames.includes(hostname));

/** An id that keeps its beginning and its end, which tell ids apart. @param {string} id */
export function cutMiddle(id, length = 22) {
  if (id.length <= length) return id;
  const head = Math.ceil((length - 1) / 2);
  return `${id.slice(0, head)}…${id.slice(head + 1 - length)}`;
}

/** How long something runs, in its two largest units. @param {number} seconds */
export function duration(seconds) {
  const units = /** @type {[string, number][]} */ ([["d", 86_400], ["h", 3600], ["min", 60], ["s", 1]]);
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first < 0) return "0 s";
  let left = Math.floor(seconds);
  return units.slice(first, first + 2).map(([name, size]) => {
    const count = Math.floor(left / size);
    left -= count * size;
    return count ? `${count} ${name}` : "";
  }).filter(Boolean).join(" ");
}

/**
 * Asks the server's HTTP API, with the key or token of the page and never with the browser's password.
 * @param {import("./connection.js").Connection} connection @param {string} path below `/v3/`
 */
export async function ask(connection, path, method = "GET") {
  const answer = await fetch(connection.address(path), {
    method,
    credentials: "omit",
    cache: "no-store",
    headers: headersOf(connection.key),
  });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(body.detail ?? `status ${answer.status}`), { status: answer.status });
  return body;
}
