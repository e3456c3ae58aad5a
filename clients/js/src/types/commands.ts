import type { Lease, LeaseClaim } from "./leases";
import type { Limits } from "./connection";
import type { Role } from "./message";

/** A count, or, above 0 and below 1, a share of the targets, rounded up. */
export type Amount = number;

/** How a command is carried out. Times are in ms. What is left out is as the server has it by default. */
export interface CommandOptions extends Limits {
  /** 1 to 1,000 client ids, present or not. Default: everybody who is present. */
  to?: string[];
  /** Only members of this role, where `to` is left out. */
  role?: Role;
  /** `continuous`: also who comes while it runs. Default `snapshot`: who is there at the start. */
  targets?: "snapshot" | "continuous";
  /** From a member's turn until it takes the command, being away included. Default 10,000. */
  deliveryTimeout?: number;
  /** In progress without a word. Default 0: for ever. */
  inProgressTimeout?: number;
  /** For all of it. Default 60,000, at most a day. */
  deadline?: number;
  /** How often a member that failed or timed out is asked, 1 to 10. Default 1. */
  attempts?: number;
  /** How many have to succeed. Default: all. */
  minSucceeded?: Amount;
  /** Cancels the rest when so many have succeeded. */
  stopAtQuorum?: boolean;
  /** How many may be at it at a time. Default: all. */
  maxConcurrency?: Amount;
  /** How many have had their turn after each batch: `[1, 0.1, 1]` is one, a tenth, everybody (`1` in the last place). */
  batches?: Amount[];
  /** After each batch waits for `resume()`. */
  pause?: boolean;
  /** Stops all of it when more than `failures` of those that carried it out failed, and at least `minExecuted` did. */
  abort?: { failures: Amount; minExecuted?: number };
  /** Only if this client holds the lease; members get it with the command. */
  lease?: Lease | LeaseClaim;
  /** A text beside the payload. */
  msg?: string;
  /** Of the order: the same id again is the same command. By default random digits. */
  id?: string;
}

export type ExecutionStatus =
  | "queued" | "sent" | "in_progress"
  | "succeeded" | "failed" | "rejected" | "timed_out" | "canceled" | "undeliverable";

export type CommandStatus =
  | "in_progress" | "paused"
  | "succeeded" | "incomplete" | "failed" | "canceled" | "aborted" | "timed_out";

/** How far one member is. */
export interface MemberRun<Result = Record<string, any>> {
  status: ExecutionStatus;
  /** How often it was asked. */
  attempt: number;
  /** The last that it said while it was at it. */
  progress?: Record<string, any>;
  result?: Result;
  error?: { code: string; message?: string };
}

/** Where a command stands, and what happened since the turn of the loop before. */
export interface CommandTurn<Result = Record<string, any>> {
  version: number;
  status: CommandStatus;
  reason?: string;
  batch: number;
  counts: { [status in ExecutionStatus]?: number };
  changes: (MemberRun<Result> & { client_id: string })[];
}

/**
 * A command that was given, live. It goes on over reconnects, and at the server without this client. A loop over it gets
 * all that changes, and ends with it; progress that comes faster than the loop is left out but for the last.
 */
export interface CommandRun<Result = Record<string, any>> extends AsyncIterable<CommandTurn<Result>> {
  readonly id: string;
  /** How many members it is for. */
  readonly targets: number;
  readonly status: CommandStatus;
  /** Why it is paused or has ended: `batch_ended`, `too_few_succeeded`, `too_many_failed`, `requested`, `deadline` … */
  readonly reason?: string;
  /** Which batch has begun, from 1. */
  readonly batch: number;
  /** Grows with each change; 0 before the first is heard. */
  readonly version: number;
  /** How many members are how far. */
  readonly counts: { readonly [status in ExecutionStatus]?: number };
  /** Those of which something is known, by client id. */
  readonly members: ReadonlyMap<string, MemberRun<Result>>;
  /**
   * Resolves with this object at its end, whatever that is. Rejects only if this client is closed before, may not
   * follow it, or the server has lost it: `not_found`.
   */
  readonly done: Promise<CommandRun<Result>>;
  /** Calls it off: who is at it is asked to stop, and has 10 s. */
  cancel(limits?: Limits): Promise<unknown>;
  /** Begins the next batch of one that is paused. */
  resume(limits?: Limits): Promise<unknown>;
  /** Gives a new command to those that did not succeed. */
  retry(limits?: Limits): Promise<CommandRun<Result>>;
}

export interface CommandListQuery extends Limits {
  status?: CommandStatus;
  offset?: number;
  limit?: number;
}

/** What the server has of a command. */
export interface CommandSummary {
  command_id: string;
  cmd: string;
  from_id: string;
  status: CommandStatus;
  reason?: string;
  batch: number;
  counts: { [status in ExecutionStatus]?: number };
  created_at: string;
  deadline: string;
  ended_at?: string;
  version: number;
}
