// What is known of one command and of each of its members, in whatever order that comes. No DOM here.

/** How far a member can be, in the order in which the page lists it: its name, its mark, its word. */
export const states = /** @type {const} */ ([
  ["queued", "·", "queued"], ["sent", "→", "sent"], ["in_progress", "…", "in progress"], ["succeeded", "✓", "succeeded"],
  ["failed", "✕", "failed"], ["rejected", "R", "rejected"], ["timed_out", "T", "timed out"], ["canceled", "C", "canceled"],
  ["undeliverable", "U", "undeliverable"],
]);
const marks = new Map(states.map(([name, mark]) => [/** @type {string} */ (name), mark]));
const words = new Map(states.map(([name, , word]) => [/** @type {string} */ (name), word]));
const wentWrong = ["failed", "rejected", "timed_out", "undeliverable"];

const reasons = {
  batch_ended: "a batch has ended", too_few_succeeded: "too few have succeeded", quorum_reached: "enough have succeeded",
  too_many_failed: "too many have failed", requested: "somebody asked for it", deadline: "its time is over",
};

// The names that people give end in numbers: w-2 comes before w-10.
const byName = new Intl.Collator("en", { numeric: true }).compare;

export const markOf = (/** @type {string} */ status) => marks.get(status) ?? "?";
export const wordOf = (/** @type {string} */ status) => words.get(status) ?? status.replaceAll("_", " ");

/** One command, from pages that were read and from events, in any order: what is older than what is known changes nothing. */
export class CommandState {
  /** @type {Map<string, number>} client id → the version that what is known of it is of */
  #known = new Map();

  /** @param {string} id @param {any} [summary] what is known of it beforehand, such as what a list says */
  constructor(id, summary = {}) {
    this.id = id;
    /** @type {Map<string, any>} client id → `{ status, attempt, progress?, result?, error?, late? }` */
    this.members = new Map();
    this.version = -1;
    this.status = "in_progress";
    this.reason = /** @type {string | undefined} */ (undefined);
    this.batch = 1;
    this.counts = /** @type {Record<string, number>} */ ({});
    this.cmd = this.from_id = this.created_at = this.deadline = this.ended_at = /** @type {string | undefined} */ (undefined);
    this.merge(summary, []);
  }

