// What a handler returned or threw, as it goes back.

import { isObject } from "./checks";
import { textOf } from "./errors";
import type { Outgoing } from "./types/message";

/** A text for the wire: not long, and no half of a surrogate pair. */
const sound = (text: string) => text.slice(0, 1_000).replace(/[\ud800-\udfff]/gu, "\ufffd");

const codeOf = (error: any): string => (typeof error?.code === "string" && sound(error.code)) || "failed";

/** What is no object, or becomes something else as JSON, is wrapped. */
export const resultOf = (result: any) =>
  result === undefined || (isObject(result) && JSON.stringify(result)?.[0] === "{") ? result : { value: result };

export const answerOf = (result: any): Outgoing => ({ cmd: "reply", payload: resultOf(result) });

export const failure = (error: any, text = textOf(error)): Outgoing => ({
  cmd: "reply_error", msg: sound(text), payload: { code: codeOf(error) },
});

/** The same as a report has it. */
export const faultOf = (error: any) => ({ code: codeOf(error).slice(0, 64), message: sound(textOf(error)) });

export const notHandled = (cmd: string | null) => ({ code: "not_handled", message: cmd + " is not handled" });
