// The client of Aether Realtime V3: docs/protocol.md. Read connection.ts first, then core.ts, which puts the parts
// together; machine.ts has the life of a connection as one table.
//
// history.ts stands between link.ts and inbox.ts: it says where an attempt resumes, and notes the position of each frame.
// commands.ts gives commands that report back, executions.ts carries them out, leases.ts holds leases: all three ask the
// server by asking.ts, and outlive a connection. renewal.ts shows the server another token before the one in use ends.

export { connect } from "./connection";
export { AetherError, RejectError } from "./errors";
export type * from "./types/message";
export type * from "./types/options";
export type * from "./types/leases";
export type * from "./types/commands";
export type * from "./types/connection";
export type * from "./types/client";
