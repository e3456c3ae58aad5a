import { ANY, FLAG, LIMITS, mustBe, OBJECT, only, onlyLimits, type Rules } from "./checks";
import { ASKS, ASYNC_DISPOSE, CHANGE, REQUEST_TIMEOUT } from "./codes";
import { createCore } from "./core";
import { requestGroup } from "./group-request";
import { iterate } from "./iterator";
import { settingsOf } from "./settings";
import { within } from "./times";
import type { Connection } from "./types/client";
import type { Limits, SendLimits } from "./types/connection";
import type { Commands, Outgoing } from "./types/message";
import type { Options } from "./types/options";
import { LEASE } from "./wire";

const OPEN_TIMEOUT = 30_000;
const REQUEST_LIMITS: Rules = { ...LIMITS, lease: LEASE };
const SEND_LIMITS: Rules = { ...REQUEST_LIMITS, ack: FLAG };
/** What is asked for is the server's to check. */
const HISTORY: Rules = { ...LIMITS, channel: ANY, after: ANY, limit: ANY };

/** Connects, and comes back until it is closed or refused for good. */
export function connect<C = Commands, S = Record<string, any>>(options: Options): Connection<C, S> {
  const settings = settingsOf(options);
  const me = {
    client: settings.client, welcome: null,
    get positions() { return core.history.positions(); },
  } as Connection<Commands, any>;
  const core = createCore(settings, me);
  const { events, link, deliver, presence } = core;

  const becomes = (wanted: string, limits: Limits): Promise<any> =>
    within<any>(limits, "not open in time", (resolve, reject) => {
      const look = () => {
        if (me.state === wanted) resolve(me);
        else if (me.state === "closed") reject(core.over());
      };
      const stop = events.listen(CHANGE, look);
      look();
      return stop;
    }).catch(error => {
      if (error.code === "timeout") error.message += `: ${me.reason}`;
      throw error;
    });
  const opened: any = async (limits: Limits = {}) => {
    onlyLimits(limits);
    return becomes("open", { timeout: OPEN_TIMEOUT, ...limits });
  };
  // Awaited as it is, it is the promise without limits of one's own.
  for (const name of ["then", "catch", "finally"] as const) opened[name] = (...args: any) => opened()[name](...args);

  const close = async (reason = "closed by this client", limits: Limits = {}): Promise<void> => {
    onlyLimits(limits);
    core.close(String(reason), limits.timeout);
    // Its own limit ends it too.
    await becomes("closed", { ...limits, timeout: null });
  };

  /** Whoever does not look hears of a failure as an event. */
  const told = (sent: Promise<any>): Promise<any> => {
    sent.catch(error => {
      error.code ??= "invalid_message";
      events.emit("error", error);
    });
    return sent;
  };
  const sender = (fixed?: Outgoing) => (message: Outgoing, how: SendLimits = {}) => told((async () => {
    only(how, "send", SEND_LIMITS);
    mustBe(OBJECT, "message", message);
    return deliver({ ...message, ...fixed }, how);
  })());

  Object.assign(me, {
    outbox: { get size() { return core.outbox.size(); } },
    opened,
    send: sender(),
    group: {
      id: settings.group,
      send: sender({ target: "group" }),
      toRole: (role, message, how) => sender({ target: "role", to_role: role })(message, how),
      request: (cmd, payload, how) =>
        requestGroup(deliver, events, settings.client, presence.api.roster, cmd, payload, how),
    },
    direct: (to, message, how) => sender({ target: "direct", to_id: to })(message, how),
    broadcast: sender({ target: "broadcast" }),
    async request(to, cmd, payload, limits = {}) {
      only(limits, "limits", REQUEST_LIMITS);
      const message: Outgoing = { reply_to: ASKS, msg_type: "cmd", target: "direct", to_id: to, cmd, payload };
      return deliver(message, { timeout: REQUEST_TIMEOUT, ...limits, reply: true, to }, `${cmd}: no answer from ${to}`);
    },
    async history(how = {}) {
      only(how, "history", HISTORY);
      const { channel = "group", after, limit, ...limits } = how;
      return core.asking.ask("history.read", { channel, after, limit }, limits);
    },
    command: core.commands.start,
    watch: core.commands.watch,
    commands: core.commands.list,
    lease: core.lease,
    handle: core.handlers.handle,
    on: events.on as any,
    once: events.once as any,
    off: events.off,
    [Symbol.asyncIterator]: () => iterate(events, () => me.state === "closed"),
    presence: presence.api,
    setState: (state, limits = {}) => told(core.standing.set(state, limits, core.over())),
    ping: core.ping,
    subscribe: listener => events.listen(CHANGE, listener),
    getSnapshot: link.snapshot,
    connect(limits) {
      const open = (async () => {
        // What is under way ends first.
        if (me.state === "closing") await becomes("closed", {});
        core.connect();
        return opened(limits);
      })();
      open.catch(() => {});
      return open;
    },
    disconnect: close,
    close,
    [ASYNC_DISPOSE]: () => close(),
  } as Partial<Connection<Commands, any>>);
  core.connect();
  return me as Connection<any, any>;
}
