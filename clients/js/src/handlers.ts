import { answerOf, failure, notHandled } from "./answers";
import { FUNCTION, hide, like, mustBe } from "./checks";
import { ASKS, SERVER } from "./codes";
import type { Emitter } from "./emitter";
import { AetherError, invalid, textOf } from "./errors";
import { isExecution, type createExecutions } from "./executions";
import type { Sender } from "./sender";
import type { Incoming, Message, Outgoing } from "./types/message";

const REMEMBERED = 1_000;
const COMMAND = like(/^.{1,256}$/su);

type Handler = (payload: any, message: any) => unknown;

/** Carries out commands, and answers those whose sender wants it. */
export const createHandlers = (deliver: Sender, events: Emitter, executions: ReturnType<typeof createExecutions>) => {
  const handlers = new Map<string, Handler>();
  const handled = new Map<string, Outgoing | null>(); // sender and id: the answer, null before

  const answer = async ({ from_id, group_id, id }: Message, content: Outgoing): Promise<void> => {
    if (!id || from_id === SERVER) throw invalid("id", "must be given");
    const say = (content: Outgoing) =>
      deliver({ ...content, msg_type: "cmd", target: "direct", to_id: from_id, group_id, reply_to: id }, { ack: false });
    try {
      await say(content);
    } catch (error) {
      // Whoever asked hears at once that the answer cannot be sent.
      if ((error as AetherError).code === "invalid_message") await say(failure(error, "bad answer: " + textOf(error)));
      throw error;
    }
  };
  const answerQuietly = (message: Message, content: Outgoing) =>
    answer(message, content).catch(error => events.emit("error", error));

  const carryOut = async (message: any, handler: Handler) => {
    const once = `${message.from_id} ${message.id}`;
    let content = handled.get(once);
    if (content === undefined) {
      if (message.id) handled.set(once, null);
      // A handler need not ask whether it is a command that reports back.
      hide(message, "signal", new AbortController().signal);
      hide(message, "progress", () => {});
      if (handled.size > REMEMBERED) handled.delete(handled.keys().next().value!);
      try {
        content = answerOf(await handler(message.payload, message));
      } catch (error) {
        content = failure(error);
        if (!message.wantsReply) events.emit("error", new AetherError(content.payload!.code, content.msg!));
      }
      if (handled.has(once)) handled.set(once, content);
    }
    if (content && message.wantsReply) answerQuietly(message, content);
  };

  return {
    /** What listeners and handlers get: a message that can be answered. Nothing where they had it. */
    received(message: any): Incoming | undefined {
      hide(message, "wantsReply", !!message.id && message.reply_to === ASKS && message.from_id !== SERVER);
      if (isExecution(message)) return executions.received(message);
      return hide(message, "reply", async (result: unknown) => {
        message.wantsReply = false;
        return answer(message, answerOf(result));
      });
    },
    handle(cmd: string, handler: Handler): () => void {
      mustBe(COMMAND, "cmd", cmd);
      mustBe(FUNCTION, "handler", handler);
      handlers.set(cmd, handler);
      return () => handlers.get(cmd) === handler && handlers.delete(cmd);
    },
    /** @param elsewhere whether somebody else of the application may answer it by hand */
    onCommand(message: Incoming, elsewhere: unknown): void {
      const handler = handlers.get(message.cmd!);
      if (isExecution(message)) executions.onCommand(message, handler, elsewhere);
      else if (handler) carryOut(message, handler);
      else if (message.wantsReply && !elsewhere) answerQuietly(message, failure(notHandled(message.cmd)));
    },
  };
};
