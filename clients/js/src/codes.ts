// What means the same in several modules.

/** In place of the id that a message answers: it wants an answer itself. */
export const ASKS = "?";

/** The id of the server itself. */
export const SERVER = "aether";

/** What `await using` calls. */
export const ASYNC_DISPOSE: typeof Symbol.asyncDispose = Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose");

/** The event that only `subscribe` listens to: behind `state`. */
export const CHANGE = "change";

/** The event behind the last that an execution has to say. */
export const TOLD = "told";

/** The event of a page that is looked at again, or back in the network. */
export const WAKE = "wake";

/** The frame of a token that is about to end, and the event that only its renewal listens to. */
export const EXPIRING = "auth.expiring";

export const INVALID = 4000;
export const UNAUTHORIZED = 4001;
/** How often in a row an invalid message may cost the connection. */
export const MAX_BUGS = 3;
/** How long a request waits by default. */
export const REQUEST_TIMEOUT = 10_000;
