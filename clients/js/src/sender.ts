import type { Entry } from "./entry";
import type { AetherError } from "./errors";
import type { Outbox } from "./outbox";
import { random, type Settings } from "./settings";
import { after, lateAfter, within } from "./times";
import type { SendLimits } from "./types/connection";
import type { Outgoing } from "./types/message";
import { encode, utf8 } from "./wire";

const ACK_TIMEOUT = 30_000;

export type How = SendLimits & Partial<Pick<Entry, "reply" | "to" | "first" | "urgent" | "acked" | "each">> & {
  /** Also while what is under way is waited for, before it is closed. */
  evenLate?: boolean;
  /** Called when it is written. */
  onWritten?(): void;
};

/**
 * Checks a message and hands it to the outbox. The promise is settled by the ack, or, with `reply`, by what answers it.
 * @param over the error of what comes too late
 */
export const createSender = ({ client, group }: Settings, outbox: Outbox, over: () => AetherError | undefined) =>
  (message: Outgoing, how: How = {}, what = "no ack; it may have arrived"): Promise<any> =>
    within<any>(how, what, (resolve, reject) => {
      const late = over();
      if (late && !(how.evenLate && outbox.isOpen())) throw late;
      const { ack = true, lease = message.lease } = how;
      const id = message.id ?? random();
      const text = encode({ ...message, lease, ...(ack && { id }) }, client, group, how.to);
      let stop = () => {};
      outbox.add({
        ...how, id, text, ack, byteCount: utf8(text).length, resolve, reject,
        onSent() {
          stop();
          how.onWritten?.();
          if (how.timeout === undefined && ack) stop = lateAfter(ACK_TIMEOUT, what, reject);
        },
        onCut(error, ms) {
          stop();
          stop = after(ms, () => reject(error));
        },
      });
      return () => {
        stop();
        outbox.forget(id);
      };
    });

export type Sender = ReturnType<typeof createSender>;
