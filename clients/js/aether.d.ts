/**
 * Connects, and comes back until it is closed or refused for good.
 * @param {Options} options
 * @returns {Connection}
 */
export function connect({ url, group, client, role, token, key: keys, echo, outbox: room, heartbeat, WebSocket, fetch, }: Options): Connection;
export class AetherError extends Error {
    /** @param {number} [retryAfter] ms @param {number} [closeCode] */
    constructor(code?: string, message?: string, retryable?: boolean, retryAfter?: number, closeCode?: number);
    code: string;
    retryable: boolean;
    retryAfter: number | undefined;
    closeCode: number | undefined;
}
export type Connection = import("./types.js").Connection;
export type Member = import("./types.js").Member;
export type Message = import("./types.js").Message;
export type Options = import("./types.js").Options;
export type Outgoing = import("./types.js").Outgoing;
