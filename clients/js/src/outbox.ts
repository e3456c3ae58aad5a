import type { Entry } from "./entry";
import { type AetherError, invalid, passing } from "./errors";
import { createPace } from "./pace";
import { after } from "./times";

/**
 * What waits for a connection or for the rate that the server allows, in order, and what waits for an answer.
 * @param room how many may wait while there is no connection
 * @param write puts a text on the wire, or says that it cannot
 * @param msToRepeat for how long something may be written again that was not acknowledged; negative: not at all
 */
export const createOutbox = (room: number, write: (text: string) => boolean, msToRepeat: (entry: Entry) => number) => {
  const ahead = new Map<string, Entry>();
  const again = new Map<string, Entry>();
  const queue = new Map<string, Entry>();
  const waiting = new Map<string, Entry>();
  const unsent = [ahead, again, queue];
  const all = [...unsent, waiting];
  const pace = createPace();
  let open = false;
  let most = Infinity; // bytes of a frame
  let stopPacing = () => {};
  let idle: (() => void) | undefined;

  const settled = () => {
    if (idle && unsent.every(line => !line.size) && [...waiting.values()].every(({ acked }) => acked)) idle();
  };

  const flush = () => {
    stopPacing();
    for (const line of unsent) {
      for (const [id, entry] of line) {
        const ms = pace.msToWait();
        if (ms && !entry.urgent) return void (stopPacing = after(ms, flush));
        if (entry.byteCount > most) entry.reject(invalid("message", `must be at most ${most} bytes`));
        else if (line === again && msToRepeat(entry) < 0) entry.reject(entry.lost!);
        else {
          // A closing socket would swallow it.
          if (!open || !write(entry.text)) return;
          pace.spend(1);
          entry.sentAt ??= Date.now();
          entry.lost = undefined;
          entry.onSent();
          if (entry.ack) waiting.set(id, entry);
          else entry.resolve({});
        }
        line.delete(id);
      }
    }
    settled();
  };

  const reject = (line: Map<string, Entry>, error?: AetherError) => {
    for (const [id, entry] of line) {
      line.delete(id);
      entry.reject(error ?? entry.lost!);
    }
  };

  return {
    size: () => ahead.size + again.size + queue.size,
    add(entry: Entry): void {
      const { id } = entry;
      if (all.some(line => line.has(id))) throw invalid("id", "must be new");
      const line = entry.first || entry.urgent ? ahead : queue;
      line.set(id, entry);
      if (open) flush();
      // While it is open, what the server takes within a minute may wait for its turn.
      if (line === queue && queue.size > Math.max(room, open ? pace.aMinute() : 0) && queue.delete(id)) {
        throw passing("outbox_full", "too many messages wait");
      }
    },
    /** Nobody waits for it any longer. */
    forget(id: string): void {
      for (const line of all) line.delete(id);
      settled();
    },
    waitsFor: (id: unknown) => waiting.get(id as string) ?? again.get(id as string),
    acked(entry: Entry): void {
      entry.acked = true;
      settled();
    },
    isOpen: () => open,
    /** After what the welcome says. */
    onWelcome({ max_message_bytes, rate_limit }: any): void {
      most = max_message_bytes > 0 ? max_message_bytes : 65_536;
      pace.onWelcome(rate_limit);
      open = true;
    },
    sendWaiting: flush,
    spend: pace.spend,
    slowDown: pace.slowDown,
    /**
     * The connection is gone. What was written is written again if the server will know it again, and gets an error
     * otherwise, as does what belongs to this connection. What waits stays.
     */
    cutOff(error: AetherError): void {
      open = false;
      stopPacing();
      for (const [id, entry] of [...waiting, ...again]) {
        // What the server closed the connection for would cost the next one.
        const ms = entry.lost || (error.retryable && !entry.acked) ? msToRepeat(entry) : -1;
        if (ms < 0) continue;
        waiting.delete(id);
        again.delete(id);
        again.set(id, entry);
        entry.onCut((entry.lost ??= error), ms + 1);
      }
      reject(waiting, error);
      reject(ahead, error);
    },
    /** All of it is over. */
    end(error: AetherError): void {
      idle = undefined;
      reject(again);
      reject(queue, error);
    },
    /** Calls back whenever nothing waits any longer, at once if nothing does. */
    whenIdle(call: () => void): void {
      idle = call;
      settled();
    },
  };
};

export type Outbox = ReturnType<typeof createOutbox>;
