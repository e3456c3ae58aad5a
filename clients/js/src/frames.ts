// What a frame from the server is, and whether it can be that: anybody may be able to post messages as from aether.

import { isObject } from "./checks";
import { SERVER } from "./codes";
import type { Message } from "./types/message";

export type Kind = "welcome" | "ack" | "error" | "gap" | "recovered" | "command.event" | "execution.cancel" | "auth.expiring"
  | "pong" | "roster" | "lease" | "presence" | "msg" | "cmd";

/** A message, or undefined where the text is none. */
export const read = (data: any): Message | undefined => {
  try {
    const message = JSON.parse(data);
    if (isObject(message.payload) && typeof message.from_id === "string") return message as any;
  } catch {
    // It is none.
  }
};

/** Names that only the server says, to one connection. */
const RESERVED = /^(ack|error|welcome|gap|recovered|changes|lease)$|^(aether|auth|command|execution)\./;

/** Undefined where it cannot be from there. */
export const kindOf = ({ msg_type, target, from_id, to_id, group_id, cmd }: Message, client: string, group: string): Kind | undefined => {
  const server = from_id === SERVER;
  const is = (names: RegExp) => names.test(cmd!);
  return ({
    msg: "msg",
    heartbeat: target === "echo" && from_id === client && "pong",
    // A roster counts only for whoever asked for it.
    presence: server && cmd === "roster" ? cmd
      : target === "group" && group_id === group
        && (server && cmd === "lease" ? cmd : is(server ? /^changes$/ : /^(join|leave|update)$/) && "presence"),
    // An ack counts only for whoever has the id that it answers, a welcome only as the first frame.
    cmd: !server || !is(RESERVED) ? "cmd"
      : target === "direct" && is(to_id === client ? /^(ack|error|welcome|gap|recovered|command\.event|execution\.cancel|auth\.expiring)$/ : /^(ack|welcome)$/) && cmd,
  } as any)[msg_type];
};
