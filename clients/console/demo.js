// What a newcomer presses: workers that live in this page, work for them, and a burst of messages.

import { connect } from "../aether.js";
import { isToken } from "./credential.js";
import { byId, element, milliseconds, number, plural, randomId, say, setText } from "./dom.js";
import { cutMiddle } from "./operator.js";

const atOnce = 3;
const mostWorkers = 30;
const mostAsked = 100;
const mostJobs = 100;
const burstSeconds = 10;
const seenKey = "aether-console-seen";

/**
 * @param {import("./connection.js").Connection} connection
 * @param {{ addOwn: (message: any, mark: "sent" | "reply") => void }} feed
 * @param {(message: any, id?: string) => Promise<any>} send
 */
export function showDemo(connection, feed, send) {
  const status = byId("demo-status");
  /** @type {any[]} */
  let workers = [];
  let made = 0;
  let jobs = 0;
  const series = randomId(3);

  async function add() {
    seen();
    if (!connection.isOpen) return say(status, "The page is not connected: connect first.", "bad");
    if (isToken(connection.key)) return say(status, "A token is for one client: demo workers need an API key.", "bad");
    if (workers.length + atOnce > mostWorkers) {
      return say(status, `${mostWorkers} workers in one page are enough: each receives all messages.`, "bad");
    }
    const added = Array.from({ length: atOnce }, () => newWorker(connection, `demo-${series}-${++made}`));
    workers.push(...added);
    byId("demo-remove").hidden = false;
    say(status, "Connecting 3 workers …");
    const opened = await Promise.allSettled(added.map((worker) => worker.opened));
    const failed = opened.find((outcome) => outcome.status === "rejected");
    if (failed) return say(status, `A worker could not connect: ${failed.reason.message}`, "bad");
    handOut(added.map((worker) => worker.client));
  }

  function remove() {
    for (const worker of workers) worker.close();
    say(status, workers.length ? `${plural(workers.length, "demo worker")} left.` : "");
    // A hidden button must not keep the keyboard focus.
    if (document.activeElement === byId("demo-remove")) byId("demo-add").focus();
    workers = [];
    byId("demo-remove").hidden = true;
  }

  /** A request to each, all at once; the replies are shown as they come. */
  async function handOut(/** @type {string[]} */ ids) {
    seen();
    const asked = ids.slice(0, mostAsked);
    let replied = 0;
    let failed = 0;
    const whom = ids.length > asked.length
      ? `the first ${asked.length} of ${number(ids.length)} workers` : plural(asked.length, "worker");
    // Each reply is in the table; saying every one aloud would be a flood.
    say(status, `Work handed out to ${whom}.`);
    await Promise.all(asked.map(async (id) => ((await job(id)) ? replied++ : failed++)));
    const failures = failed ? `, ${failed} failed` : "";
    say(status, `Work done by ${whom}: ${replied} replied${failures}.`, failed ? "bad" : "good");
  }

  async function job(/** @type {string} */ worker) {
    const payload = { job: ++jobs };
    const reply = element("td", { textContent: "waiting …", className: "quiet" });
    const after = element("td", { className: "right" });
    const row = element("tr", {}, element("th", { scope: "row", textContent: cutMiddle(worker), title: worker }),
      element("td", { textContent: `work ${jobs}` }), reply, after);
    byId("jobs-region").hidden = false;
    byId("jobs").prepend(row);
    while (byId("jobs").childElementCount > mostJobs) byId("jobs").lastElementChild.remove();

    const start = performance.now();
    const group_id = connection.group;
    feed.addOwn({
      version: "3", msg_type: "cmd", target: "direct", from_id: connection.client_id, to_id: worker, group_id,
      cmd: "work", msg: null, payload, sent_at: new Date().toISOString(),
    }, "sent");
    try {
      const answer = await connection.client.request(worker, "work", payload, { timeout: 15_000 });
      feed.addOwn(answer, "reply");
      reply.textContent = JSON.stringify(answer.payload);
      reply.className = "state changed";
      return true;
    } catch (error) {
      const { code, message } = /** @type {any} */ (error);
      reply.textContent = code ? `${code}: ${message}` : message;
      reply.className = "bad";
      return false;
    } finally {
      after.textContent = milliseconds(performance.now() - start);
    }
  }

  async function handOutToAll() {
    if (!connection.isOpen) return say(status, "The page is not connected: connect first.", "bad");
    const members = await connection.client.presence.roster().catch(() => []);
    const found = members.filter((member) => member.role === "worker").map((member) => member.client_id);
    if (found.length === 0) return say(status, "The group has no worker. “Add 3 demo workers” brings some.", "bad");
    await handOut(found);
  }

  const burst = newBurst(connection, send);
  byId("demo-add").addEventListener("click", add);
  byId("demo-work").addEventListener("click", handOutToAll);
  byId("demo-remove").addEventListener("click", remove);
  byId("burst").addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    burst.toggle();
  });
  connection.on("open", () => {
    const limit = connection.client?.welcome?.rate_limit?.per_second || 5000;
    byId("burst-rate").max = String(limit);
    if (byId("burst-rate").valueAsNumber > limit) byId("burst-rate").value = String(limit);
  });
  connection.on("leave", ({ sameGroup, stays }) => {
    burst.stop();
    if (!sameGroup || !stays) remove();
  });

  // The hint is for the first visit. Without storage every visit is one.
  try {
    byId("welcome").hidden = localStorage.getItem(seenKey) !== null;
  } catch {
    byId("welcome").hidden = false;
  }
  function seen() {
    byId("welcome").hidden = true;
    try {
      localStorage.setItem(seenKey, "1");
    } catch {
      // Then it is shown again next time.
    }
  }
  byId("welcome-close").addEventListener("click", () => {
    seen();
    byId("demo-add").focus();
  });
}

