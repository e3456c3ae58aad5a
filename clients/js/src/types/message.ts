import type { LeaseClaim } from "./leases";

/**
 * A V3 message as it is received. Numbers in `payload` are JavaScript's: whole numbers beyond 2^53 lose digits, so
 * send such ids as strings.
 */
export interface Message<Payload = Record<string, any>> {
  version: "3";
  msg_type: "msg" | "cmd" | "heartbeat" | "presence";
  target: "direct" | "group" | "broadcast" | "role" | "echo";
  from_id: string;
  to_id: string | null;
  group_id: string | null;
  cmd: string | null;
  msg: string | null;
  payload: Payload;
  /** UTC, as in `2030-01-31T12:00:00Z`. */
  sent_at: string;
  id?: string;
  /** The id of the message that this one answers; `?` if it wants an answer itself. */
  reply_to?: string;
  /** With target `role`: the role that it is for. */
  to_role?: Role;
  /** Its sender holds this lease: refuse a term that is lower than one that was seen. */
  lease?: LeaseClaim;
  /** One's own part of a command that reports back. It is not sent. */
  execution?: { command_id: string; attempt: number; deadline: string };
  /** Of a kept message: its place in its channel. It is not sent. */
  pos?: string;
}

/** A `msg` or `cmd` as listeners, handlers and `for await` get it. */
export interface Incoming<Payload = Record<string, any>> extends Message<Payload> {
  /** Whether its sender waits for an answer. */
  readonly wantsReply: boolean;
  /** It was missed while this client was away, and came now. */
  readonly recovered?: true;
  /** Answers its sender, by hand; a handler does it by itself. A message needs an `id` to be answered. */
  reply(result?: unknown): Promise<void>;
}

/** What a handler gets beside the payload. */
export interface Task<Payload = Record<string, any>> extends Incoming<Payload> {
  /**
   * Says how far it is: an object of at most 2 KiB, ten times a second at most, the last word counts. Goes nowhere where
   * there is no `execution`.
   */
  progress(progress: object): void;
  /**
   * Aborts when the command is canceled, tried anew or at its deadline; never where there is no `execution`. Who throws
   * after it was canceled is `canceled`, and who throws at the deadline has `failed`.
   */
  readonly signal: AbortSignal;
}

/**
 * A message to send. Left out, `msg_type` is `cmd` where there is a `cmd` and otherwise `msg`, `target` is `direct`
 * where there is a `to_id` and otherwise `group`, and `payload` is empty. `version`, `from_id` and `sent_at` are
 * filled in.
 */
export type Outgoing<Payload = Record<string, any>> = Partial<Message<Payload>>;

/** Somebody who is present in the group. */
export interface Member<State = Record<string, any>> {
  client_id: string;
  role: Role | null;
  /** What the client said of itself with `setState`. */
  state: State;
  connections: number;
  joined_at: string;
  last_seen: string;
  /** Grows with each event of this member; from servers that say it. */
  version?: number;
}

export type Role = "controller" | "worker" | "observer";

/** One's own commands: what each carries, and what its answer is. `{ start: { payload: { speed: number } } }` */
export type Commands = Record<string, { payload?: any; reply?: any }>;

export type PayloadOf<C, K> = K extends keyof C ? (C[K] extends { payload: infer P } ? P : Record<string, any>) : Record<string, any>;
export type ReplyOf<C, K> = K extends keyof C ? (C[K] extends { reply: infer R } ? R : Record<string, any>) : Record<string, any>;
