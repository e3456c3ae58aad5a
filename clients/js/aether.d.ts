/** What more there is to say of an error. */
export interface ErrorDetails {
    /** Whether the same may succeed later. */
    retryable?: boolean;
    /** In how many ms, if the server says so. */
    retryAfter?: number;
    /** What the server closed the connection with, where that is the cause. */
    closeCode?: number;
    /** Which field of a message is wrong, */
    field?: string;
    /** and which rule it breaks. */
    rule?: string;
    /** Who holds the lease. */
    holder?: string;
}
/** What went wrong, with a code for programs and a text for people. */
export declare class AetherError extends Error implements ErrorDetails {
    /**
     * The server's or a handler's, or one of the client's own: `invalid_message`, `closed`, `connection_lost`,
     * `outbox_full`, `timeout`, `aborted`, `not_handled`, `failed`, `key_failed`; of a result `invalid_result`.
     */
    code: string;
    retryable: boolean;
    retryAfter?: number;
    closeCode?: number;
    field?: string;
    rule?: string;
    holder?: string;
    constructor(code: string, message: string, details?: ErrorDetails);
}
/** What a handler throws that will not carry out a command: `rejected`, and not `failed`. */
export declare class RejectError extends Error {
    code: string;
    constructor(message: string, code?: string);
}
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
    execution?: {
        command_id: string;
        attempt: number;
        deadline: string;
    };
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
export type Commands = Record<string, {
    payload?: any;
    reply?: any;
}>;
export type PayloadOf<C, K> = K extends keyof C ? (C[K] extends {
    payload: infer P;
} ? P : Record<string, any>) : Record<string, any>;
export type ReplyOf<C, K> = K extends keyof C ? (C[K] extends {
    reply: infer R;
} ? R : Record<string, any>) : Record<string, any>;
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
export type Retry = false | {
    min?: number;
    max?: number;
    attempts?: number;
} | ((attempt: RetryAttempt) => number | false | null | undefined | void) | undefined;
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
    abort?: {
        failures: Amount;
        minExecuted?: number;
    };
    /** Only if this client holds the lease; members get it with the command. */
    lease?: Lease | LeaseClaim;
    /** A text beside the payload. */
    msg?: string;
    /** Of the order: the same id again is the same command. By default random digits. */
    id?: string;
}
export type ExecutionStatus = "queued" | "sent" | "in_progress" | "succeeded" | "failed" | "rejected" | "timed_out" | "canceled" | "undeliverable";
export type CommandStatus = "in_progress" | "paused" | "succeeded" | "incomplete" | "failed" | "canceled" | "aborted" | "timed_out";
/** How far one member is. */
export interface MemberRun<Result = Record<string, any>> {
    status: ExecutionStatus;
    /** How often it was asked. */
    attempt: number;
    /** The last that it said while it was at it. */
    progress?: Record<string, any>;
    result?: Result;
    error?: {
        code: string;
        message?: string;
    };
}
/** Where a command stands, and what happened since the turn of the loop before. */
export interface CommandTurn<Result = Record<string, any>> {
    version: number;
    status: CommandStatus;
    reason?: string;
    batch: number;
    counts: {
        [status in ExecutionStatus]?: number;
    };
    changes: (MemberRun<Result> & {
        client_id: string;
    })[];
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
    readonly counts: {
        readonly [status in ExecutionStatus]?: number;
    };
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
    counts: {
        [status in ExecutionStatus]?: number;
    };
    created_at: string;
    deadline: string;
    ended_at?: string;
    version: number;
}
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
    presence: Message<{
        role: Role | null;
        state: S;
        connections: number;
        [name: string]: any;
    }>;
    state: Snapshot & {
        previous: State;
    };
    /**
     * What was missed while it was away, or why it cannot be had. It comes behind the messages that were missed, after each
     * return (and after `rewind`), for each channel that was asked for.
     */
    recovered: {
        [channel in Channel]?: Recovery;
    };
    /**
     * Messages since then may have been missed. `types`: of which kinds, in the order `cmd`, `msg`, `presence`; not there
     * where the server does not say it, and then of all.
     */
    gap: {
        reason: string;
        since: string;
        types?: string[];
    };
    /** A lease of the group went to somebody, or is free (`holder` null). */
    lease: {
        name: string;
        holder: string | null;
        term: number;
        expires_at: string | null;
    };
    /**
     * A send that failed, an error that belongs to no send, or a token that could not be renewed: `key_failed`, or the server's
     * code. That is tried again.
     */
    error: AetherError;
} & {
    [K in keyof C & string as `cmd:${K}`]: Incoming<PayloadOf<C, K>>;
};
/** `client`: what is sent to this client alone. */
export type Channel = "group" | "client" | "broadcast";
/** The last kept message of each channel that was received, as the server numbers them. */
export type Positions = {
    [channel in Channel]?: string;
};
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
export type Sent = Promise<{
    instances?: number;
    status?: "published" | "duplicate";
    pos?: string;
}>;
/** What one member said to a request to the group. */
export interface Answer<Payload = Record<string, any>> {
    from_id: string;
    /** The answer, */
    message?: Message<Payload>;
    /** or why there is none: what its handler threw, or `not_handled`. */
    error?: AetherError;
}
/** Awaited: all answers, and who of those that were asked gave none. With `for await`: the answers as they come. */
export interface GroupRequest<P = Record<string, any>> extends AsyncIterable<Answer<P>>, PromiseLike<{
    answers: Answer<P>[];
    missing: string[];
}> {
}
export interface GroupLimits extends RequestLimits {
    /** Only members of this role are waited for. */
    role?: Role;
    /** Who is waited for; by default everybody in the roster but oneself. */
    expect?: string[];
}
export interface Group<C> {
    readonly id: string;
    send<K extends string>(message: Outgoing<PayloadOf<C, K>> & {
        cmd?: K | null;
    }, how?: SendLimits): Sent;
    /** Sends to those of the group who connected with this role. */
    toRole<K extends string>(role: Role, message: Outgoing<PayloadOf<C, K>> & {
        cmd?: K | null;
    }, how?: SendLimits): Sent;
    /** Asks everybody in the group. 10 s unless `timeout` says otherwise. */
    request<K extends string>(cmd: K, payload?: PayloadOf<C, K>, how?: GroupLimits): GroupRequest<ReplyOf<C, K>>;
}
/** The roster, for hooks and the like: `getSnapshot` gives the same array until something changes. */
export interface Presence<S> {
    /** Live. Empty until the roster was asked for once. */
    readonly members: ReadonlyMap<string, Member<S>>;
    /** Loads all pages the first time, or to `refresh`; events keep it up to date from then on. */
    roster(how?: {
        refresh?: boolean;
    } & Limits): Promise<Member<S>[]>;
    subscribe(listener: () => void): () => void;
    getSnapshot(): readonly Member<S>[];
}
/** `await me.opened`, or `me.opened({ timeout })`. */
export type Opened<C> = PromiseLike<C> & Pick<Promise<C>, "catch" | "finally"> & ((how?: Limits) => Promise<C>);
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
    readonly outbox: {
        readonly size: number;
    };
    /**
     * Resolves when the server has taken the message. Rejects with an `AetherError` that is also emitted as `error`, so
     * nobody has to look. Without a `timeout` it waits for a connection as long as it takes, and 30 s for the ack. If the
     * connection breaks before the ack, a message of a type that the server keeps is sent again with its `id`.
     */
    send<K extends string>(message: Outgoing<PayloadOf<C, K>> & {
        cmd?: K | null;
    }, how?: SendLimits): Sent;
    readonly group: Group<C>;
    direct<K extends string>(to: string, message: Outgoing<PayloadOf<C, K>> & {
        cmd?: K | null;
    }, how?: SendLimits): Sent;
    broadcast<K extends string>(message: Outgoing<PayloadOf<C, K>> & {
        cmd?: K | null;
    }, how?: SendLimits): Sent;
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
    commands(which?: CommandListQuery): Promise<{
        commands: CommandSummary[];
        total: number;
    }>;
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
    handle<K extends string>(cmd: K, handler: (payload: PayloadOf<C, K>, message: Task<PayloadOf<C, K>>) => unknown): () => void;
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
/** Connects, and comes back until it is closed or refused for good. */
export declare function connect<C = Commands, S = Record<string, any>>(options: Options): Connection<C, S>;
