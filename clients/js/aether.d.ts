/**
 * Connects, and stays connected until it is closed or the server says for good that it will not have it.
 * @param {Options} options
 */
export function connect(options: Options): Connection;
export class AetherError extends Error {
    /**
     * @param {string} code of the server or a worker, or one of ours: closed, connection_lost, outbox_full, timeout, aborted
     * @param {string} message
     * @param {{retryable?: boolean, retryAfter?: number, closeCode?: number}} [more] retryAfter in ms
     */
    constructor(code: string, message: string, { retryable, retryAfter, closeCode }?: {
        retryable?: boolean;
        retryAfter?: number;
        closeCode?: number;
    });
    code: string;
    retryable: boolean;
    retryAfter: number | undefined;
    closeCode: number | undefined;
}
/** One client in one group, over as many sockets as it takes. Made by `connect`. */
export class Connection {
    /** @internal @param {Options & {client: string, outbox: number}} options @param {URL} url */
    constructor(options: Options & {
        client: string;
        outbox: number;
    }, url: URL);
    /** @type {State} */
    state: State;
    /** In words, why it is in that state. */
    reason: string;
    /** What the server said first. @type {Record<string, any> | null} */
    welcome: Record<string, any> | null;
    /** Round trip in ms. @type {number | undefined} */
    latency: number | undefined;
    client: string;
    /** @type {Promise<Connection>} */
    opened: Promise<Connection>;
    group: {
        id: string;
        /** @param {Outgoing} message @param {{ack?: boolean}} [how] */
        send: (message: Outgoing, how?: {
            ack?: boolean;
        }) => Promise<{
            instances?: number;
        }>;
    };
    presence: Presence;
    /**
     * Resolves when the server has taken the message, or, without ack, when it is written. Rejects with an AetherError, which
     * is also emitted as "error".
     * @param {Outgoing} message
     * @returns {Promise<{instances?: number}>}
     */
    send(message: Outgoing, { ack }?: {
        ack?: boolean | undefined;
    }): Promise<{
        instances?: number;
    }>;
    /** @param {string} to @param {Outgoing} message @param {{ack?: boolean}} [how] */
    direct(to: string, message: Outgoing, how?: {
        ack?: boolean;
    }): Promise<{
        instances?: number;
    }>;
    /** @param {Outgoing} message @param {{ack?: boolean}} [how] */
    broadcast(message: Outgoing, how?: {
        ack?: boolean;
    }): Promise<{
        instances?: number;
    }>;
    /**
     * Sends a command and waits for what the other side's handler answers.
     * @param {string} to
     * @param {string} cmd
     * @param {Record<string, any>} payload
     * @param {{timeout?: number, signal?: AbortSignal}} [limits] timeout in ms
     * @returns {Promise<Message>}
     */
    request(to: string, cmd: string, payload?: Record<string, any>, { timeout, signal }?: {
        timeout?: number;
        signal?: AbortSignal;
    }): Promise<Message>;
    /**
     * Carries out a command. What the function returns or throws goes back to who sent it, if the command has an id; the same
     * id is carried out once.
     * @param {string} cmd
     * @param {Handler} handler
     * @returns {() => void} takes the handler away
     */
    handle(cmd: string, handler: Handler): () => void;
    /**
     * @template {keyof Events} E
     * @param {E} event
     * @param {(value: Events[E]) => void} listener
     * @returns {() => void} takes the listener away
     */
    on<E extends keyof Events>(event: E, listener: (value: Events[E]) => void): () => void;
    /**
     * What the others see in the roster. Said again after every reconnect.
     * @param {Record<string, any>} state at most 2 KiB
     */
    setState(state: Record<string, any>): Promise<{
        instances?: number;
    }>;
    /** Measures the round trip, in ms. No sign of life in time means that the connection is dead. */
    ping(): Promise<number>;
    /** Ends it for good. */
    close(reason?: string): void;
    /** All "msg" and "cmd" until it is closed. @returns {AsyncGenerator<Message, void, void>} */
    [Symbol.asyncIterator](): AsyncGenerator<Message, void, void>;
    #private;
}
/**
 * What is received has every field but the last two.
 */
export type Message = {
    version: "3";
    msg_type: string;
    target: string;
    from_id: string;
    to_id: string | null;
    group_id: string | null;
    cmd: string | null;
    msg: string | null;
    payload: Record<string, any>;
    sent_at: string;
    id?: string;
    reply_to?: string;
};
/**
 * What is received has every field but the last two.
 */
export type Outgoing = Partial<Omit<Message, "version" | "from_id" | "sent_at">>;
/**
 * What is received has every field but the last two.
 */
export type Member = {
    client_id: string;
    role: string | null;
    state: Record<string, any>;
    connections: number;
    joined_at: string;
    last_seen: string;
};
/**
 * What is received has every field but the last two.
 */
export type State = "connecting" | "open" | "reconnecting" | "closed";
/**
 * What is received has every field but the last two.
 */
export type Events = {
    msg: Message;
    cmd: Message;
    presence: Message;
    state: {
        state: State;
        reason: string;
        previous: State;
    };
    gap: {
        reason: string;
        since: string;
    };
    error: AetherError;
};
/**
 * What is received has every field but the last two.
 */
export type Handler = (payload: Record<string, any>, message: Message) => unknown;
/**
 * What is received has every field but the last two.
 */
export type Options = {
    /**
     * http(s) or ws(s), with a path prefix if there is one; in a browser: where the page is from
     */
    url?: string | undefined;
    group: string;
    /**
     * by default a random one
     */
    client?: string | undefined;
    role?: "worker" | "controller" | "observer" | undefined;
    /**
     * a function is asked before every attempt
     */
    key?: string | (() => string | Promise<string>) | undefined;
    /**
     * the same as key
     */
    token?: string | (() => string | Promise<string>) | undefined;
    /**
     * false: own messages to the group or to all do not come back
     */
    echo?: boolean | undefined;
    /**
     * how many messages wait while disconnected, 1,000
     */
    outbox?: number | undefined;
    /**
     * ms; by default what the server says
     */
    heartbeat?: number | undefined;
    WebSocket?: any;
    fetch?: typeof fetch | undefined;
};
/**
 * What is received has every field but the last two.
 */
export type Entry = {
    id?: string;
    text: string;
    reply?: boolean;
    state?: boolean;
    resolve: (answer: any) => void;
    reject: (error: AetherError) => void;
};
/** Who is in the group. The roster is loaded when it is first asked for, and kept up to date by events from then on. */
declare class Presence {
    /** @param {(offset: number) => Promise<Message>} ask */
    constructor(ask: (offset: number) => Promise<Message>);
    /** Live; empty before the first `roster()`. @type {ReadonlyMap<string, Member>} */
    get members(): ReadonlyMap<string, Member>;
    roster({ refresh }?: {
        refresh?: boolean | undefined;
    }): Promise<Member[]>;
    /** @internal Events may have been missed. */
    stale(): Promise<void>;
    /** @internal @param {Message} event */
    hear(event: Message): void;
    #private;
}
export {};
