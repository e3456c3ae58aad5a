import { mustBe, OBJECT, onlyLimits } from "./checks";
import type { AetherError } from "./errors";
import { LOST } from "./retry";
import type { Sender } from "./sender";
import { after, within } from "./times";
import type { Limits } from "./types/connection";
import type { Outgoing } from "./types/message";

const PAUSE = 1_000;

/**
 * What this client says of itself. The last word counts: it is said first on each new connection, and again if the
 * server could not take it, until it is taken.
 */
export const createStanding = (deliver: Sender, isOpen: () => boolean, check: (message: Outgoing) => unknown) => {
  let update: Outgoing | undefined;
  let waiting: [resolve: (value: any) => void, reject: (error: unknown) => void][] = [];
  let stop = () => {};

  const say = (): void => {
    stop();
    if (!update || !isOpen()) return;
    const said = update;
    const count = waiting.length;
    deliver(said, { first: true }).then(
      ack => waiting.splice(0, count).forEach(([resolve]) => resolve(ack)),
      (error: AetherError) => {
        if (!error.retryable && error.code !== LOST) end(error);
        // A newer word, or the next connection, says it again.
        else if (said === update) stop = after(error.retryAfter ?? PAUSE, say);
      });
  };
  const end = (error: unknown) => waiting.splice(0).forEach(([, reject]) => reject(error));

  return {
    say,
    end,
    async set(state: any, limits: Limits, over: AetherError | undefined): Promise<any> {
      mustBe(OBJECT, "state", state);
      onlyLimits(limits);
      if (over) throw over;
      const next: Outgoing = { msg_type: "presence", target: "group", cmd: "update", payload: { state } };
      // What could not be said is not kept either.
      check(next);
      return within(limits, "not taken", (resolve, reject) => {
        update = JSON.parse(JSON.stringify(next));
        waiting.push([resolve, reject]);
        say();
      });
    },
  };
};
