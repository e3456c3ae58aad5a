// What a frame has to be, or the server closes the connection for it: docs/message.schema.json as one table (a test
// holds it to the schema), and what a schema cannot say.

import { ANY, type Check, isObject, like, OBJECT, only, type Rule, type Rules } from "./checks";
import { SERVER } from "./codes";
import { invalid, textOf } from "./errors";
import type { Outgoing } from "./types/message";

export const ID = like(/^(?!aether$)[\w-]{1,64}$/);
const NAME = like(/^[ -~]{1,64}$/);
/** Also the object that one holds a lease by. */
export const LEASE: Rule = [
  value => isObject(value) && ID[0](value.name) && Number.isSafeInteger(value.term) && value.term > 0, "{name, term}",
];
const orNull = ([valid, text]: Rule): Rule => [value => value === null || valid(value), text];
export const ROLE = orNull(like(/^(controller|worker|observer)?$/));

const FIELDS: Rules = {
  version: like(/^3$/),
  msg_type: like(/^(msg|cmd|heartbeat|presence)$/),
  target: like(/^(direct|group|broadcast|role|echo)$/),
  from_id: ID,
  to_id: orNull(like(/^[\w-]{1,64}$/)),
  group_id: orNull(ID),
  // Not half of an emoji: it has no UTF-8.
  cmd: orNull(like(/^[^\ud800-\udfff]{0,256}$/u)),
  msg: orNull(like(/^[^\ud800-\udfff]*$/u)),
  payload: OBJECT,
  sent_at: ANY, // filled in
  id: NAME,
  reply_to: NAME,
  to_role: like(/^(controller|worker|observer)$/),
  lease: LEASE,
  pos: ANY, // not sent
  execution: ANY,
};

const MAX_DEPTH = 64;
const MAX_STATE_BYTES = 2_048;
const ROSTER = /^{("offset":\d{1,9}|"limit":([1-9]\d?|[1-4]\d\d|500)|"role":("(controller|worker|observer)"|null)|,)*}$/;

export const utf8 = (text: string) => new TextEncoder().encode(text);

const check: Check = (valid, field, text) => {
  if (!valid) throw invalid(field, "must be " + text);
};

/** JSON of a payload, or of an object in it, that is sound. */
export const jsonOf = (payload: unknown, field = "payload", most?: number): string => {
  let text = "";
  try {
    text = JSON.stringify(payload) ?? "";
  } catch (error) {
    check(0, field, "JSON: " + textOf(error));
  }
  // A toJSON may have made something else of the object.
  check(text[0] === "{", field, "an object");
  check(!most || utf8(text).length <= most, field, `at most ${most} bytes`);
  // JSON.stringify writes half of an emoji, and nothing else, as \ud...
  check(!/\\ud/.test(text.replace(/\\[^u]/g, "")), field, "whole characters");
  let depth = most ? 2 : 1; // what it is in
  for (const bracket of text.replace(/"(\\.|[^"\\])*"|[^{}[\]]/g, "")) {
    depth += /[{[]/.test(bracket) ? 1 : -1;
    check(depth <= MAX_DEPTH, field, "at most 64 deep");
  }
  return text;
};

/** What the server asks of presence beyond the schema. */
const checkPresence = ({ target, cmd, group_id }: any, payload: string, group: string) => {
  const echo = target === "echo";
  check(echo || target === "group", "target", "group or echo");
  const wanted = echo ? "roster" : "update";
  check(cmd === wanted, "cmd", wanted);
  if (echo) return check(ROSTER.test(payload), "payload", "role, offset, limit to 500");
  check(!group_id || group_id === group, "group_id", "one's own");
  const { state } = JSON.parse(payload);
  check(isObject(state) && utf8(JSON.stringify(state)).length <= MAX_STATE_BYTES, "state", "at most 2048 bytes");
};

/**
 * The text of a frame. Throws an `invalid_message` that names field and rule, where the server would close.
 * @param asked who has to answer it; only so it may go to the server itself
 */
export const encode = (message: Outgoing, client: string, group: string, asked?: string): string => {
  only(message, "message", FIELDS, check);
  const { payload = {}, to_id, cmd, lease, msg_type = cmd ? "cmd" : "msg", target = to_id ? "direct" : "group", from_id = client } = message;
  const text = jsonOf(payload);
  check(target !== "direct" || to_id, "to_id", "given");
  check(target !== "role" || message.to_role, "to_role", "given");
  check(to_id !== SERVER || asked, "to_id", "a client");
  check(msg_type !== "cmd" || cmd, "cmd", "given");
  check(from_id === client, "from_id", "one's own");
  const frame = {
    version: "3", ...message, msg_type, target, from_id, sent_at: new Date().toISOString(), pos: undefined, execution: undefined,
    lease: lease && { name: lease.name, term: lease.term }, payload: undefined,
  };
  if (msg_type === "presence") checkPresence(frame, text, group);
  return `${JSON.stringify(frame).slice(0, -1)},"payload":${text}}`;
};
