import type { AetherError } from "../errors";
import type { LeaseClaim } from "./leases";
import type { Commands, Incoming, Member, Message, Outgoing, PayloadOf, ReplyOf, Role } from "./message";

export type State = "connecting" | "open" | "reconnecting" | "closing" | "closed";

/** Where the connection stands, for programs (`code`) and for people (`reason`). */
export interface Snapshot {
  readonly state: State;
  /**
   * `connecting`, `connected`, `closed` (by this client); of a lost connection `connection_lost`, `going_away`,
   * `restarting`, `internal`, `overloaded`, `rate_limited`, `too_slow`, `idle`, `message_too_big`, `invalid_message`,
   * `unauthorized`, `superseded`, `removed`, `heartbeat_lost`, `page_hidden`; of a connection that does not come about
   * `unreachable`, `unavailable`, `refused`, `no_answer`, `key_failed`, `failed`.
   */
  readonly code: string;
  readonly reason: string;
  /** What the server closed it with. */
  readonly closeCode?: number;
}

/** What `on` listens to, and what the listener gets. */
export type Events<C = Commands, S = Record<string, any>> = {
  msg: Incoming;
  cmd: Incoming;
  /** Somebody came, went or says something else of itself. The roster knows it already. */
  presence: Message<{ role: Role | null; state: S; connections: number; [name: string]: any }>;
  state: Snapshot & { previous: State };
  /**
   * What was missed while it was away, or why it cannot be had. It comes behind the messages that were missed, after each
   * return (and after `rewind`), for each channel that was asked for.
   */
  recovered: { [channel in Channel]?: Recovery };
  /**
   * Messages since then may have been missed. `types`: of which kinds, in the order `cmd`, `msg`, `presence`; not there
   * where the server does not say it, and then of all.
   */
  gap: { reason: string; since: string; types?: string[] };
  /** A lease of the group went to somebody, or is free (`holder` null). */
  lease: { name: string; holder: string | null; term: number; expires_at: string | null };
  /**
   * A send that failed, an error that belongs to no send, or a token that could not be renewed: `key_failed`, or the server's
   * code. That is tried again.
   */
  error: AetherError;
} & { [K in keyof C & string as `cmd:${K}`]: Incoming<PayloadOf<C, K>> };

/** `client`: what is sent to this client alone. */
export type Channel = "group" | "client" | "broadcast";

/** The last kept message of each channel that was received, as the server numbers them. */
export type Positions = { [channel in Channel]?: string };

/** `lost`: nothing of this channel came, since it is not there any more as a whole. */
export interface Recovery {
  status: "recovered" | "lost";
  /** How many messages came. */
  count: number;
  /** Why it is lost: `too_many`, `expired`, `trimmed` or `epoch`. */
  reason?: string;
}

/** What to read of the kept messages: the oldest ones of `channel`, or those behind `after`. */
export interface HistoryQuery extends Limits {
  /** Default `group`. */
  channel?: Channel;
  /** A position: the `pos` of a message, of the page before, or one of `positions`. */
  after?: string | null;
  /** 1 to 500, default 100; a page may be shorter. */
  limit?: number | null;
}

export interface HistoryPage {
  /** The oldest first, as they were sent. */
  messages: Message[];
  /** The `after` of the next page; null where nothing is kept. */
  pos: string | null;
  /** Whether this is all there is; otherwise read on from `pos`, also if there are no messages here. */
  complete: boolean;
  /** Why what follows `after` is lost: `too_many`, `expired`, `trimmed` or `epoch`. There are no messages then. */
  reason?: string;
}

/** How long to wait: `timeout` in ms, `Infinity` and `null` for no limit. */
export interface Limits {
  timeout?: number | null;
  signal?: AbortSignal;
}

export interface RequestLimits extends Limits {
  /** Sent only while this client holds the lease in this term; otherwise `stale_term` rejects it. */
  lease?: LeaseClaim;
}

export interface SendLimits extends RequestLimits {
  /** false: it is done when it is written, and nobody says whether it arrived. */
  ack?: boolean;
}

/**
 * `instances`: how many server instances heard it. Of a kept message also its `pos`. `status`: `duplicate` where it was
 * sent again after a reconnect, and had arrived the first time.
 */
export type Sent = Promise<{ instances?: number; status?: "published" | "duplicate"; pos?: string }>;

/** What one member said to a request to the group. */
export interface Answer<Payload = Record<string, any>> {
  from_id: string;
  /** The answer, */
  message?: Message<Payload>;
  /** or why there is none: what its handler threw, or `not_handled`. */
  error?: AetherError;
}

/** Awaited: all answers, and who of those that were asked gave none. With `for await`: the answers as they come. */
export interface GroupRequest<P = Record<string, any>>
  extends AsyncIterable<Answer<P>>, PromiseLike<{ answers: Answer<P>[]; missing: string[] }> {}

export interface GroupLimits extends RequestLimits {
  /** Only members of this role are waited for. */
  role?: Role;
  /** Who is waited for; by default everybody in the roster but oneself. */
  expect?: string[];
}

export interface Group<C> {
  readonly id: string;
  send<K extends string>(message: Outgoing<PayloadOf<C, K>> & { cmd?: K | null }, how?: SendLimits): Sent;
  /** Sends to those of the group who connected with this role. */
  toRole<K extends string>(role: Role, message: Outgoing<PayloadOf<C, K>> & { cmd?: K | null }, how?: SendLimits): Sent;
  /** Asks everybody in the group. 10 s unless `timeout` says otherwise. */
  request<K extends string>(cmd: K, payload?: PayloadOf<C, K>, how?: GroupLimits): GroupRequest<ReplyOf<C, K>>;
}

/** The roster, for hooks and the like: `getSnapshot` gives the same array until something changes. */
export interface Presence<S> {
  /** Live. Empty until the roster was asked for once. */
  readonly members: ReadonlyMap<string, Member<S>>;
  /** Loads all pages the first time, or to `refresh`; events keep it up to date from then on. */
  roster(how?: { refresh?: boolean } & Limits): Promise<Member<S>[]>;
  subscribe(listener: () => void): () => void;
  getSnapshot(): readonly Member<S>[];
}

/** `await me.opened`, or `me.opened({ timeout })`. */
export type Opened<C> = PromiseLike<C> & Pick<Promise<C>, "catch" | "finally"> & ((how?: Limits) => Promise<C>);
