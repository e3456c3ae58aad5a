import { AetherError } from "./errors";
import type { CommandRun, CommandTurn, MemberRun } from "./types/commands";

const isEnd = (status: string) => !/^(in_progress|paused)$/.test(status);
const sum = (counts: object): number => Object.values(counts).reduce((all, one) => all + one, 0);

/** What is known of a command, and who waits for more. */
export const createRun = (id: string, targets: number, orders: object) => {
  const members = new Map<string, MemberRun>();
  const loops = new Set<{ fresh: Map<string, MemberRun & { client_id: string }>; news: boolean; wake(): void }>();
  let resolve: (run: any) => void;
  let reject: (error: unknown) => void;
  let over = false;

  const done = new Promise<any>((...both) => ([resolve, reject] = both));
  done.catch(() => {});
  const wakeAll = () => loops.forEach(loop => loop.wake());
  const end = (error?: unknown): void => {
    over = true;
    if (error) reject(error);
    else resolve(api);
    wakeAll();
  };
  const api: any = {
    id, targets, members, done, ...orders, status: "in_progress", reason: undefined, batch: 1, version: 0, counts: { queued: targets },
    /** A loop that is slower than the news gets the last word of each member in each status. */
    async *[Symbol.asyncIterator](): AsyncGenerator<CommandTurn, void, void> {
      const fresh = new Map([...members].map(([client_id, one]) => [client_id + " " + one.status, { client_id, ...one }]));
      const loop = { fresh, news: api.version > 0, wake() {} };
      loops.add(loop);
      try {
        for (;;) {
          if (loop.news) {
            const changes = [...fresh.values()];
            fresh.clear();
            loop.news = false;
            const { status, reason, batch, counts, version } = api;
            yield { status, reason, batch, counts, version, changes };
          } else if (over) return void await done;
          else await new Promise<void>(wake => (loop.wake = wake));
        }
      } finally {
        loops.delete(loop);
      }
    },
  };

  return {
    api: api as CommandRun,
    /** How many wait for its first event, or have given it. */
    users: 0,
    isOver: () => over,
    end,
    onEvent({ version, status, reason, batch, counts = api.counts, changes = [], error }: any): void {
      // The server has it no more.
      if (error && !over) end(new AetherError(error.code, error.message));
      // What was on its way when a newer word had come says nothing.
      if (over || !(version >= api.version)) return;
      Object.assign(api, { version, status, reason, batch, counts, targets: sum(counts) });
      for (const change of changes) {
        const { client_id, ...one } = change;
        members.set(client_id, one);
        const key = client_id + " " + one.status;
        for (const { fresh } of loops) {
          fresh.delete(key);
          fresh.set(key, change);
        }
      }
      for (const loop of loops) loop.news = true;
      if (isEnd(status)) {
        const known = [...members.values()];
        // Its last event may come in parts, and an end that a member had before may have been a guess.
        if (Object.keys(counts).every(name => known.filter(one => one.status === name).length === counts[name])) end();
      }
      wakeAll();
    },
  };
};

export type Run = ReturnType<typeof createRun>;
