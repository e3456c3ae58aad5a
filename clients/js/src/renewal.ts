import type { Asking } from "./asking";
import { EXPIRING } from "./codes";
import type { Emitter } from "./emitter";
import type { Settings } from "./settings";
import { after } from "./times";

/** Ms after the first failure, and twice as many after each further one; at random up to twice that. */
const PAUSE = 2_000;

/**
 * Gets another token in time, and shows it on the connection that there is.
 * @param renew asks the key function, and calls back with what it gives
 * @returns to be called when the connection is gone
 */
export const createRenewal = (
  { key }: Settings, renew: (show: (token: string) => Promise<any>) => Promise<any>, { ask }: Asking, events: Emitter, me: any,
) => {
  let running: object | undefined; // of the connection that there is
  let cancel = () => {};

  const attempt = async (pause: number, mine: object): Promise<void> => {
    try {
      const answer = await renew(async token => {
        // The next connection asks for itself.
        if (mine !== running) throw 0;
        return ask("auth.renew", { token }, { first: true, evenLate: true });
      });
      me.welcome = { ...me.welcome, ...answer };
      running = undefined;
    } catch (error) {
      if (mine !== running) return;
      cancel = after(pause * (1 + Math.random()), () => attempt(pause * 2, mine));
      events.emit("error", error);
    }
  };

  // A key that stays the same has no other one, and what is under way keeps its pace.
  if (typeof key === "function") events.listen(EXPIRING, () => running || attempt(PAUSE, running = {}));
  return (): void => {
    running = undefined;
    cancel();
  };
};