/** A worker as anybody would write it: it says what it is doing, and takes one job at a time. */
function newWorker(connection, client) {
  const worker = connection.watch(connect(connection.options({ client, role: "worker" })));
  let done = 0;
  let last = Promise.resolve();
  worker.opened.then(() => worker.setState({ busy: false, done })).catch(() => {
    // Not connected at all, which add() tells; or gone again, and the state is said after the reconnect.
  });
  worker.handle("work", (/** @type {any} */ payload, /** @type {any} */ message) => {
    const work = async () => {
      const takes = Math.round(300 + Math.random() * 1200);
      await worker.setState({ busy: true, done, ...(payload.job && { job: payload.job }) });
      for (let percent = 0; percent < 100 && !message.signal.aborted; percent += 20) {
        message.progress({ percent });
        await new Promise((resolve) => setTimeout(resolve, takes / 5));
      }
      // Who is called off has not done it.
      await worker.setState({ busy: false, done: message.signal.aborted ? done : ++done });
      message.signal.throwIfAborted();
      return { done, took_ms: takes };
    };
    const result = last.then(work);
    last = result.then(() => {}, () => {});
    return result;
  });
  return worker;
}

/** Messages to the group at a steady rate, and what became of them. */
function newBurst(connection, send) {
  const button = byId("burst-go");
  const status = byId("demo-status");
  let timer = 0;

  function stop() {
    clearInterval(timer);
    timer = 0;
    setText(button, `Burst for ${burstSeconds} s`);
  }

  function start() {
    if (!connection.isOpen) return say(status, "The page is not connected: connect first.", "bad");
    const rate = byId("burst-rate").valueAsNumber;
    const total = rate * burstSeconds;
    const client = connection.client;
    const began = performance.now();
    let sent = 0;
    let taken = 0;
    let refused = 0;
    let code = "";
    setText(button, "Stop the burst");
    say(status, `Sending ${number(rate)} messages a second to the group for ${burstSeconds} s.`);
    const tell = () => {
      if (timer !== 0 || taken + refused < sent) return;
      say(status, `The burst is over: ${number(sent)} of ${number(total)} messages were sent, ${number(taken)} taken` +
        (refused ? `, ${number(refused)} refused (${code}).` : "."), refused ? "bad" : "good");
    };
    timer = setInterval(() => {
      if (connection.client !== client || client.state !== "open") return stop();
      const elapsed = (performance.now() - began) / 1000;
      // A page in the background is called late; what it missed is not made up for at once.
      const owed = Math.min(Math.floor(rate * Math.min(elapsed, burstSeconds)) - sent, Math.ceil(rate / 4));
      for (let index = 0; index < owed; index++) {
        send({ msg_type: "msg", target: "group", msg: "burst", payload: { n: ++sent, of: total } })
          .then(() => taken++, (error) => {
            refused++;
            code = error.code ?? error.message;
          }).then(tell);
      }
      if (elapsed >= burstSeconds) {
        stop();
        tell();
      }
    }, 50);
  }

  return {
    stop,
    toggle: () => (timer ? stop() : start()),
  };
}
