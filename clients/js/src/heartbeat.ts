import { after } from "./times";
import type { Limits } from "./types/connection";

/** What a server that says nothing means. */
const INTERVAL = 30_000;
/** How long an answer may take. */
const PATIENCE = 10_000;

/** Asks for signs of life, and says when none comes. */
export const createHeartbeat = (ask: (limits?: Limits) => Promise<number>, dead: () => void) => {
  let interval: number | null = INTERVAL;
  let frames = 0;
  let askedAt = 0;
  let stop = () => {};

  /** Whatever comes is a sign of life. */
  const probe = async (limits?: Limits, patience = PATIENCE) => {
    askedAt = Date.now();
    const before = frames;
    const late = after(Math.min(interval ?? PATIENCE, patience), () => before === frames && dead());
    try {
      return await ask(limits);
    } finally {
      late();
    }
  };
  const quietly = (patience?: number) => void probe({}, patience).catch(() => {});
  const wait = () => {
    askedAt = Date.now();
    stop();
    stop = after(interval, beat);
  };
  const beat = () => {
    wait();
    quietly();
  };

  return {
    probe,
    quietly,
    start(every: any): void {
      interval = every === null || every > 0 ? every : INTERVAL;
      wait();
    },
    stop: () => stop(),
    /** Timers of a hidden page run late; what comes in does not. */
    heard(): void {
      frames++;
      if (interval && Date.now() - askedAt > interval * 1.1) beat();
    },
  };
};
