// What callers give: shapes, names and times. A mistake of the programmer's is a TypeError that names it.

/** Whether a value is right, and what it must be. */
export type Rule = readonly [valid: (value: any) => unknown, text: string];
export type Rules = Record<string, Rule>;
export type Check = (valid: unknown, name: string, text: string) => void;

export const isObject = (value: unknown): value is Record<string, any> =>
  ({}).toString.call(value) === "[object Object]";

/** A property that is not copied, compared or sent with the others. */
export const hide = (object: any, name: string, value: unknown) => Object.defineProperty(object, name, { value, writable: true });

export const must: Check = (valid, name, text) => {
  if (!valid) throw new TypeError(`${name}: must be ${text}`);
};
export const mustBe = ([valid, text]: Rule, name: string, value: unknown) => must(valid(value), name, text);

export const like = (rule: RegExp): Rule => [value => typeof value === "string" && rule.test(value), `a string like ${rule}`];
/** Whatever it is: it is looked at elsewhere, or not used. */
export const ANY: Rule = [() => true, ""];
export const OBJECT: Rule = [isObject, "an object"];
export const FUNCTION: Rule = [value => typeof value === "function", "a function"];
export const FLAG: Rule = [value => typeof value === "boolean", "true or false"];
/** `Infinity` and `null` mean: no limit. */
export const TIME: Rule = [value => value == null || (typeof value === "number" && value >= 0), "ms, Infinity or null"];
/** One that the server has to know. */
export const MS: Rule = [value => value >= 0 && value < Infinity, "ms"];
export const LIMITS: Rules = { timeout: TIME, signal: [value => !value || value.addEventListener, "an AbortSignal"] };

/** Refuses a name that nobody knows: a misspelled one would be taken in silence. */
export const mustBeKnown = (where: string, name: string, names: string) =>
  must(names.split(" ").includes(name), `${where} "${name}"`, "one of " + names);

/** An object with nothing but what the rules have, as they want it. */
export const only = (object: any, where: string, rules: Rules, check = must) => {
  mustBe(OBJECT, where, object);
  for (const name in object) {
    mustBeKnown(where, name, Object.keys(rules).join(" "));
    const [valid, text] = rules[name]!;
    check(object[name] === undefined || valid(object[name]), name, text);
  }
};

export const onlyLimits = (limits: unknown) => only(limits, "limits", LIMITS);
