import { ASKS, EXPIRING, SERVER } from "./codes";
import type { Emitter } from "./emitter";
import type { Entry } from "./entry";
import { AetherError } from "./errors";
import type { Kind } from "./frames";
import type { createHandlers } from "./handlers";
import { LOOP } from "./iterator";
import type { Outbox } from "./outbox";
import type { Settings } from "./settings";
import type { Message } from "./types/message";

interface Parts {
  events: Emitter;
  outbox: Outbox;
  handlers: ReturnType<typeof createHandlers>;
  commands: { onEvent(payload: Message["payload"]): void };
  executions: { onCancel(message: Message): void };
  presence: { onEvent(message: Message): void };
  gap(reason: string, since: string, types?: string[]): void;
}

const errorOf = ({ msg, payload: { code, retryable, retry_after_ms, field, holder } }: Message) =>
  new AetherError(String(code ?? "failed"), msg ?? "", { retryable: !!retryable, retryAfter: retry_after_ms, field, ...(holder && { holder }) });

/** So many members of a roster or a command, or commands or kept messages that were read, count as one message for the rate. */
const PARTS_A_MESSAGE = 5;

/** Takes each frame where it belongs. */
export const createInbox = ({ client }: Settings, { events, outbox, handlers, commands, executions, presence, gap }: Parts) => {
  const settle = (entry: Entry | undefined, message: Message, error?: AetherError): unknown => {
    if (error) entry?.reject(error);
    else entry?.resolve(entry.reply ? message : message.payload);
    return entry;
  };

  /** An answer to a request of ours. */
  const replied = (message: Message): unknown => {
    const { reply_to, from_id, cmd, msg_type, payload } = message;
    if (!reply_to || reply_to === ASKS) return;
    const isReply = msg_type === "cmd" && /^reply(_error)?$/.test(cmd!);
    const entry = outbox.waitsFor(reply_to);
    if (!entry?.reply || (entry.to && entry.to !== from_id)) return isReply;
    if (from_id === SERVER) outbox.spend((payload.messages ?? payload.commands ?? payload.executions)?.length / PARTS_A_MESSAGE);
    const error = isReply && cmd !== "reply" ? errorOf(message) : undefined;
    if (!entry.each) return settle(entry, message, error);
    entry.each(message, error);
    return true;
  };

  return (kind: Kind, message: Message): void => {
    const asked = outbox.waitsFor(message.reply_to);
    const { cmd, payload } = message;
    if (kind === "pong") settle(outbox.waitsFor(message.id), message);
    else if (kind === "roster") {
      outbox.spend(payload.members?.length / PARTS_A_MESSAGE);
      settle(asked, message);
    }
    else if (kind === "ack") asked?.reply ? outbox.acked(asked) : settle(asked, message);
    else if (kind === "gap") gap("the server may have missed messages", payload.since, payload.types);
    else if (kind === "recovered" || kind === "lease" || kind === EXPIRING) events.emit(kind, payload);
    else if (kind === "command.event") commands.onEvent(payload);
    else if (kind === "execution.cancel") executions.onCancel(message);
    else if (kind === "error") {
      const error = errorOf(message);
      if (error.code === "rate_limited") outbox.slowDown(error.retryAfter);
      if (!settle(asked, message, error)) events.emit("error", error);
    } else if (kind === "presence") {
      presence.onEvent(message);
      events.emit(kind, message);
    } else if (!replied(message)) {
      const incoming = handlers.received(message);
      if (!incoming) return;
      const named = "cmd:" + cmd;
      // Asked before: who listens once does not any more behind it.
      const elsewhere = events.hears(named) || events.hears(LOOP);
      events.emit(kind, incoming);
      if (kind === "msg") return;
      events.emit(named, incoming);
      // One's own request to the group is for the others.
      if (message.target !== "group" || message.from_id !== client || !outbox.waitsFor(message.id)) {
        handlers.onCommand(incoming, elsewhere);
      }
    }
  };
};
