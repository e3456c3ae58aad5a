import { INVALID, MAX_BUGS, UNAUTHORIZED } from "./codes";
import { AetherError } from "./errors";
import { type Kind, kindOf, read } from "./frames";
import { type Input, type Phase, table } from "./machine";
import { LOST, mayRepeat, planRetry, stops, type Why } from "./retry";
import type { Settings } from "./settings";
import { after, now } from "./times";
import { createTransport } from "./transport";
import type { Snapshot, State } from "./types/connection";
import type { Message } from "./types/message";

/** What the link tells those above it. */
export interface LinkEvents {
  /** What the address of the next attempt has more. */
  resumption(): string;
  /** Before it is told that it is open. */
  welcomed(welcome: Record<string, any>): void;
  /** `since`: the last sign of life before; 0: there was none. */
  opened(since: number): void;
  received(kind: Kind, message: Message): void;
  /** The socket is gone; what was under way gets this. */
  gone(error: AetherError): void;
  /** Before what is under way is over: call back when it is. */
  drain(done: () => void): void;
  became(snapshot: Snapshot, previous: State): void;
}

const STEADY_MS = 10_000;

/** Runs the table. */
export const createLink = (settings: Settings, tell: LinkEvents) => {
  const { client, group, log, retry } = settings;
  let phase: Phase = "closed";
  let snapshot: Snapshot = { state: "closed", code: "", reason: "" };
  let wasOpen = false;
  let tries = 0;
  let bugs = 0;
  let earliest = 0; // when the next attempt may be made,
  let due = 0; // and when it is
  let since = 0;
  let heardAt = 0;
  let cancel = () => {};

  const feed = (input: Input, why?: Why): void => {
    const next = table[phase][input];
    if (next) enter[(phase = next)](why!);
  };
  const become = (state: State, { code, reason = code, closeCode }: Partial<Why>) => {
    const previous = snapshot.state;
    snapshot = { state, code: code!, reason: reason!, ...(closeCode && { closeCode }) };
    log(`${state}: ${reason}`, snapshot);
    tell.became(snapshot, previous);
  };
  const trying = (why: Why) => become(wasOpen ? "reconnecting" : "connecting", why);

  const transport = createTransport(settings, feed, data => {
    const message = read(data);
    const kind = message && kindOf(message, client, group);
    const before = heardAt;
    heardAt = Date.now();
    if (!kind) log("frame dropped", data);
    else if (kind !== "welcome") tell.received(kind, message);
    // Later ones are not the server's.
    else if (phase === "dialing") {
      tell.welcomed(message.payload);
      since = wasOpen ? before : 0;
      feed("welcome");
    }
  }, why => {
    const { closeCode } = why;
    if (closeCode) bugs = closeCode === INVALID ? bugs + 1 : 0;
    if (closeCode === UNAUTHORIZED) transport.refuse(why);
    else feed(why.stop || stops(closeCode) || bugs >= MAX_BUGS ? "stopped" : "lost", why);
  }, tell.resumption);

  const hangUp = (why: Why, goodbye?: string) => {
    cancel();
    const { reason, closeCode } = why;
    tell.gone(new AetherError(LOST, reason + "; it may have arrived", { retryable: mayRepeat(why), closeCode }));
    transport.hangUp(goodbye);
  };
  const wait = (ms: number) => {
    cancel();
    due = now() + ms;
    cancel = after(ms, () => feed("due"));
  };

  /** What is to be done in a phase. */
  const enter: Record<Phase, (why: Why) => void> = {
    key: transport.ask,
    dialing: transport.dial,
    explaining: transport.explain,
    open() {
      transport.arrived();
      cancel = after(STEADY_MS, () => (tries = bugs = 0));
      wasOpen = true;
      become("open", { code: "connected" });
      tell.opened(since);
    },
    waiting(why) {
      hangUp(why);
      let plan: [number, number] | undefined = [0, 1_000];
      try {
        plan = planRetry(retry, why, tries++);
      } catch (error) {
        log("retry failed", error);
      }
      if (!plan) return feed("stopped", why);
      earliest = now() + plan[0];
      wait(plan[1]);
      trying(why);
    },
    closing(why) {
      tell.drain(() => feed("drained", why));
      if (phase === "closing") become("closing", why);
    },
    away(why) {
      hangUp(why);
      trying(why);
    },
    closed(why) {
      wasOpen = false;
      hangUp(why, why.reason);
      become("closed", why);
    },
  };

  return {
    feed,
    snapshot: () => snapshot,
    write: transport.write,
    renew: transport.renew,
    connect(): void {
      tries = bugs = 0;
      transport.forgive();
      become("connecting", { code: "connecting" });
      feed("connect");
    },
    /** Tries before the time, where it may help now: at random within so many ms. */
    wake(spread: number): void {
      if (phase === "waiting") wait(Math.min(due, Math.max(earliest, now() + Math.random() * spread)) - now());
    },
  };
};
