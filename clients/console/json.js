// JSON that people type: where it breaks, in words. No DOM here.

/**
 * @param {string} text
 * @returns {{ value: any } | { error: string }}
 */
export function parseJson(text) {
  try {
    return { value: JSON.parse(text) };
  } catch {
    // What JSON.parse says differs from browser to browser, and some give no position at all.
    const { index, expected } = locate(text);
    const before = text.slice(0, index).split("\n");
    const found = index >= text.length ? "the text ends" : `there is ${name(text, index)}`;
    return { error: `Line ${before.length}, column ${before[before.length - 1].length + 1}: ` +
      `${found}, where ${expected} is expected.` };
  }
}

const name = (/** @type {string} */ text, /** @type {number} */ index) => {
  const character = String.fromCodePoint(/** @type {number} */ (text.codePointAt(index)));
  if (character === "\n") return "a line break";
  if (character === "\t") return "a tab";
  return character < " " ? "a control character" : character === '"' ? "a quote" : `“${character}”`;
};

/** The first place where the text stops being JSON. @param {string} text */
function locate(text) {
  let at = 0;
  class Broken extends Error {}
  let expected = "";
  const fail = (/** @type {string} */ what) => {
    expected = what;
    throw new Broken();
  };
  const space = () => {
    while (" \t\n\r".includes(text[at] || "x")) at++;
  };
  const string = () => {
    for (at++; text[at] !== '"'; at++) {
      if (at >= text.length || text[at] < " ") fail("the closing quote of a string");
      if (text[at] !== "\\") continue;
      at++;
      if (text[at] === "u") {
        for (let digits = 0; digits < 4; digits++) {
          at++;
          if (!/[0-9a-f]/i.test(text[at] ?? "")) fail("a hexadecimal digit");
        }
      } else if (!'"\\/bfnrt'.includes(text[at] || "x")) {
        fail('one of " \\ / b f n r t u after the backslash');
      }
    }
    at++;
  };
  const digits = () => {
    if (!/[0-9]/.test(text[at] ?? "")) fail("a digit");
    while (/[0-9]/.test(text[at] ?? "")) at++;
  };
  const number = () => {
    if (text[at] === "-") at++;
    if (text[at] === "0") at++;
    else digits();
    if (text[at] === ".") {
      at++;
      digits();
    }
    if (/[eE]/.test(text[at] ?? "")) {
      at++;
      if (/[+-]/.test(text[at] ?? "")) at++;
      digits();
    }
  };
  const list = (/** @type {string} */ close, /** @type {() => void} */ entry) => {
    at++;
    space();
    if (text[at] === close) return void at++;
    for (;;) {
      entry();
      space();
      if (text[at] === close) return void at++;
      if (text[at] !== ",") fail(`a comma or “${close}”`);
      at++;
      space();
    }
  };
  const value = () => {
    space();
    const character = text[at] ?? "";
    if (character === "{") {
      list("}", () => {
        if (text[at] !== '"') fail("a name in double quotes");
        string();
        space();
        if (text[at] !== ":") fail("a colon");
        at++;
        value();
      });
    } else if (character === "[") list("]", value);
    else if (character === '"') string();
    else if (/[-0-9]/.test(character)) number();
    else {
      const word = ["true", "false", "null"].find((candidate) => text.startsWith(candidate, at));
      if (word) at += word.length;
      else fail("a value");
    }
  };
  try {
    value();
    space();
    expected = "nothing more";
  } catch (error) {
    // A text nested so deep that the stack ends is broken where we got to.
    if (!(error instanceof Broken)) expected = "less nesting";
  }
  return { index: at, expected };
}
