import { type Asking, PAUSE } from "./asking";
import { FLAG, LIMITS, MS, mustBe, only, onlyLimits, type Rules } from "./checks";
import { ASYNC_DISPOSE, CHANGE, REQUEST_TIMEOUT } from "./codes";
import type { Emitter } from "./emitter";
import { AetherError } from "./errors";
import { LOST } from "./retry";
import type { How } from "./sender";
import { after, now } from "./times";
import type { Limits } from "./types/connection";
import type { Lease, LeaseOptions } from "./types/leases";
import { ID } from "./wire";

const OPTIONS: Rules = { ...LIMITS, ttl: MS, wait: FLAG };
const TTL = 10_000;

/** Names of the group that one client holds at a time. */
export const createLeases = (client: string, { ask, insist }: Asking, events: Emitter, isOver: () => unknown) => {
  /** What the server grants, and until when that is certain: from when it was asked, by a clock that nobody sets. */
  const grant = async (ttl: number, ask: (how: How) => Promise<any>) => {
    let at = now();
    const { term, expires_at } = await ask({ onWritten: () => (at = now()) });
    return { term, expires_at, end: at + ttl };
  };
  /** Asks again when it is free, or may be, or the server could not say. */
  const whenFree = (name: string, { retryAfter }: AetherError, again: () => void) => {
    const stops = [after(retryAfter ?? PAUSE, again), events.listen("lease", (news: any) => news.name === name && !news.holder && again())];
    return () => stops.forEach(stop => stop());
  };

  return async (name: string, options: LeaseOptions = {}): Promise<Lease> => {
    mustBe(ID, "name", name);
    only(options, "lease", OPTIONS);
    const { ttl = TTL, wait, timeout = wait ? null : REQUEST_TIMEOUT, signal } = options;
    const granted = await grant(ttl, how => insist(
      "lease.acquire", { name, ttl_ms: ttl }, { ...how, timeout, signal }, undefined,
      (error, again) => (wait && error.retryable ? whenFree(name, error, again) : undefined)));
    const { term } = granted;
    const losing = new AbortController();
    let over = false;
    let renewing = false;
    let expiresAt: string;
    let stopRenewing = () => {};
    let stopClock = () => {};

    const finish = () => {
      over = true;
      stopRenewing();
      stopClock();
      unlisten();
      unwatch();
      noGap();
    };
    const lose = (code: string) => {
      finish();
      // Old browsers do not take the reason.
      losing.abort(new AetherError(code, `lease ${name} is lost: ${code}`));
    };
    const renewIn = (ms: number) => {
      stopRenewing();
      stopRenewing = after(Math.max(0, ms), renew);
    };
    const hold = ({ expires_at, end }: typeof granted): void => {
      if (over) return;
      const left = end - now();
      expiresAt = expires_at;
      stopClock();
      stopClock = after(left, () => lose("timeout"));
      renewIn(left - (ttl * 2) / 3);
    };
    const renew = (): void => {
      if (renewing) return;
      renewing = true;
      // Ahead of what waits: it is late enough.
      grant(ttl, how => ask("lease.renew", { name, term }, { ...how, timeout: ttl / 3, first: true })).finally(() => (renewing = false)).then(hold, error => {
        if (over) return;
        // The next connection takes it.
        if (error.code === LOST) renew();
        else if (error.retryable) renewIn(ttl / 10);
        else lose(error.code);
      });
    };
    const unlisten = events.listen("lease", (news: any) => {
      if (news.name === name && (news.term > term || (news.term === term && news.holder !== client))) lose("stale_term");
    });
    // That it is another's may have been said meanwhile, and there is one after each reconnect.
    const noGap = events.listen("gap", renew);
    const unwatch = events.listen(CHANGE, () => isOver() && lose("closed"));
    const release = async (limits: Limits = {}): Promise<void> => {
      onlyLimits(limits);
      finish();
      await insist("lease.release", { name, term }, limits).catch(error => {
        // Then it is free, or another's.
        if (error.code !== "stale_term") throw error;
      });
    };
    hold(granted);
    return { name, term, get expiresAt() { return expiresAt; }, lost: losing.signal, release, [ASYNC_DISPOSE]: () => release() };
  };
};
