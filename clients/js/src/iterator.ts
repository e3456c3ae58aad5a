import type { Emitter } from "./emitter";
import type { Incoming } from "./types/message";

const ROOM = 1_000;

/** The event that only loops listen to: whoever loops may answer commands by hand. */
export const LOOP = "loop";

/** All `msg` and `cmd` for a loop that may be slower than they come. */
export async function* iterate(events: Emitter, isOver: () => boolean): AsyncGenerator<Incoming, void, void> {
  const queue: Incoming[] = [];
  let full = false;
  let wake = () => {};
  const take = (message: any) => {
    if (message.msg_type && queue.push(message) > ROOM) {
      const since = queue.shift()!.sent_at;
      if (!full) events.emit("gap", { reason: "an iterator is too slow", since, types: ["cmd", "msg"] });
      full = true;
    }
    wake();
  };
  const stops = ["msg", "cmd", "state", LOOP].map(event => events.listen(event, take));
  try {
    while (queue.length || !isOver()) {
      if (queue.length) yield queue.shift()!;
      else {
        full = false;
        await new Promise<void>(resolve => (wake = resolve));
      }
    }
  } finally {
    for (const stop of stops) stop();
  }
}
