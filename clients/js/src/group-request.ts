import { LIMITS, only, type Rules } from "./checks";
import { ASKS, REQUEST_TIMEOUT } from "./codes";
import type { Emitter } from "./emitter";
import type { AetherError } from "./errors";
import type { Sender } from "./sender";
import { within } from "./times";
import { LEASE, ROLE } from "./wire";
import type { Answer, GroupLimits, GroupRequest } from "./types/connection";
import type { Member, Message } from "./types/message";

const GROUP_LIMITS: Rules = { ...LIMITS, lease: LEASE, role: ROLE, expect: [Array.isArray, "a list"] };

/** A command to everybody in the group, and what they answer. */
export const requestGroup = (
  deliver: Sender, events: Emitter, self: string, roster: (limits: object) => Promise<Member[]>,
  cmd: string, payload: any, how: GroupLimits = {},
): GroupRequest<any> => {
  const answers: Answer[] = [];
  const answered = new Set([self]);
  let names: string[] = []; // who is asked,
  let open = new Set<string>(); // and who is waited for
  let wake = () => {};
  let over = false;

  const run = async () => {
    only(how, "limits", GROUP_LIMITS);
    const { timeout = REQUEST_TIMEOUT, role, expect, lease } = how;
    const enough = new AbortController();
    const limits = { timeout: null, signal: enough.signal };
    try {
      await within<void>({ ...how, timeout }, cmd + ": no answer", (resolve, reject) => {
        const settle = (client_id: string) => open.delete(client_id) && !open.size && resolve();
        const each = (message: Message, error?: AetherError) => {
          const { from_id } = message;
          if (answered.has(from_id)) return;
          answered.add(from_id);
          answers.push(error ? { from_id, error } : { from_id, message });
          wake();
          settle(from_id);
        };
        const ask = async () => {
          names = expect ?? (await roster(limits)).filter(one => !role || one.role === role).map(one => one.client_id).filter(name => name !== self);
          open = new Set(names);
          // With nobody to wait for it is a command like another.
          await deliver({ reply_to: ASKS, msg_type: "cmd", target: "group", cmd, payload }, { ...limits, lease, ...(names[0] && { reply: true, each }) });
        };
        ask().then(resolve, reject);
        // Who leaves does not answer any more.
        return events.listen("presence", ({ cmd: event, from_id, payload }: Message) => {
          if (event === "leave") settle(from_id);
          for (const { client_id } of payload.left ?? []) settle(client_id);
        });
      });
    } catch (error: any) {
      // Time is up: ends with what there is.
      if (!names[0] || error.code !== "timeout") throw error;
    } finally {
      enough.abort();
      over = true;
      wake();
    }
    return { answers, missing: names.filter(name => !answers.some(one => one.from_id === name)) };
  };

  const outcome = run();
  outcome.catch(() => {});
  return {
    then: (good, bad) => outcome.then(good, bad),
    async *[Symbol.asyncIterator]() {
      for (let next = 0; ;) {
        if (next < answers.length) yield answers[next++];
        else if (over) return void (await outcome);
        else await new Promise<void>(resolve => (wake = resolve));
      }
    },
  };
};
