import type { Limits } from "./connection";

/** What a message says of a lease: the server takes it only from whoever holds it in this term. */
export interface LeaseClaim {
  name: string;
  term: number;
}

/** A name in the group that this client holds, and nobody else. It is renewed by itself, over reconnects too. */
export interface Lease extends LeaseClaim {
  readonly name: string;
  /** Higher than that of every holder before, so that who hears of it can refuse the lower ones. */
  readonly term: number;
  /** When it ends unless it is renewed, by the server's clock. */
  readonly expiresAt: string;
  /**
   * Aborts when it is not this client's any more: the server says so, or it could not be renewed in time, or this client
   * was closed. What only its holder may do ends here. `release()` does not abort it.
   */
  readonly lost: AbortSignal;
  release(limits?: Limits): Promise<void>;
  /** The same, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface LeaseOptions extends Limits {
  /** How long it lasts without being renewed, 1,000 to 60,000 ms. Default 10,000. */
  ttl?: number;
  /** Waits until it is free, without a limit unless `timeout` says one. Otherwise `lease_held` rejects it. */
  wait?: boolean;
}
