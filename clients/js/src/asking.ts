import { ASKS, REQUEST_TIMEOUT, SERVER } from "./codes";
import type { AetherError } from "./errors";
import { LOST } from "./retry";
import type { How, Sender } from "./sender";
import { random } from "./settings";
import { within } from "./times";
import type { Outgoing } from "./types/message";

const UNANSWERED = ": no answer from the server";
/** How long to wait before the same is asked again, where the server does not say it. */
export const PAUSE = 1_000;

/** What the server itself is asked, and its answers. */
export const createAsking = (deliver: Sender) => {
  const ask = async (cmd: string, payload: object, how: How = {}, fields?: Outgoing): Promise<any> => {
    const message: Outgoing = { reply_to: ASKS, msg_type: "cmd", target: "direct", to_id: SERVER, cmd, payload, ...fields };
    const { timeout = REQUEST_TIMEOUT } = how;
    return (await deliver(message, { ...how, timeout, reply: true, to: SERVER }, cmd + UNANSWERED)).payload;
  };

  return {
    ask,
    /**
     * Asks again, with the same id, where the connection broke before the answer: only what does no harm twice.
     * @param orElse may ask again after other errors as well, and returns what takes that back
     */
    insist(
      cmd: string, payload: object, { timeout = REQUEST_TIMEOUT, ...how }: How = {}, id = random(),
      orElse?: (error: AetherError, again: () => void) => (() => void) | undefined,
    ): Promise<any> {
      return within<any>({ ...how, timeout }, cmd + UNANSWERED, (resolve, reject) => {
        const enough = new AbortController();
        let stop: (() => void) | undefined;
        const again = (): void => {
          stop?.();
          ask(cmd, payload, { ...how, timeout: null, signal: enough.signal }, { id }).then(resolve, error => {
            if (error.code === LOST) again();
            else if (!(stop = orElse?.(error, again))) reject(error);
          });
        };
        again();
        return () => {
          stop?.();
          enough.abort();
        };
      });
    },
  };
};

export type Asking = ReturnType<typeof createAsking>;
