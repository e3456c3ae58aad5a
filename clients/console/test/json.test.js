import assert from "node:assert/strict";
import { test } from "node:test";
import { parseJson } from "../json.js";

test("parseJson gives the value of what is JSON", () => {
  const text = ' {"a": [1, -0.5e3, "\\u00e9\\n", true, null]} ';
  assert.deepEqual(parseJson(text), { value: { a: [1, -500, "é\n", true, null] } });
});

// Where it breaks, and what would have been right there.
const broken = [
  ["", "Line 1, column 1: the text ends, where a value is expected."],
  ['{\n  "a": 1,\n  b: 2\n}', "Line 3, column 3: there is “b”, where a name in double quotes is expected."],
  ['{"a": 1,}', "Line 1, column 9: there is “}”, where a name in double quotes is expected."],
  ['{"a" 1}', "Line 1, column 6: there is “1”, where a colon is expected."],
  ['{"a": 1 "b": 2}', "Line 1, column 9: there is a quote, where a comma or “}” is expected."],
  ["[1, 2", "Line 1, column 6: the text ends, where a comma or “]” is expected."],
  ['{"a": "x', "Line 1, column 9: the text ends, where the closing quote of a string is expected."],
  ['{"a": "x\ny"}', "Line 1, column 9: there is a line break, where the closing quote of a string is expected."],
  ['"\\x"', 'Line 1, column 3: there is “x”, where one of " \\ / b f n r t u after the backslash is expected.'],
  ['"\\u00g0"', "Line 1, column 6: there is “g”, where a hexadecimal digit is expected."],
  ["01", "Line 1, column 2: there is “1”, where nothing more is expected."],
  ["1.", "Line 1, column 3: the text ends, where a digit is expected."],
  ["{} {}", "Line 1, column 4: there is “{”, where nothing more is expected."],
  ["NaN", "Line 1, column 1: there is “N”, where a value is expected."],
];
for (const [text, error] of broken) {
  test(`parseJson says where ${JSON.stringify(text)} breaks`, () => assert.deepEqual(parseJson(text), { error }));
}

test("parseJson says something of a text that is too deep to follow", () => {
  assert.match(parseJson("[".repeat(200_000)).error, /^Line 1, column \d+:/);
});
