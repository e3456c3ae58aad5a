import type { CommandListQuery, CommandOptions, CommandRun, CommandSummary } from "./commands";
import type { Events, Group, HistoryPage, HistoryQuery, Limits, Opened, Positions, Presence, RequestLimits, SendLimits, Sent, Snapshot, State } from "./connection";
import type { Lease, LeaseOptions } from "./leases";
import type { Commands, Incoming, Message, Outgoing, PayloadOf, ReplyOf, Task } from "./message";

/**
 * One client in one group, over as many sockets as it takes. `C`: one's own commands, `S`: what members say of
 * themselves.
 */
export interface Connection<C = Commands, S = Record<string, any>> extends AsyncIterable<Incoming> {
  /** `connecting` until it is open for the first time, however many attempts that takes. */
  readonly state: State;
  /** Why, for programs, */
  readonly code: string;
  /** and in words. */
  readonly reason: string;
  readonly client: string;
  /** The payload of the server's `welcome`, with the `expires_at` and `permissions` of a token that was renewed; null before. */
  readonly welcome: Record<string, any> | null;
  /** How far it has come; empty where the server keeps nothing. */
  readonly positions: Positions;
  /** The last round trip that was measured, in ms. */
  readonly latency?: number;
  /** Resolves when it is open, rejects if it is closed before, or after 30 s unless `timeout` says otherwise. */
  readonly opened: Opened<Connection<C, S>>;
  readonly outbox: { readonly size: number };

  /**
   * Resolves when the server has taken the message. Rejects with an `AetherError` that is also emitted as `error`, so
   * nobody has to look. Without a `timeout` it waits for a connection as long as it takes, and 30 s for the ack. If the
   * connection breaks before the ack, a message of a type that the server keeps is sent again with its `id`.
   */
  send<K extends string>(message: Outgoing<PayloadOf<C, K>> & { cmd?: K | null }, how?: SendLimits): Sent;
  readonly group: Group<C>;
  direct<K extends string>(to: string, message: Outgoing<PayloadOf<C, K>> & { cmd?: K | null }, how?: SendLimits): Sent;
  broadcast<K extends string>(message: Outgoing<PayloadOf<C, K>> & { cmd?: K | null }, how?: SendLimits): Sent;

  /**
   * Sends a command to one client and resolves with the answer of its handler. Rejects with an `AetherError`: the
   * handler's own code, `not_handled`, `recipient_offline`, `timeout` (10 s by default), `aborted`, `connection_lost`,
   * or any that a send can have. To `aether` it asks the server itself, which answers at once: with `unknown_command`,
   * for example. What was asked of the server is not sent again when the connection breaks.
   */
  request<K extends string>(to: string, cmd: K, payload?: PayloadOf<C, K>, limits?: RequestLimits): Promise<Message<ReplyOf<C, K>>>;

  /** Reads what the server keeps, a page at a time. Rejects as a `request` does; a wrong `after` is an `invalid_message`. */
  history(what?: HistoryQuery): Promise<HistoryPage>;

  /**
   * Gives a command that reports back, to all of the group unless the options say otherwise. Resolves when it has begun: with
   * the command, live. Rejects with `no_recipients`, `forbidden`, `stale_term`, or as a `request` does; if the connection
   * breaks before the answer it is asked for again with the same `id`. 30 s unless `timeout` says otherwise.
   */
  command<K extends string>(cmd: K, payload?: PayloadOf<C, K>, options?: CommandOptions): Promise<CommandRun<ReplyOf<C, K>>>;
  /** Follows a command that somebody gave. Resolves when the first is heard of it. */
  watch<Result = Record<string, any>>(id: string, limits?: Limits): Promise<CommandRun<Result>>;
  /** The group's commands that the server still has, the newest first. */
  commands(which?: CommandListQuery): Promise<{ commands: CommandSummary[]; total: number }>;

  /**
   * Takes a lease: one client of the group holds a name at a time. Rejects with `lease_held`, `holder` and `retryAfter` if
   * another one does, unless it is to `wait`.
   */
  lease(name: string, options?: LeaseOptions): Promise<Lease>;

  /**
   * Carries out a command. What the handler returns or throws goes back to a sender that wants a reply; a message that
   * comes twice is carried out once. A second handler of a command replaces the first. Returns a function that takes
   * the handler away.
   *
   * Of a command that reports back (`message.execution`) the handler's beginning, `progress` and end go to the server, over
   * as many connections as it takes: what it returns is the result (at most 16 KiB), what it throws makes it `failed`, a
   * `RejectError` `rejected`.
   */
  handle<K extends string>(
    cmd: K,
    handler: (payload: PayloadOf<C, K>, message: Task<PayloadOf<C, K>>) => unknown,
  ): () => void;

  /** Returns a function that takes the listener away. */
  on<E extends keyof Events<C, S>>(event: E, listener: (value: Events<C, S>[E]) => void): () => void;
  on(event: `cmd:${string}`, listener: (value: Incoming) => void): () => void;
  once<E extends keyof Events<C, S>>(event: E, listener: (value: Events<C, S>[E]) => void): () => void;
  once(event: `cmd:${string}`, listener: (value: Incoming) => void): () => void;
  off(event: string, listener: (value: any) => void): void;

  /** All `msg` and `cmd` until it is closed. At most 1,000 wait; then the oldest is dropped, and `gap` says so. */
  [Symbol.asyncIterator](): AsyncGenerator<Incoming, void, void>;

  readonly presence: Presence<S>;

  /** What the others see in the roster, at most 2 KiB. It is said again after every reconnect, ahead of all else. */
  setState(state: S, limits?: Limits): Sent;

  /** Measures the round trip, in ms. Heartbeats do it by themselves. */
  ping(limits?: Limits): Promise<number>;

  /** For `useSyncExternalStore` and the like; `getSnapshot` gives the same object until something changes. */
  subscribe(listener: () => void): () => void;
  getSnapshot(): Snapshot;

  /** Connects again after `disconnect()`, `close()` or an end; otherwise just waits until it is open. */
  connect(limits?: Limits): Promise<Connection<C, S>>;
  /** Disconnects until `connect()`; the same as `close()`. */
  disconnect(reason?: string, limits?: Limits): Promise<void>;
  /** Sends what waits, waits for its acks (5 s at most by default), and closes. */
  close(reason?: string, limits?: Limits): Promise<void>;
  /** The same, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}
