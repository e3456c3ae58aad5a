import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";

const home = fileURLToPath(new URL("..", import.meta.url));
const run = (command, ...args) => execFileSync(command, args, { cwd: home, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
const inFolder = use => {
  const folder = mkdtempSync(join(tmpdir(), "aether-"));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
};

test("the module is small as it is sent", () => {
  const module = readFileSync(join(home, "aether.js"));
  const bytes = [gzipSync(module, { level: 9 }).length, brotliCompressSync(module).length];
  assert.ok(bytes[0] <= 14_320 && bytes[1] <= 13_096, `${bytes} bytes with gzip and brotli`);
});

test("the module imports nothing", () => {
  assert.doesNotMatch(readFileSync(join(home, "aether.js"), "utf8"), /\bimport[ ({]/);
});

test("what is committed is what the sources give", () => inFolder(folder => {
  run(process.execPath, "build.mjs", folder);
  for (const name of ["aether.js", "aether.js.map", "aether.d.ts"]) {
    assert.ok(readFileSync(join(folder, name)).equals(readFileSync(join(home, name))), `${name}: run npm run build`);
  }
}));

test("no module is longer than 150 lines", () => {
  for (const name of readdirSync(join(home, "src"), { recursive: true })) {
    if (!name.endsWith(".ts")) continue;
    const lines = readFileSync(join(home, "src", name), "utf8").split("\n").length - 1;
    assert.ok(lines <= 150, `${name}: ${lines}`);
  }
});

test("the types are those of one's own commands and states", () => inFolder(folder => {
  const file = join(folder, "use.ts");
  writeFileSync(file, `
    import { connect, RejectError, type CommandRun, type Connection, type Lease, type Member } from ${JSON.stringify(join(home, "aether.js"))};
    type Mine = { start: { payload: { speed: number }; reply: { ok: boolean } }; stop: {} };
    const me = connect<Mine, { busy: boolean }>({ group: "g", retry: { attempts: 3 }, heartbeat: null });
    me.on("cmd:start", ({ payload }) => payload.speed.toFixed());
    me.handle("start", ({ speed }, message) => { const n: number = speed + message.payload.speed; return { n }; });
    const ok: Promise<boolean> = me.request("w", "start", { speed: 1 }).then(({ payload }) => payload.ok);
    me.group.send({ cmd: "start", payload: { speed: 1 } });
    const all = me.group.request("start", { speed: 1 }, { role: "worker" });
    (async () => { for await (const { message } of all) message?.payload.ok.valueOf(); const { missing } = await all; missing[0].length; })();
    const members: readonly Member<{ busy: boolean }>[] = me.presence.getSnapshot();
    me.setState({ busy: true });
    me.on("state", ({ state, code }) => state === "closed" && code.length);
    me.history({ channel: "client", limit: 5 }).then(({ messages: [first], pos, reason }) => [first!.payload, pos?.length, reason?.length]);
    const given: Promise<CommandRun<{ ok: boolean }>> = me.command("start", { speed: 1 }, { role: "worker", batches: [1, 0.1, 1], abort: { failures: 0.1 } });
    (async () => {
      const run = await given;
      for await (const { counts, changes } of run) counts.in_progress?.toFixed(), changes[0]?.result?.ok.valueOf();
      const { status } = await run.done;
      if (status === "incomplete") await (await run.retry()).cancel();
      const lease: Lease = await me.lease("press", { ttl: 5_000, wait: true });
      await me.group.send({ cmd: "start", payload: { speed: 1 } }, { lease });
      await me.request("w", "start", { speed: 1 }, { lease: { name: "press", term: lease.term } });
      lease.lost.addEventListener("abort", () => {});
    })();
    me.handle("start", async ({ speed }, { progress, signal, execution, lease }) => {
      if (signal.aborted || (lease?.term ?? 1) < 1) throw new RejectError("no", "late");
      progress({ speed, attempt: execution?.attempt });
    });
    me.on("lease", ({ name, holder }) => [name, holder?.length]);
    me.commands().then(({ commands: [one] }) => [one!.created_at.length, one!.deadline.length, one!.ended_at?.length]);
    const plain: Connection = connect({ group: "g" });
    plain.send({ msg: "x", payload: { any: 1 } }); plain.on("cmd:anything", message => message.reply({}));
    (async () => { (await me.opened).close(); await me.opened({ timeout: 5 }); })();
    // @ts-expect-error
    me.request("w", "start", { speed: "fast" });
    // @ts-expect-error
    me.setState({ busy: 1 });
    // @ts-expect-error
    me.on("mesage", () => {});
    // @ts-expect-error
    me.history({ channel: "all" });
    // @ts-expect-error
    me.command("start", { speed: "fast" });
    // @ts-expect-error
    me.command("start", { speed: 1 }, { deliverTimeout: 5 });
    // @ts-expect-error
    connect({ group: "g", clientId: "x" });
    void ok; void members;
  `);
  run(process.execPath, "node_modules/typescript/bin/tsc", "--ignoreConfig", "--noEmit", "--strict", "--target", "es2022", "--module", "nodenext",
    "--lib", "es2022,dom,dom.asynciterable,esnext.disposable", file);
}));

test("the package holds what it should", () => {
  const [{ files, name, version }] = JSON.parse(run("npm", "pack", "--dry-run", "--json"));
  assert.equal(`${name}@${version}`, "@aether/realtime@3.1.0");
  assert.deepEqual(files.map(({ path }) => path).sort(),
    ["README.md", "aether.d.ts", "aether.js", "aether.js.map", "package.json", "react.d.ts", "react.js"]);
});
