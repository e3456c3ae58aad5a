// What the modules call each other's parts by. Nobody outside sees these names, so they are short in what is built. To
// leave one out costs a few bytes; one that is public, of the platform or of a frame must not be here, and is refused.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const names = `
  acked aMinute arrived became comeBack cutOff deliver doubt drain events forget forgive gone handlers hangUp hears heard
  inTurn isNews isOpen listen msToRepeat msToWait notReplayed onCommand onCut onEvent onPositions onSent onWelcome over probe
  quietly received resumption sendWaiting sentAt setAll slowDown spend standing urgent waitsFor wake byteCount welcomed whenIdle
  api ask dial each emit explain feed least refuse say snapshot
  areUntold asking evenLate executions fresh insist isCanceled isOver isRefused isSettled isUntold msTo news onCancel onOpen sayAgain usable onWritten renew users
`.trim().split(/\s+/);

const home = fileURLToPath(new URL(".", import.meta.url));
const read = (...path) => readFileSync(join(home, ...path), "utf8");

/** @throws one of them means something to somebody else */
export function internalNames() {
  const library = join("node_modules", "typescript", "lib");
  const foreign = [
    ...readdirSync(join(home, library)).filter(name => /^lib\.(es|dom).*\.d\.ts$/.test(name)).map(name => read(library, name)),
    ...readdirSync(join(home, "src", "types")).map(name => read("src", "types", name)),
    read("src", "errors.ts"), read("src", "machine.ts"), read("..", "..", "docs", "message.schema.json"),
  ].join("\n");
  const taken = new Set([...foreign.matchAll(/([\w$]+)"?\??\s*[:(<]/g)].map(([, name]) => name));
  const wrong = names.filter(name => taken.has(name));
  if (wrong.length) throw new Error(`internal-names.mjs: these names are not internal: ${wrong.join(" ")}`);
  return names;
}
