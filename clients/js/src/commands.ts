import { type Asking, PAUSE } from "./asking";
import { ANY, LIMITS, like, MS, mustBe, only, onlyLimits, type Rules } from "./checks";
import { createRun, type Run } from "./command-run";
import { REQUEST_TIMEOUT } from "./codes";
import type { AetherError } from "./errors";
import type { Line } from "./line";
import { LOST } from "./retry";
import { random } from "./settings";
import { after, within } from "./times";
import type { CommandListQuery, CommandOptions, CommandRun } from "./types/commands";
import type { Limits } from "./types/connection";
import { LEASE } from "./wire";

/** What starts a command may take long: connections break. */
const START_TIMEOUT = 30_000;
/** What else they have to be is the server's to check. */
const OPTIONS: Rules = {
  ...LIMITS, to: ANY, role: ANY, targets: ANY, deliveryTimeout: MS, inProgressTimeout: MS, deadline: MS, attempts: ANY, minSucceeded: ANY,
  stopAtQuorum: ANY, maxConcurrency: ANY, batches: ANY, pause: ANY, abort: ANY, lease: LEASE, msg: ANY, id: ANY,
};
const ID = like(/^[A-Za-z0-9]{1,40}$/);
const LIST: Rules = { ...LIMITS, status: ANY, offset: ANY, limit: ANY };

/** The names of the wire: `deliveryTimeout` is `delivery_timeout_ms`. */
const onWire = (options: any): any => options && Object.fromEntries(Object.entries(options).map(([name, value]) =>
  [name.replace(/[A-Z]/g, char => "_" + char.toLowerCase()) + (/timeout|deadline/i.test(name) ? "_ms" : ""), value]));

/** After these it may have begun all the same. With the same id it is the same command. */
const unsure = ({ code, retryAfter }: AetherError, again: () => void) =>
  /^(backplane_unavailable|internal)$/.test(code) ? after(retryAfter ?? PAUSE, again) : undefined;

/** Gives commands that report back, and follows them over reconnects. */
export const createCommands = ({ ask, insist }: Asking, line: Line) => {
  const runs = new Map<string, Run>();
  let starting = 0;
  let early: any[] = []; // events that came before the answer that says whose they are

  const follow = (id: string, targets = 0): Run => {
    const known = runs.get(id);
    if (known) return known;
    const order = (cmd: string, give: (cmd: string, payload: object, limits: Limits) => Promise<any>) => async (limits: Limits = {}) => {
      onlyLimits(limits);
      return give("command." + cmd, { command_id: id }, limits);
    };
    const retry = order("retry", (cmd, payload, limits) => insist(cmd, payload, limits, undefined, unsure));
    const run = createRun(id, targets, {
      cancel: order("cancel", insist),
      // Twice it would let two batches begin.
      resume: order("resume", ask),
      retry: (limits?: Limits) => begin(() => retry(limits)),
    });
    runs.set(id, run);
    const forget = () => runs.get(id) === run && runs.delete(id);
    run.api.done.then(forget, forget);
    return run;
  };
  /** Goes on where it is. A connection that breaks is the next one's to care for. */
  const watch = (run: Run): void => {
    const { id, version } = run.api;
    if (run.isOver()) return;
    ask("command.watch", { command_id: id, after: version || undefined }).catch(error => {
      if (error.retryable) error.code === LOST || after(error.retryAfter ?? PAUSE, () => watch(run));
      else if (error.code !== LOST && error.code !== "closed") run.end(error);
    });
  };
  const begin = async (ordered: () => Promise<any>): Promise<CommandRun> => {
    const turn = line.turn();
    starting++;
    try {
      const { command_id, targets } = await ordered();
      const run = follow(command_id, targets);
      run.users++;
      for (const event of early) if (event.command_id === command_id) run.onEvent(event);
      // It may have begun on a connection that is gone.
      if (line.turn() !== turn) watch(run);
      return run.api;
    } finally {
      if (!--starting) early = [];
    }
  };

  /** Resolves with the first that is heard of it. */
  const hear = async ({ api }: Run): Promise<any> => {
    for await (const _ of api) return api;
  };

  return {
    async start(cmd: string, payload: unknown, options: CommandOptions = {}): Promise<CommandRun> {
      only(options, "command", OPTIONS);
      const { timeout = START_TIMEOUT, signal, id = random(), lease, abort, ...plan } = options;
      return begin(() => insist("command.start", {
        cmd, payload, ...onWire(plan), abort: onWire(abort), lease: lease && { name: lease.name, term: lease.term },
      }, { timeout, signal }, id, unsure));
    },
    async watch(id: string, limits: Limits = {}): Promise<CommandRun> {
      mustBe(ID, "id", id);
      onlyLimits(limits);
      return within<CommandRun>({ timeout: REQUEST_TIMEOUT, ...limits }, `command ${id}: nothing is heard of it`, (resolve, reject) => {
        const run = follow(id);
        run.users++;
        hear(run).then(resolve, reject);
        insist("command.watch", { command_id: id }, limits).catch(error => {
          // Others may wait for it, and who has heard of it has it.
          if (!--run.users && !run.api.version) run.end(error);
          reject(error);
        });
      });
    },
    async list(how: CommandListQuery = {}): Promise<any> {
      only(how, "commands", LIST);
      const { timeout, signal, ...payload } = how;
      return ask("command.list", payload, { timeout, signal });
    },
    onEvent(event: any): void {
      const run = runs.get(event.command_id);
      if (run) run.onEvent(event);
      else if (starting) early.push(event);
    },
    onOpen: () => runs.forEach(watch),
    end(error: unknown): void {
      for (const run of runs.values()) run.end(error);
      runs.clear();
    },
  };
};
