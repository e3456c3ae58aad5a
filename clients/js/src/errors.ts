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
export class AetherError extends Error implements ErrorDetails {
  /**
   * The server's or a handler's, or one of the client's own: `invalid_message`, `closed`, `connection_lost`,
   * `outbox_full`, `timeout`, `aborted`, `not_handled`, `failed`, `key_failed`; of a result `invalid_result`.
   */
  code!: string;
  retryable!: boolean;
  retryAfter?: number;
  closeCode?: number;
  field?: string;
  rule?: string;
  holder?: string;

  constructor(code: string, message: string, details?: ErrorDetails) {
    super(message);
    Object.assign(this, { name: "AetherError", code, retryable: false }, details);
  }
}

/** What a handler throws that will not carry out a command: `rejected`, and not `failed`. */
export class RejectError extends Error {
  code!: string;

  constructor(message: string, code = "rejected") {
    super(message);
    Object.assign(this, { name: "RejectError", code });
  }
}

/** A message that the server would close the connection for. */
export const invalid = (field: string, rule: string) =>
  new AetherError("invalid_message", `${field}: ${rule}`, { field, rule });

/** The same may succeed later. */
export const passing = (code: string, message: string) => new AetherError(code, message, { retryable: true });

/** What an error says itself; what is behind it may be nobody else's business. */
export const textOf = (error: any): string => String(error?.message ?? error);
