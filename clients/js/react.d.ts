import type { Connection, Member, Snapshot } from "./aether.js";

/** Where the connection stands: renders again when that changes. */
export function useConnection(connection: Pick<Connection<any, any>, "subscribe" | "getSnapshot">): Snapshot;

/** Who is in the group: loads the roster, and renders again when it changes. */
export function useRoster<S = Record<string, any>>(connection: Pick<Connection<any, S>, "presence">): readonly Member<S>[];
