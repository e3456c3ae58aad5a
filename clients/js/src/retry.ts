// When to come back, and when not: section "Close codes" of the protocol.

import { must, only, type Rule, type Rules, TIME } from "./checks";
import { INVALID } from "./codes";
import type { Retry } from "./types/options";

/** Why a connection is not there, or not there any longer. */
export interface Why {
  code: string;
  reason: string;
  closeCode?: number;
  /** Ms that the server wants to be left alone. */
  least?: number;
  /** Whether the server means it for good. */
  stop?: unknown;
}

const WORDS: Record<number, string> = {
  1001: "going_away", 1009: "message_too_big", 1011: "internal", 1012: "restarting", 1013: "overloaded",
  4000: "invalid_message", 4001: "unauthorized", 4004: "superseded", 4005: "removed", 4100: "rate_limited",
  4101: "too_slow", 4102: "idle",
};

export const LOST = "connection_lost";

export const whyClosed = (closeCode: number, reason?: string): Why => ({
  code: WORDS[closeCode] ?? LOST, closeCode, reason: `${reason || "the connection was lost"} (${closeCode})`,
});

/** Whether coming back would not help. An invalid message may: the client that sent it sends others. */
export const stops = (closeCode?: number) => closeCode !== INVALID && /^40|^100[237]/.test(closeCode as any);

/** What was under way when this happened may be sent again, as far as that is known. */
export const mayRepeat = ({ closeCode }: Why) => !/^40|^100[2379]/.test(closeCode as any);

const LIMITS: Rules = { min: TIME, max: TIME, attempts: TIME };
export const RETRY: Rule = [
  retry => {
    if (retry !== false && typeof retry !== "function") {
      only(retry, "retry", LIMITS, (valid, name, text) => must(valid, "retry." + name, text));
    }
    return true;
  }, "",
];

/** In how many ms to try again, at least and as it is planned; undefined: not at all. */
export const planRetry = (retry: Retry, { least = 0, stop: _, ...why }: Why, tries: number): [number, number] | undefined => {
  const { min = 1_000, max = 30_000, attempts = null } = typeof retry === "object" ? retry : {};
  const { closeCode } = why;
  if (retry === false || tries >= (attempts ?? Infinity)) return;
  const first = Math.max(min!, closeCode === 1013 ? 5_000 : 0);
  const spread = closeCode === 1001 || closeCode === 1012 ? 5_000 : Math.min(max ?? Infinity, first * 2 ** Math.min(tries, 30));
  const earliest = Math.max(/^41/.test(closeCode as any) ? 1_000 : 0, least);
  const delay = earliest + Math.random() * spread;
  let wanted = typeof retry === "function" ? retry({ attempt: tries + 1, delay, ...why }) : delay;
  if (wanted === undefined) wanted = delay;
  if (wanted === false || wanted === null) return;
  must((wanted as number) >= 0, "retry", "ms or false");
  return [Math.min(earliest, wanted as number), wanted as number];
};
