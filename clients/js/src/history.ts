import { hide } from "./checks";
import { SERVER } from "./codes";
import type { Entry } from "./entry";
import type { Kind } from "./frames";
import type { Settings } from "./settings";
import type { Channel, Positions } from "./types/connection";
import type { Message } from "./types/message";

/** Which channel a message came over, by its target. */
const CHANNELS: Record<string, Channel> = { group: "group", role: "group", direct: "client", broadcast: "broadcast" };
const NAMES = [...new Set(Object.values(CHANNELS))];
const isPosition = (value: unknown): value is string =>
  typeof value === "string" && /^[^\W_]{1,16}:(0|[1-9]\d{0,15})$/.test(value);
const ALL_TYPES = ["cmd", "msg", "presence"];

/** Whether a position is not behind another one of the same epoch. */
const covers = (seen: string, next: string): boolean => {
  const [[epoch, at], [nextEpoch, nextAt]] = [seen.split(":"), next.split(":")];
  return epoch === nextEpoch && +nextAt <= +at;
};

/** How far this client has come in what the server keeps, and what it has to do with that: "Kept messages" in docs/protocol.md. */
export const createHistory = ({ resume, rewind }: Settings) => {
  let places: Positions = {};
  let asked: Positions = {}; // what the latest attempt goes on from
  let replayed: Channel[] = []; // channels of which what was missed is under way
  let replays = false; // until all that was asked for is here
  let welcomed = false;
  let lacks: string[] | undefined;
  let types: string[] = [];
  let ttl = 0;

  return {
    positions: (): Positions => ({ ...places }),
    /** What an attempt adds to the address. */
    resumption(): string {
      asked = resume ? { ...places } : {};
      const from = NAMES.filter(name => asked[name]).map(name => `&${name}_pos=${asked[name]}`).join("");
      return from + (rewind && !welcomed && !asked.group ? "&rewind=" + rewind : "");
    },
    /** The server knows best where this connection goes on, also where that is another life of the stream. */
    onPositions({ positions, kept }: any): void {
      const names = NAMES.filter(name => asked[name]);
      places = {};
      for (const name of NAMES) if (isPosition(positions?.[name])) places[name] = positions[name];
      replayed = names.filter(name => places[name] === asked[name]);
      replays = !!positions && !!(names[0] || (rewind && !welcomed));
      welcomed = true;
      ttl = +kept?.ttl_ms;
      types = ttl > 0 && Array.isArray(kept.types) ? kept.types : [];
      const whole = names[0] && replayed.length === names.length;
      lacks = positions && ALL_TYPES.filter(type => !whole || !types.includes(type));
    },
    /**
     * Notes the position. False for what was seen before the connection broke. That can be told by numbers only while
     * it is replayed: later a lower one is another message, of a store that lost its newest ones.
     */
    isNews(kind: Kind, message: Message): boolean {
      const { target, pos } = message;
      const name = CHANNELS[target];
      if (kind === "recovered") {
        replayed = [];
        replays = false;
      } else if (name && isPosition(pos)) {
        if (replayed.includes(name) && covers(places[name]!, pos)) return false;
        places[name] = pos;
        if (replays) hide(message, "recovered", true);
      }
      return true;
    },
    /** The types of which a new connection does not bring all that was missed; undefined where the server keeps nothing. */
    notReplayed: () => lacks,
    /** For how many ms the server takes it for the same message if it comes again; negative: for none. */
    msToRepeat({ text, sentAt }: Entry): number {
      const { msg_type, target, to_id } = JSON.parse(text);
      return to_id !== SERVER && types.includes(msg_type) && CHANNELS[target] ? sentAt! + ttl - Date.now() : -1;
    },
  };
};
