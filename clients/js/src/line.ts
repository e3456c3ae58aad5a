import { CHANGE } from "./codes";
import type { Emitter } from "./emitter";
import { now } from "./times";

/** What those who outlive a connection know of it. */
export const createLine = (events: Emitter, isOver: () => unknown) => {
  let turn = 0;
  let zero = 0; // the server's time when the clock of `now` stood at zero

  return {
    onWelcome({ server_time }: any): void {
      turn++;
      zero = (Date.parse(server_time) || Date.now()) - now();
    },
    /** Which connection it is, from 1. */
    turn: () => turn,
    /** In how many ms a time of the server's comes: clocks of members may be wrong by years. */
    msTo: (time: string): number => (Date.parse(time) || Infinity) - zero - now(),
    /** Resolves as soon as something can be sent, or wait for a connection: after `connect()` where it was closed. */
    async usable(): Promise<void> {
      while (isOver()) await new Promise<void>(resolve => events.listen(CHANGE, resolve as () => void, true));
    },
  };
};

export type Line = ReturnType<typeof createLine>;