  /**
   * Takes a page of `command.get` or an event.
   * @param {any} word @param {any[]} [list] the members in it
   * @returns {string[]} whose state is another one now
   */
  merge(word, list = word.changes ?? word.executions ?? []) {
    for (const name of /** @type {const} */ (["cmd", "from_id", "created_at", "deadline", "ended_at"])) this[name] = word[name] ?? this[name];
    if (word.version >= this.version) {
      const { version, status, reason, batch, counts } = word;
      Object.assign(this, { version, status, reason, batch, counts: counts ?? this.counts });
    }
    const changed = [];
    for (const { client_id, ...one } of list) {
      if ((this.#known.get(client_id) ?? -1) > word.version) continue;
      this.#known.set(client_id, word.version);
      this.members.set(client_id, one);
      changed.push(client_id);
    }
    return changed;
  }

  get targets() {
    return sum(this.counts);
  }

  get isEnded() {
    return this.status !== "in_progress" && this.status !== "paused";
  }

  /** How many have ended, in whatever way. */
  get ended() {
    return endedOf(this.counts);
  }

  /** Whether each member is known as the counts have it. */
  get isWhole() {
    const found = /** @type {Record<string, number>} */ ({});
    for (const { status } of this.members.values()) found[status] = (found[status] ?? 0) + 1;
    return states.every(([name]) => (found[name] ?? 0) === (this.counts[name] ?? 0));
  }

  /** Which orders would do something. */
  get may() {
    return {
      // Once it is being called off there is nothing more to cancel.
      cancel: this.status === "paused" || (this.status === "in_progress" && !this.reason),
      resume: this.status === "paused",
      retry: this.isEnded && (this.counts.succeeded ?? 0) < this.targets,
    };
  }

  /** The members by name, only those of some states if any are given. @param {Set<string>} [only] */
  names(only) {
    const all = [...this.members.keys()].sort(byName);
    return only?.size ? all.filter((id) => only.has(this.members.get(id).status)) : all;
  }

  /** Who failed, and why. @returns {{ id: string, status: string, attempt: number, why: string }[]} */
  get failures() {
    return this.names(new Set(wentWrong)).map((id) => {
      const { status, attempt, error } = this.members.get(id);
      return { id, status, attempt, why: whyOf(status, error) };
    });
  }
}

const sum = (/** @type {Record<string, number>} */ counts) => Object.values(counts).reduce((all, count) => all + count, 0);

const whole = new Intl.NumberFormat("en").format;

const endedOf = (/** @type {Record<string, number>} */ { queued = 0, sent = 0, in_progress = 0, ...ended }) => sum(ended);

/** @param {string} status @param {{ code: string, message?: string }} [error] */
function whyOf(status, error) {
  if (error) return error.message ? `${error.code}: ${error.message}` : error.code;
  if (status === "undeliverable") return "did not take it in time";
  if (status === "timed_out") return "said nothing more in time";
  return "did not say why";
}

/** Where a command stands, in a word or two. @param {{ status: string, reason?: string }} command */
export const standing = ({ status, reason }) =>
  status === "in_progress" && reason ? "being stopped" : status.replaceAll("_", " ");

/** The same, and why. @param {{ status: string, reason?: string }} command */
export const standingAndWhy = (command) =>
  command.reason ? `${standing(command)}, ${reasons[command.reason] ?? command.reason.replaceAll("_", " ")}` : standing(command);

/** How many are how far, in words, without what nobody is. @param {Record<string, number>} counts */
export const countsText = (counts) =>
  states.filter(([name]) => counts[name]).map(([name, , word]) => `${whole(counts[name])} ${word}`).join(", ");

/** The same, short: how many have ended, and how many of those badly. @param {Record<string, number>} counts */
export function endedText(counts) {
  const bad = wentWrong.reduce((all, name) => all + (counts[name] ?? 0), 0);
  return `${whole(endedOf(counts))} of ${whole(sum(counts))} ended${bad ? `, ${whole(bad)} without success` : ""}`;
}

/** How much of its work a member says it has done, 0 to 1, where that can be read from what it says. */
export function shareOf(/** @type {any} */ progress) {
  const { percent, done, total } = progress ?? {};
  const share = typeof percent === "number" ? percent / 100 : done / total;
  return Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : null;
}

/** All that is known of a member, in one line. @param {string} id @param {any} member */
export function memberText(id, { status, attempt, progress, result, error, late }) {
  const share = status === "in_progress" ? shareOf(progress) : null;
  return [
    `${id}: ${wordOf(status)}`,
    attempt > 1 && `attempt ${attempt}`,
    share !== null && `${Math.round(share * 100)} %`,
    error && whyOf(status, error),
    progress && status === "in_progress" && short(progress),
    result && short(result),
    late && `said later: ${wordOf(late.status)}`,
  ].filter(Boolean).join(", ");
}

function short(/** @type {any} */ value) {
  const text = JSON.stringify(value);
  return text.length > 200 ? text.slice(0, 199) + "…" : text;
}

/** Where an arrow key leads in a grid that is filled line by line. @returns {number | null} null: it is no such key */
export function moved(/** @type {string} */ key, /** @type {number} */ at, /** @type {number} */ count, /** @type {number} */ columns) {
  const target = {
    ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + columns, ArrowUp: at - columns,
    Home: 0, End: count - 1, PageDown: at + 5 * columns, PageUp: at - 5 * columns,
  }[key];
  if (target === undefined || count === 0) return null;
  // A key that would leave the first or the last line stays where it is; whole pages go as far as there is something.
  if (key.startsWith("Page")) return Math.min(count - 1, Math.max(0, target));
  return target < 0 || target >= count ? at : target;
}
