import type { Role } from "./message";

/**
 * An API key or a token (JWT), or how to get one. A function is asked before every attempt to connect, and for another token
 * before the one in use ends; it has 15 s.
 */
export type Key = string | (() => string | null | undefined | Promise<string | null | undefined>);

/** What a retry policy is told. */
export interface RetryAttempt {
  /** 1 for the first attempt after the connection was lost. */
  attempt: number;
  /** In how many ms it would be made without a policy. */
  delay: number;
  code: string;
  reason: string;
  closeCode?: number;
}

/**
 * `false`: the first failure is the last. Limits: `min` and `max` (ms) of the span that doubles, and after how many
 * `attempts` in a row to stop. A function gives the ms to wait, `false` to stop, nothing for the usual.
 */
export type Retry =
  | false
  | { min?: number; max?: number; attempts?: number }
  | ((attempt: RetryAttempt) => number | false | null | undefined | void)
  | undefined;

/** Times are in ms; `Infinity` and `null` mean: no limit. */
export interface Options {
  /**
   * http(s) or ws(s), with a path prefix if the server has one; in a page it may be relative. By default the server
   * that this module was loaded from, otherwise the page's.
   */
  url?: string;
  group: string;
  /** By default `js-` and random digits. */
  client?: string;
  role?: Role;
  /** At most one of `key` and `token`; they mean the same. */
  key?: Key;
  token?: Key;
  /** false: own messages to the group or to all do not come back. Default true. */
  echo?: boolean;
  /** false: what was kept while it was away does not come after a reconnect. Default true. */
  resume?: boolean;
  /** The first connection brings so many of the group's last kept messages, 1 to 100. Default: none. */
  rewind?: number;
  /** How many messages may wait while there is no connection. Default 1,000. */
  outbox?: number;
  /** Every how many ms a sign of life is asked for; `null`: never. By default what the server suggests. */
  heartbeat?: number | null;
  /** When to come back after the connection was lost. */
  retry?: Retry;
  /** Is told what happens, for people: `console.debug`, for example. */
  log?: (text: string, detail?: unknown) => void;
  /** A replacement for the global one, which Node has only from version 22. */
  WebSocket?: any;
  /** A replacement for the global one. */
  fetch?: typeof globalThis.fetch;
}
