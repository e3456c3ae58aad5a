import type { AetherError } from "./errors";

/** Something to send, and who waits for what becomes of it. */
export interface Entry {
  id: string;
  text: string;
  byteCount: number;
  /** Whether the server is asked for an ack. */
  ack: boolean;
  acked?: boolean;
  /** Only a reply settles it, not the ack. */
  reply?: boolean;
  /** Whose reply. */
  to?: string;
  /** Gets each reply instead of being settled by the first. */
  each?: (message: any, error?: AetherError) => void;
  /** Ahead of everything else that waits. It does not outlive its connection. */
  first?: boolean;
  /** Ahead, whatever the rate: a sign of life. */
  urgent?: boolean;
  /** When it was written for the first time. */
  sentAt?: number;
  /** Why it has to be written again. */
  lost?: AetherError;
  onSent(): void;
  /** The connection broke before the ack; it can be written again for so many ms. */
  onCut(error: AetherError, ms: number): void;
  resolve(value?: any): void;
  reject(error: AetherError): void;
}
