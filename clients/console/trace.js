// The card that shows what one client sends and is sent, for whoever may look: the server's trace, as it comes.

import { headersOf } from "./credential.js";
import { batched, byId, element, number, say, setText, timeOfDay } from "./dom.js";
import { eventReader } from "./sse.js";

const mostRows = 200;
const words = {
  end: "The trace has ended: ",
  time: "ten minutes are over. Start it anew to go on.",
  stopping: "the server stops.",
  "no longer allowed": "the key or token may not do this any longer.",
};

/** @param {import("./connection.js").Connection} connection */
export function showTrace(connection) {
  const card = byId("trace");
  const list = byId("traced");
  const status = byId("trace-status");
  /** @type {AbortController | null} */
  let running = null;
  /** @type {any[]} */
  let events = [];
  let drawn = 0;
  let seq = 0;
  let skipped = 0;

  const isShown = (/** @type {any} */ event) => byId("trace-everybody").checked || !isForEverybody(event);

  const draw = batched(() => {
    const fresh = events.filter((event) => event.seq > drawn && isShown(event)).reverse();
    drawn = seq;
    list.prepend(...fresh.map(row));
    while (list.childElementCount > mostRows) list.lastElementChild?.remove();
    byId("traced-region").hidden = list.childElementCount === 0;
    byId("trace-empty").hidden = list.childElementCount !== 0;
    setText(byId("trace-skipped"), skipped ? `${number(skipped)} left out: more than can be shown` : "");
  }, () => 200);

  function redraw() {
    list.replaceChildren();
    drawn = 0;
    draw();
  }

  function add(/** @type {any} */ event) {
    if (event.event === "alive" || event.event === "tracing") return;
    if (event.event === "skipped") skipped += event.count;
    if (event.event === "end") return say(status, words.end + (words[event.reason] ?? event.reason));
    events.push({ ...event, message: parsed(event.frame), seq: ++seq });
    if (events.length > 2 * mostRows) events = events.slice(-mostRows);
    draw();
  }

  /** Looks at a client until somebody stops it, another one is looked at, or the server ends it. */
  async function start(/** @type {string} */ client) {
    stop();
    const own = running = new AbortController();
    const { group, key } = connection;
    events = [];
    skipped = 0;
    redraw();
    card.hidden = false;
    setText(byId("trace-title"), `Trace of ${client}`);
    setText(byId("trace-stop"), "Stop");
    say(status, "Asking …");
    byId("trace-title").focus();
    try {
      const answer = await fetch(connection.address(`groups/${group}/clients/${client}/trace`), {
        credentials: "omit", cache: "no-store", signal: own.signal, headers: headersOf(key),
      });
      if (!answer.ok || !answer.body) {
        const { detail } = await answer.json().catch(() => ({}));
        throw new Error(detail ?? `status ${answer.status}`);
      }
      say(status, `Looking at ${client} in ${group}.`, "good");
      const read = eventReader(({ data }) => add(JSON.parse(data)));
      const text = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await text.read();
        if (done) break;
        read(value);
      }
      if (!status.textContent?.startsWith(words.end)) say(status, "The trace broke off.", "bad");
    } catch (error) {
      if (own.signal.aborted) return;
      say(status, `No trace: ${/** @type {Error} */ (error).message}.`, "bad");
    }
    if (running === own) ended();
  }

  function ended() {
    running = null;
    setText(byId("trace-stop"), "Close");
  }

  function stop() {
    running?.abort();
    running = null;
  }

  byId("trace-stop").addEventListener("click", () => {
    if (running) {
      stop();
      say(status, "Stopped.");
      return ended();
    }
    card.hidden = true;
    byId("members-title").focus();
  });
  byId("trace-everybody").addEventListener("change", redraw);
  connection.on("leave", ({ sameGroup, stays }) => {
    if (sameGroup && stays) return;
    stop();
    card.hidden = true;
  });

  return { start };
}

function parsed(/** @type {string | undefined} */ frame) {
  try {
    return frame === undefined ? null : JSON.parse(frame);
  } catch {
    return null;
  }
}

/** What the whole group gets is listed among the messages anyway. */
const isForEverybody = ({ event, message }) =>
  event === "received" && ["group", "role", "broadcast"].includes(message?.target);

function row(/** @type {any} */ event) {
  const { frame, message, seq: _, ...rest } = event;
  const shown = message ? { ...rest, frame: message } : { ...rest, ...(frame !== undefined && { frame }) };
  return element("li", { className: `traced ${event.event}` }, element("details", {},
    element("summary", {},
      element("span", { className: "time", textContent: timeOfDay(new Date(event.at)) }),
      element("span", { className: "kind", textContent: event.event }),
      element("span", { className: "what", textContent: describe(event) })),
    element("pre", { textContent: JSON.stringify(shown, null, 2) })));
}

/** One line of words for one event. */
function describe({ event, message, frame, connection_id: connection, code, close_code: closeCode, field, reason, count }) {
  if (event === "connected") return `connection ${connection}`;
  if (event === "closed") return `with ${closeCode}${reason ? `: ${reason}` : ""}`;
  if (event === "skipped") return `${number(count)} here`;
  if (event === "gap") return "something may be missing here";
  const said = message
    ? [message.cmd ?? message.msg_type, message.msg, message.target === "direct" && event === "sent" && `to ${message.to_id}`,
      event === "received" && `from ${message.from_id}`].filter(Boolean).join(" · ")
    : (frame ?? "").slice(0, 80);
  return event === "refused" ? `${code}${field ? `, ${field}` : ""}: ${reason} · ${said}` : said;
}
