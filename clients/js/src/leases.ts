import { type Asking, PAUSE } from "./asking";
import { FLAG, LIMITS, MS, mustBe, only, onlyLimits, type Rules } from "./checks";
import { ASYNC_DISPOSE, CHANGE, REQUEST_TIMEOUT, WAKE } from "./codes";
import type { Emitter } from "./emitter";
import { AetherError } from "./errors";
import { LOST } from "./retry";
import type { How } from "./sender";
import { after, stopwatch } from "./times";
import type { Limits } from "./types/connection";
import type { Lease, LeaseOptions } from "./types/leases";
import { ID } from "./wire";

const OPTIONS: Rules = { ...LIMITS, ttl: MS, wait: FLAG };
const TTL = 10_000;

/** Names of the group that one client holds at a time. */
export const createLeases = (client: string, { ask, insist }: Asking, events: Emitter, isOver: () => unknown) => {
  /** What the server grants, and for how long that is certain: from when it was asked. */
  const grant = async (ttl: number, ask: (how: How) => Promise<any>) => {
    let passed = stopwatch();
    const { term, expires_at } = await ask({ onWritten: () => (passed = stopwatch()) });
    return { term, expires_at, left: () => ttl - passed() };
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
    let granted = await grant(ttl, how => insist(
      "lease.acquire", { name, ttl_ms: ttl }, { ...how, timeout, signal }, undefined,
      (error, again) => (wait && error.retryable ? whenFree(name, error, again) : undefined)));
    const { term } = granted;
    const losing = new AbortController();
    let over = false;
    let renewing = false;
    let stopRenewing = () => {};
    let stopClock = () => {};

    const finish = () => {
      over = true;
      stopRenewing();
      stopClock();
      stops.forEach(stop => stop());
    };
    const lose = (code: string) => {
      if (over) return;
      finish();
      // Old browsers do not take the reason.
      losing.abort(new AetherError(code, `lease ${name} is lost: ${code}`));
    };
    const renewIn = (ms: number) => {
      stopRenewing();
      stopRenewing = after(Math.max(0, ms), renew);
    };
    const hold = (given: typeof granted): void => {
      if (over) return;
      granted = given;
      const left = given.left();
      stopClock();
      stopClock = after(left, () => lose("timeout"));
      renewIn(left - (ttl * 2) / 3);
    };
    /** Timers may have stood. */
    const look = (): void => {
      if (isOver()) lose("closed");
      else if (granted.left() <= 0) lose("timeout");
    };
    const renew = (): void => {
      look();
      if (renewing || over) return;
      renewing = true;
      // Ahead of what waits: it is late enough.
      const asked = grant(ttl, how => ask("lease.renew", { name, term }, { ...how, timeout: ttl / 3, first: true }));
      asked.finally(() => (renewing = false)).then(hold, (error: AetherError) => {
        if (over) return;
        // The next connection takes it.
        if (error.code === LOST) renew();
        else if (error.retryable) renewIn(ttl / 10);
        else lose(error.code);
      });
    };
    const stops = [
      events.listen("lease", (news: any) => {
        if (news.name === name && (news.term > term || (news.term === term && news.holder !== client))) lose("stale_term");
      }),
      // That it is another's may have been said meanwhile, and there is one after each reconnect.
      events.listen("gap", renew),
      events.listen(CHANGE, look),
      events.listen(WAKE, look),
    ];
    const release = async (limits: Limits = {}): Promise<void> => {
      onlyLimits(limits);
      finish();
      await insist("lease.release", { name, term }, limits).catch(error => {
        // Then it is free, or another's.
        if (error.code !== "stale_term") throw error;
      });
    };
    hold(granted);
    return { name, term, get expiresAt() { return granted.expires_at; }, lost: losing.signal, release, [ASYNC_DISPOSE]: () => release() };
  };
};
