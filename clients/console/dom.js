// What every part of the page needs of the DOM, and how numbers and times are written.

/** @param {string} id @returns {any} */
export const byId = (id) => document.getElementById(id);

/**
 * One element. A property that the element has is set, anything else becomes an attribute.
 * @param {string} tag @param {Record<string, any>} [props] @param {...(Node | string)} children
 * @returns {any}
 */
export function element(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name in node) /** @type {any} */ (node)[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

const tailOfId = 4;

/** An id that is cut in its middle where there is too little room: beginning and end are what tells ids apart. */
export function idText(/** @type {string} */ id) {
  const at = id.length - Math.min(tailOfId, Math.floor(id.length / 2));
  return element("span", { className: "id", title: id },
    element("span", { textContent: id.slice(0, at) }), element("span", { textContent: id.slice(at) }));
}

/** Sets the text only where it differs: a text that is set again is read again by some screen readers. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Says something in a live region. The same sentence twice in a row would not be read, hence the no-break space.
 * @param {HTMLElement} node @param {string} text @param {"" | "good" | "bad"} [tone]
 */
export function say(node, text, tone = "") {
  node.textContent = node.textContent === text && text ? text + "\u00a0" : text;
  node.dataset.tone = tone;
}

/**
 * Calls `work` in an animation frame, at most once in `interval()` ms, however often it is asked. Where the machine is
 * so busy that the work itself takes long, it is done less often, so that nine tenths of the time are for the rest.
 * @param {() => void} work @param {() => number} interval
 */
export function batched(work, interval) {
  let asked = false;
  let last = -Infinity;
  let cost = 0;
  const frame = (/** @type {number} */ now) => {
    asked = false;
    last = now;
    const start = performance.now();
    work();
    cost = performance.now() - start;
  };
  return () => {
    if (asked) return;
    asked = true;
    const wait = last + Math.max(interval(), Math.min(10 * cost, 700)) - performance.now();
    if (wait > 0) setTimeout(requestAnimationFrame, wait, frame);
    else requestAnimationFrame(frame);
  };
}

const wholes = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

export const number = (/** @type {number} */ value) => wholes.format(value);
export const milliseconds = (/** @type {number} */ value) => `${(value < 100 ? tenths : wholes).format(value)} ms`;
export const plural = (/** @type {number} */ n, /** @type {string} */ one, many = one + "s") =>
  `${number(n)} ${n === 1 ? one : many}`;

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
export const timeOfDay = (/** @type {Date} */ date) =>
  `${clock.format(date)}.${String(date.getMilliseconds()).padStart(3, "0")}`;

/** How long ago, in words that stay short. */
export function ago(/** @type {number} */ ms) {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 2) return "now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return plural(Math.floor(seconds / 86_400), "day") + " ago";
}

/** JSON on one line, cut where a row would get too long. */
export function compact(value, length = 160) {
  const text = JSON.stringify(value) ?? "";
  return text.length > length ? text.slice(0, length - 1) + "…" : text;
}

/** A short id nobody else has by chance; works without a secure context, unlike crypto.randomUUID. */
export function randomId(length = 6) {
  const letters = "abcdefghijkmnpqrstuvwxyz23456789";
  return Array.from(crypto.getRandomValues(new Uint8Array(length)), (byte) => letters[byte & 31]).join("");
}
