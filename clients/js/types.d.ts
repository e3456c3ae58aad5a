/** What went wrong. The class of the same name is in the module itself. */
export interface AetherError extends Error {
  /** The server's or a handler's, or one of `closed`, `connection_lost`, `outbox_full`, `timeout`, `aborted`. */
  code: string;
  /** Whether the same may succeed later. */
  retryable: boolean;
  /** In how many ms, if the server says so. */
  retryAfter: number | undefined;
  /** With `closed`: the code that the server closed the connection with. */
  closeCode: number | undefined;
}

/** A V3 message as it is received. */
export interface Message {
  version: "3";
  msg_type: "msg" | "cmd" | "heartbeat" | "presence";
  target: "direct" | "group" | "broadcast" | "echo";
  from_id: string;
  to_id: string | null;
  group_id: string | null;
  cmd: string | null;
  msg: string | null;
  payload: Record<string, any>;
  /** UTC, as in `2030-01-31T12:00:00Z`. */
  sent_at: string;
  id?: string;
  reply_to?: string;
}

/**
 * A message to send. Left out, `msg_type` is `cmd` where there is a `cmd` and otherwise `msg`, `target` is `direct`
 * where there is a `to_id` and otherwise `group`, and `payload` is empty.
 */
export type Outgoing = Partial<Omit<Message, "version" | "from_id" | "sent_at">>;

/** Somebody who is present in the group. */
export interface Member {
  client_id: string;
  role: "controller" | "worker" | "observer" | null;
  /** What the client said of itself with `setState`. */
  state: Record<string, any>;
  connections: number;
  joined_at: string;
  last_seen: string;
}

export type State = "connecting" | "open" | "reconnecting" | "closed";

/** What `on` listens to, and what the listener gets. */
export interface Events {
  msg: Message;
  cmd: Message;
  /** Somebody came, went or says something else of itself. The roster knows it already. */
  presence: Message;
  state: { state: State; reason: string; previous: State };
  /**
   * Messages since then may have been missed: at the backplane, while disconnected, or by an iterator that is too
   * slow.
   */
  gap: { reason: string; since: string };
  /** A send that failed, or an error of the server's that belongs to no send. */
  error: AetherError;
}

/** An API key, or how to get one; a function is asked before every attempt to connect. */
export type Key = string | (() => string | Promise<string>);

export interface Options {
  /** http(s) or ws(s), with a path prefix if the server has one. In a browser by default where the page comes from. */
  url?: string;
  group: string;
  /** By default `js-` and random digits. */
  client?: string;
  role?: "controller" | "worker" | "observer";
  /** At most one of `key` and `token`; they mean the same. */
  key?: Key;
  token?: Key;
  /** false: own messages to the group or to all do not come back. Default true. */
  echo?: boolean;
  /** How many messages may wait while there is no connection. Default 1,000. */
  outbox?: number;
  /** Every how many ms a sign of life is asked for. By default what the server suggests. */
  heartbeat?: number;
  /** A replacement for the global one, which Node has only from version 22. */
  WebSocket?: any;
  /** A replacement for the global one. */
  fetch?: typeof globalThis.fetch;
}

/**
 * Resolves when the server has taken the message, with the number of server instances that heard it; without `ack` as
 * soon as it is written, and without that number. Rejects with an `AetherError` that is also emitted as `error`, so
 * nobody has to look.
 */
export type Send = (message: Outgoing, how?: { ack?: boolean }) => Promise<{ instances?: number }>;

/** One client in one group, over as many sockets as it takes. */
export interface Connection extends AsyncIterable<Message> {
  /** `connecting` until it is open for the first time, however many attempts that takes. */
  readonly state: State;
  /** In words, why it is in that state. */
  readonly reason: string;
  readonly client: string;
  /** The payload of the server's `welcome`; null before. */
  readonly welcome: Record<string, any> | null;
  /** The last round trip that was measured, in ms. */
  readonly latency?: number;
  /** Resolves when it is open for the first time, rejects if it is closed before. */
  readonly opened: Promise<Connection>;

  send: Send;
  readonly group: { readonly id: string; send: Send };
  direct(to: string, message: Outgoing, how?: { ack?: boolean }): ReturnType<Send>;
  broadcast: Send;

  /**
   * Sends a command to one client and resolves with the answer of its handler. Rejects with an `AetherError`: the
   * handler's own code, `recipient_offline`, `timeout`, `aborted`, `connection_lost`, or any that a send can have.
   */
  request(
    to: string, cmd: string, payload?: Record<string, any>, limits?: { timeout?: number; signal?: AbortSignal },
  ): Promise<Message>;

  /**
   * Carries out a command. What the handler returns or throws goes back to the sender by itself if the message has an
   * `id`; a message that comes twice is carried out once. A second handler of a command replaces the first. Returns a
   * function that takes the handler away.
   */
  handle(cmd: string, handler: (payload: Record<string, any>, message: Message) => unknown): () => void;

  /** Returns a function that takes the listener away. */
  on<E extends keyof Events>(event: E, listener: (value: Events[E]) => void): () => void;

  /** All `msg` and `cmd` until it is closed. At most 1,000 wait; then the oldest is dropped, and `gap` says so. */
  [Symbol.asyncIterator](): AsyncGenerator<Message, void, void>;

  readonly presence: {
    /** Live. Empty until the roster was asked for once. */
    readonly members: ReadonlyMap<string, Member>;
    /** Loads all pages the first time, or to `refresh`; events keep it up to date from then on. */
    roster(how?: { refresh?: boolean }): Promise<Member[]>;
  };

  /** What the others see in the roster, at most 2 KiB. It is said again after every reconnect. */
  setState(state: Record<string, any>): ReturnType<Send>;

  /** Measures the round trip, in ms. Heartbeats do it by themselves. */
  ping(): Promise<number>;

  /** Closes it for good. */
  close(reason?: string): void;
}
