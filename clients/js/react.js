// React hooks for a connection of @aether/realtime.

import { useSyncExternalStore } from "react";

/** Where the connection stands: renders again when that changes. */
export const useConnection = connection =>
  useSyncExternalStore(connection.subscribe, connection.getSnapshot, connection.getSnapshot);

/** Who is in the group: loads the roster, and renders again when it changes. */
export const useRoster = ({ presence }) =>
  useSyncExternalStore(presence.subscribe, presence.getSnapshot, presence.getSnapshot);
