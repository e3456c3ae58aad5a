// Builds what is served and published: aether.js with its map, and aether.d.ts. They are committed, so that nobody
// needs npm to run the server; a test holds them to the sources.
//
//   node build.mjs [folder]

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { minify } from "terser";
import { internalNames } from "./internal-names.mjs";

const home = fileURLToPath(new URL(".", import.meta.url));
const target = process.argv[2] ?? home;

const { outputFiles } = await build({
  absWorkingDir: home,
  entryPoints: ["src/index.ts"],
  outfile: join(target, "aether.js"),
  write: false,
  bundle: true,
  minifySyntax: true,
  mangleProps: new RegExp(`^(${internalNames().join("|")})$`),
  format: "esm",
  target: "es2020",
  charset: "utf8",
  sourcemap: "external",
  sourcesContent: true,
  sourceRoot: "/",
});
const [map, bundle] = outputFiles;

// terser says the same in a twentieth less than esbuild; a third pass finds what the second left.
const { code, map: lastMap } = await minify(bundle.text, {
  module: true,
  ecma: 2020,
  compress: { passes: 3, unsafe_arrows: true },
  sourceMap: { content: map.text, url: "aether.js.map", asObject: true },
});
writeFileSync(join(target, "aether.js"), code + "\n");

// The map names sources by where they are in the repository, wherever it was built.
lastMap.sources = lastMap.sources.map(source => source.replace(/^.*?(?=src\/)/, "clients/js/"));
writeFileSync(join(target, "aether.js.map"), JSON.stringify({ ...lastMap, sourceRoot: "/" }) + "\n");

// One declaration file: those of the modules that users see, without what ties them together.
const types = mkdtempSync(join(tmpdir(), "aether-types-"));
try {
  execFileSync(process.execPath, [join(home, "node_modules/typescript/bin/tsc"), "-p", home, "--outDir", types], { stdio: "inherit" });
  const modules = ["errors", "types/message", "types/options", "types/leases", "types/commands", "types/connection", "types/client", "connection"];
  const text = modules
    .map(name => readFileSync(join(types, "clients/js/src", `${name}.d.ts`), "utf8"))
    .map(text => text.replace(/^import .*;\n/gm, "").replace(/^\/\*\* A message that the server[^]*$/m, "").replace(/^export \{\};\n/gm, ""))
    .join("");
  writeFileSync(join(target, "aether.d.ts"), text);
} finally {
  rmSync(types, { recursive: true });
}
