import { FLAG, LIMITS, only, type Rules } from "./checks";
import type { Emitter } from "./emitter";
import type { AetherError } from "./errors";
import { createMembers } from "./members";
import type { Sender } from "./sender";
import { after, soon } from "./times";
import type { Limits, Presence } from "./types/connection";
import type { Member, Message } from "./types/message";

/** The event that only `subscribe` listens to. */
const ROSTER = "roster";
const PAGE = 500;
const TIMEOUT = 30_000;
const ROSTER_LIMITS: Rules = { ...LIMITS, refresh: FLAG };

/** Members count for the rate; in a large group it is not enough. */
const mayAskAgain = async (error: AetherError): Promise<void> => {
  if (error.code !== "rate_limited") throw error;
  await new Promise<void>(resolve => after(error.retryAfter ?? 1_000, resolve));
};

/** The roster: loaded when somebody asks for it, and kept up to date from then on. */
export const createPresence = (deliver: Sender, events: Emitter) => {
  const all = createMembers();
  let list: readonly Member[] | undefined;
  let asked = false;
  let loading: Promise<void> | undefined;
  let missed: Message[] | undefined; // events while it loads

  const changed = () => {
    list = undefined;
    events.emit(ROSTER);
  };
  const getSnapshot = () => (list ??= [...all.members.values()]);

  const pages = async () => {
    const fresh = new Map<string, Member>();
    for (let offset = 0, more = true; more;) {
      const answer = await deliver(
        { msg_type: "presence", target: "echo", cmd: "roster", payload: { offset, limit: PAGE } },
        { reply: true, acked: true, timeout: null }).catch(mayAskAgain);
      if (!answer) continue;
      const { members: page, total } = answer.payload;
      // Pages overlap by one. If that one is new, others left, and somebody fell between the pages.
      if (offset && page[0] && !fresh.has(page[0].client_id)) offset = Math.max(0, offset - PAGE / 2);
      else {
        for (const member of page) fresh.set(member.client_id, member);
        more = page[1] && offset + page.length < total;
        offset += page.length - 1;
      }
    }
    return fresh;
  };
  const load = async (): Promise<void> => {
    const meanwhile: Message[] = (missed = []);
    try {
      const fresh = await pages();
      // Somebody began anew: that one is newer.
      if (missed !== meanwhile) return loading;
      all.setAll(fresh, meanwhile);
      changed();
    } finally {
      if (missed === meanwhile) missed = undefined;
    }
  };

  const roster = async (how: { refresh?: boolean } & Limits = {}): Promise<Member[]> => {
    only(how, "roster", ROSTER_LIMITS);
    const { refresh, timeout = TIMEOUT, signal } = how;
    asked = true;
    if (refresh || !loading) loading = load();
    const mine = loading;
    try {
      await soon({ ...how, timeout }, "no roster", mine);
    } catch (error) {
      if (loading === mine && !signal?.aborted) loading = undefined;
      throw error;
    }
    return [...getSnapshot()];
  };

  const subscribe = (listener: () => void) => {
    const stop = events.listen(ROSTER, listener);
    // Whoever looks wants to see somebody; if it fails now, the next connection asks again.
    if (!asked) roster({ timeout: null }).catch(() => {});
    return stop;
  };

  return {
    api: { members: all.members, roster, subscribe, getSnapshot } as Presence<any>,
    /** An event, before anybody is told of it. */
    onEvent(message: Message): void {
      missed?.push(message);
      if (!asked) return;
      all.apply(message);
      changed();
    },
    /** It is closed: what is known ends with it. */
    end: () => (loading = undefined),
    /** @param anew what is known may be wrong; otherwise it is loaded only where nothing is known */
    refresh: (anew: boolean): Promise<unknown> | undefined => (asked && (anew || !loading) ? roster({ refresh: true }) : undefined),
  };
};
