import { FUNCTION, hide, isObject, like, mustBe } from "./checks";
import { ASKS, SERVER } from "./codes";
import type { Emitter } from "./emitter";
import { AetherError, invalid, textOf } from "./errors";
import type { Sender } from "./sender";
import type { Incoming, Message, Outgoing } from "./types/message";

const REMEMBERED = 1_000;
const COMMAND = like(/^.{1,256}$/su);

/** A text for the wire: not long, and no half of a surrogate pair. */
const sound = (text: string) => text.slice(0, 1_000).replace(/[\ud800-\udfff]/gu, "\ufffd");

// What is no object, or becomes something else as JSON, is wrapped.
const answerOf = (result: any): Outgoing => ({
  cmd: "reply", payload: result === undefined || (isObject(result) && JSON.stringify(result)?.[0] === "{") ? result : { value: result },
});

const failure = (error: any, text = textOf(error)): Outgoing => ({
  cmd: "reply_error", msg: sound(text), payload: { code: typeof error?.code === "string" ? sound(error.code) : "failed" },
});

type Handler = (payload: any, message: any) => unknown;

/** Carries out commands, and answers those whose sender wants it. */
export const createHandlers = (deliver: Sender, events: Emitter) => {
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
    /** What listeners and handlers get: a message that can be answered. */
    received(message: any): Incoming {
      hide(message, "wantsReply", !!message.id && message.reply_to === ASKS && message.from_id !== SERVER);
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
      if (handler) carryOut(message, handler);
      else if (message.wantsReply && !elsewhere) answerQuietly(message, failure({ code: "not_handled" }, message.cmd + " is not handled"));
    },
  };
};
