import type { Member, Message } from "./types/message";

/** How long it is remembered that a member left, and at which version. */
const REMEMBER_MS = 60_000;

/** Who is there, from events that may come late: what is older than what is known changes nothing. */
export const createMembers = () => {
  const members = new Map<string, Member>();
  const gone = new Map<string, { version: number; at: number }>(); // what would be news of them

  /** Events without a version are taken as they come. */
  const isOld = ({ client_id, version }: any) =>
    version < (members.get(client_id) ?? gone.get(client_id))?.version!;

  const put = (one: any) => {
    if (isOld(one)) return;
    gone.delete(one.client_id);
    members.set(one.client_id, { state: {}, connections: 1, ...one });
  };
  const remove = (one: any) => {
    if (isOld(one)) return;
    const { client_id, version } = one;
    members.delete(client_id);
    gone.delete(client_id);
    if (version >= 0) gone.set(client_id, { version: version + 1, at: Date.now() });
  };
  const apply = ({ from_id, cmd, payload, sent_at }: Message) => {
    for (const [id, { at }] of gone) {
      if (Date.now() - at < REMEMBER_MS) break;
      gone.delete(id);
    }
    const one = [{ ...payload, client_id: from_id }];
    const { left = [], joined = [] }: any = cmd === "changes" ? payload : cmd === "leave" ? { left: one } : { joined: one };
    left.forEach(remove);
    for (const member of joined) {
      const joined_at = (cmd === "update" && members.get(member.client_id)?.joined_at) || sent_at;
      put({ ...member, joined_at, last_seen: sent_at });
    }
  };

  return {
    members,
    apply,
    /** What the server says of everybody, and the events that came meanwhile. */
    setAll(loaded: Map<string, Member>, events: Message[]): void {
      members.clear();
      loaded.forEach(put);
      events.forEach(apply);
    },
  };
};
