// The life of a connection, as one table: from which phase what leads where. No timers and no sockets here: what is to
// be done in a phase is in link.ts. What is not in a phase's row changes nothing (an answer that comes too late, a second
// close).

export type Phase =
  | "closed" // over, until the user wants it again
  | "key" // the key is asked for
  | "dialing" // there is a socket, and no welcome yet
  | "explaining" // it is asked over HTTP why there is none
  | "waiting" // for the next attempt
  | "open"
  | "closing" // for what is under way
  | "away"; // the page is put aside

export type Input =
  | "connect" // the user wants a connection
  | "key" // the key is there
  | "welcome" // the server's first frame
  | "refused" // there was no upgrade, and a browser does not say why
  | "lost" // it ended, or did not come about, and may come back
  | "stopped" // coming back would not help
  | "due" // the wait is over
  | "close" // the user wants no connection any longer
  | "drained" // what was under way is answered, or its time is up
  | "leave" // the page goes into the back/forward cache, or is frozen
  | "return"; // and is back

export type Row = Partial<Record<Input, Phase>>;

const idle = { stopped: "closed", close: "closed" } satisfies Row;
const attempt = { ...idle, lost: "waiting", leave: "away" } satisfies Row;

export const table: Record<Phase, Row> = {
  closed: { connect: "key" },
  key: { ...attempt, key: "dialing" },
  dialing: { ...attempt, welcome: "open", refused: "explaining" },
  explaining: attempt,
  waiting: { ...idle, leave: "away", due: "key" },
  open: { ...attempt, close: "closing" },
  closing: { stopped: "closed", lost: "closed", leave: "closed", drained: "closed" },
  away: { ...idle, return: "key" },
};
