// The part of JSON Schema that message.schema.json is written in: checking, and hints for the form. No DOM here.

/** Follows a reference inside the document. */
function resolve(root, schema) {
  while (schema?.$ref) {
    const path = schema.$ref.replace(/^#\/?/, "").split("/").filter(Boolean);
    schema = path.reduce((node, part) => node?.[part], root);
  }
  return schema ?? {};
}

const kind = (value) => (value === null ? "null" : Array.isArray(value) ? "array" : typeof value);

const words = { object: "an object { … }", string: "text", null: "empty", array: "a list", number: "a number" };

/**
 * What is wrong with a value, each with the field it is about; an empty list if nothing is.
 * @returns {{ field: string, rule: string }[]}
 */
export function check(root, value, schema = root, field = "") {
  schema = resolve(root, schema);
  const wrong = [];
  const say = (rule, at = field) => wrong.push({ field: at, rule });

  if (schema.type !== undefined) {
    const types = [schema.type].flat();
    if (!types.includes(kind(value))) {
      return [{ field, rule: `must be ${types.map((type) => words[type] ?? type).join(" or ")}` }];
    }
  }
  if ("const" in schema && value !== schema.const) say(`must be ${JSON.stringify(schema.const)}`);
  if (schema.enum && !schema.enum.includes(value)) say(`must be one of ${schema.enum.join(", ")}`);
  if (typeof value === "string") {
    const length = [...value].length;
    if (length < schema.minLength) say(schema.minLength === 1 ? "is required" : `needs ${schema.minLength} characters`);
    if (length > schema.maxLength) say(`has ${length} characters; at most ${schema.maxLength} are allowed`);
    if (schema.pattern && !new RegExp(schema.pattern, "u").test(value)) say(`must be ${form(schema.pattern)}`);
  }
  if (kind(value) === "object") {
    for (const name of schema.required ?? []) {
      if (value[name] === undefined) say("is required", join(field, name));
    }
    for (const [name, part] of Object.entries(schema.properties ?? {})) {
      if (value[name] !== undefined) wrong.push(...check(root, value[name], part, join(field, name)));
    }
  }
  if (schema.anyOf && !schema.anyOf.some((part) => check(root, value, part, field).length === 0)) {
    wrong.push(...check(root, value, schema.anyOf[0], field));
  }
  for (const part of schema.allOf ?? []) wrong.push(...check(root, value, part, field));
  if (schema.if) {
    const next = check(root, value, schema.if, field).length === 0 ? schema.then : schema.else;
    if (next) wrong.push(...check(root, value, next, field));
  }
  return wrong;
}

const join = (field, name) => (field ? `${field}.${name}` : name);

/** A pattern in words where it is one character class with a length, as all of the message's are. */
function form(pattern) {
  const parts = /^\^\[(.+)\]\{(\d+),(\d+)\}\$$/.exec(pattern);
  if (!parts) return `of the form ${pattern}`;
  const set = parts[1] === " -~" ? "printable ASCII characters" : "of " + parts[1].match(/.-.|./gu)?.join(" ");
  return `${parts[2]} to ${parts[3]} ${set}`;
}

/** What the form says below a field. @param {string} name */
export function hint(root, name) {
  const all = [root.properties?.[name]].map((part) => resolve(root, part));
  const parts = all.flatMap((part) => [part, ...(part.anyOf ?? []).map((one) => resolve(root, one))]);
  const said = [];
  for (const part of parts) {
    if (part.description) said.push(part.description);
    if (part.pattern) said.push(form(part.pattern));
    if (part.maxLength) said.push(`at most ${part.maxLength} characters`);
    if (part.type === "object") said.push("a JSON object");
  }
  const condition = requiredIf(root, name);
  if (condition) said.push(`required if ${condition}`);
  const text = said.join("; ");
  return text && text[0].toUpperCase() + text.slice(1) + ".";
}

/** Under which condition of the schema's allOf a field is required, in words. */
function requiredIf(root, name) {
  for (const { if: when, then } of root.allOf ?? []) {
    const rule = then?.properties?.[name];
    if (!when || !(then?.required?.includes(name) || rule?.minLength)) continue;
    return Object.entries(when.properties ?? {}).map(([field, part]) => `${field} is ${part.const}`).join(" and ");
  }
  return "";
}

/** The values a field may have, or none. @returns {string[]} */
export const choices = (root, name) => resolve(root, root.properties?.[name]).enum ?? [];

/**
 * What the schema cannot say but the server refuses, by closing the connection.
 * @param {any} frame @param {number} [maxBytes] @returns {{ field: string, rule: string }[]}
 */
export function checkLimits(frame, maxBytes = 65_536) {
  // The message itself is the first level.
  if (deeper(frame, 64)) return [{ field: "payload", rule: "is nested deeper than 63 levels" }];
  const wrong = [];
  const text = JSON.stringify(frame);
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > maxBytes) wrong.push({ field: "message", rule: `has ${bytes} bytes; the server takes ${maxBytes}` });
  // JSON.stringify escapes half of a surrogate pair, and nothing else so. After an escaped backslash it is just text.
  if (/(?<!\\)(?:\\\\)*\\ud[89a-f]/.test(text)) {
    wrong.push({ field: "message", rule: "holds half a character (a lone surrogate)" });
  }
  return wrong;
}

const deeper = (value, levels) => value !== null && typeof value === "object" &&
  (levels === 0 || Object.values(value).some((part) => deeper(part, levels - 1)));
