// From what people type into the form for a command to what the client is asked, and back from its errors. No DOM here.

import { parseJson } from "./json.js";

/** The fields of the form, by the names that the server has for them. */
export const fields = [
  "cmd", "payload", "role", "to", "batches", "pause", "max_concurrency", "attempts", "abort", "min_executed", "deadline_ms",
];

const amountRule = "a count from 1, or a share such as 10% or 0.1";

/** A count, or a share: as a fraction, or in percent. NaN where it is neither; what is allowed is the server's to say. */
function amount(/** @type {string} */ text) {
  const [, digits, percent] = /^(\d+(?:\.\d+)?|\.\d+)\s*(%?)$/.exec(text) ?? [];
  if (digits === undefined) return NaN;
  if (!percent) return Number(digits);
  // As a fraction 100 % would be the count 1, and 200 % the count 2.
  return Number(digits) < 100 ? Number((Number(digits) / 100).toPrecision(12)) : NaN;
}

const list = (/** @type {string} */ text) => text.split(/[\s,;]+/).filter(Boolean);

/**
 * @param {Record<string, any>} form text by field, and whether `pause`
 * @returns {{ cmd: string, payload: any, options: any, wrong: Map<string, string> }} what to order, unless something is wrong
 */
export function readOrder(form) {
  const wrong = /** @type {Map<string, string>} */ (new Map());
  const text = (/** @type {string} */ name) => String(form[name] ?? "").trim();
  const number = (/** @type {string} */ name, /** @type {string} */ rule, read = Number) => {
    if (text(name) === "") return undefined;
    const value = read(text(name));
    if (Number.isNaN(value)) wrong.set(name, rule);
    return value;
  };

  const payload = text("payload") === "" ? { value: {} } : parseJson(text("payload"));
  if ("error" in payload) wrong.set("payload", payload.error);
  const to = list(text("to"));
  // In the last place a 1 is everybody.
  const batches = list(text("batches").replace(/\s+%/g, "%").replace(/\b100%$/, "1")).map(amount);
  if (batches.some(Number.isNaN)) wrong.set("batches", `Each must be ${amountRule}.`);
  const failures = number("abort", `Must be ${amountRule}, or 0.`, amount);
  const minExecuted = number("min_executed", "Must be a number.");
  if (failures === undefined && minExecuted !== undefined) wrong.set("abort", "Is needed too: more than how many failures?");
  const seconds = number("deadline_ms", "Must be a number of seconds.");
  const options = {
    to: to.length ? to : undefined,
    // Who is named needs no role; the server refuses both together.
    role: to.length ? undefined : text("role") || undefined,
    batches: batches.length ? batches : undefined,
    pause: form.pause || undefined,
    maxConcurrency: number("max_concurrency", `Must be ${amountRule}.`, amount),
    attempts: number("attempts", "Must be a number."),
    abort: failures === undefined ? undefined : { failures, ...(minExecuted !== undefined && { minExecuted }) },
    deadline: seconds === undefined ? undefined : Math.round(seconds * 1000),
  };
  return {
    cmd: text("cmd"), payload: "value" in payload ? payload.value : undefined, wrong,
    options: Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
  };
}

/**
 * At which field of the form an error of the server is shown, and its text there.
 * @param {{ field?: string, message: string }} error @returns {{ name: string, text: string } | null} null: at none
 */
export function faultAt({ field, message }) {
  const path = (field ?? "").replace(/^payload\./, "");
  const name = path === "abort.min_executed" ? "min_executed" : path.split(/[.[]/)[0];
  if (!fields.includes(name)) return null;
  // The message names the field as the wire does; the form has it above the text.
  const rule = message.startsWith(field + ": ") ? message.slice(field.length + 2)
    : message.startsWith(field + " ") ? message.slice(field.length + 1) : message;
  return { name, text: rule[0].toUpperCase() + rule.slice(1).replace(/\.?$/, ".") };
}
