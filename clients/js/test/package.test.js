import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const home = fileURLToPath(new URL("..", import.meta.url));
const run = (command, ...args) => execFileSync(command, args, { cwd: home, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
const tsc = (...args) => run(process.execPath, join(home, "node_modules/typescript/bin/tsc"), ...args);

test("the module is at most 6 KiB as it is served", () => {
  const bytes = gzipSync(readFileSync(join(home, "aether.js")), { level: 9 }).length;
  assert.ok(bytes <= 6_144, `${bytes} bytes`);
});

test("the module imports nothing", () => {
  assert.doesNotMatch(readFileSync(join(home, "aether.js"), "utf8"), /^import |\bimport\((?!"\.\/types\.js"\)\.)/m);
});

test("the types are right", () => tsc());

test("aether.d.ts is what the module generates", () => {
  const folder = mkdtempSync(join(tmpdir(), "aether-"));
  try {
    tsc("--noEmit", "false", "--declaration", "--emitDeclarationOnly", "--outDir", folder);
    assert.equal(readFileSync(join(home, "aether.d.ts"), "utf8"), readFileSync(join(folder, "aether.d.ts"), "utf8"), "npm run types");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the package holds what it should", () => {
  const [{ files, name, version }] = JSON.parse(run("npm", "pack", "--dry-run", "--json"));
  assert.equal(`${name}@${version}`, "@aether/realtime@3.0.0");
  assert.deepEqual(files.map(({ path }) => path).sort(),
    ["README.md", "aether.d.ts", "aether.js", "package.json", "types.d.ts"]);
});
