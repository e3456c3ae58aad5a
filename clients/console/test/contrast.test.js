import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { states } from "../command-state.js";

const read = (name) => readFile(new URL(`../${name}`, import.meta.url), "utf8");
const [page, cells] = await Promise.all([read("console.css"), read("commands.css")]);

const coloursOf = (text) => new Map([...text.matchAll(/(--[\w-]+): (#[0-9a-f]{3,6});/g)].map(([, name, value]) => [name, value]));
const at = page.indexOf("prefers-color-scheme: dark");
const light = coloursOf(page.slice(0, at));
const schemes = { light, dark: new Map([...light, ...coloursOf(page.slice(at))]) };

/** Relative luminance, as WCAG 2 has it. */
function luminance(hex) {
  const digits = hex.length === 4 ? [...hex.slice(1)].map((digit) => digit + digit) : hex.slice(1).match(/../g);
  const [red, green, blue] = digits.map((digit) => parseInt(digit, 16) / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

// axe-core leaves texts of one character out, which is what each cell has.
for (const [scheme, colours] of Object.entries(schemes)) {
  test(`each mark of a member's state can be read in its cell, ${scheme}`, () => {
    for (const [name] of states) {
      const rule = new RegExp(`\\.cell\\.${name} \\{[^}]*background: var\\((--[\\w-]+)\\);\\s*color: var\\((--[\\w-]+)\\)`).exec(cells);
      assert.ok(rule, name);
      const [dark, bright] = rule.slice(1).map((colour) => luminance(colours.get(colour))).sort((one, other) => one - other);
      assert.ok((bright + 0.05) / (dark + 0.05) >= 4.5, `${name}: ${(bright + 0.05) / (dark + 0.05)}`);
    }
  });
}
