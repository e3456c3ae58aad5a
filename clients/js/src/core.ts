import { createAsking } from "./asking";
import { onlyLimits } from "./checks";
import { CHANGE, TOLD, WAKE } from "./codes";
import { createCommands } from "./commands";
import { createEmitter } from "./emitter";
import { AetherError, passing } from "./errors";
import { createExecutions } from "./executions";
import { createHandlers } from "./handlers";
import { createHeartbeat } from "./heartbeat";
import { createHistory } from "./history";
import { createInbox } from "./inbox";
import { createLeases } from "./leases";
import { createLine } from "./line";
import { createLink } from "./link";
import { createOutbox } from "./outbox";
import { watchPage } from "./page";
import { createPresence } from "./presence";
import { createRenewal } from "./renewal";
import { createSender } from "./sender";
import type { Settings } from "./settings";
import { createStanding } from "./standing";
import { after, now } from "./times";
import type { Limits } from "./types/connection";
import { encode } from "./wire";

const CLOSE_TIMEOUT = 5_000;
const PING_TIMEOUT = 10_000;
const SILENT = "no answer to a heartbeat";
const OFFLINE_PATIENCE = 4_000;

/**
 * The parts of a connection, put together.
 * @param me what users look at
 */
export const createCore = (settings: Settings, me: any) => {
  const { client, group } = settings;
  const events = createEmitter();
  let over: AetherError | undefined; // the error of all that comes too late
  let closeTimeout: number | null = CLOSE_TIMEOUT;
  let unwatch = () => {};

  const history = createHistory(settings);
  const link = createLink(settings, {
    resumption: history.resumption,
    welcomed(payload) {
      me.welcome = payload;
      history.onPositions(payload);
      outbox.onWelcome(payload);
      line.onWelcome(payload);
      standing.say();
    },
    opened(since) {
      const { heartbeat = me.welcome.heartbeat_interval_ms } = settings;
      alive.start(heartbeat);
      outbox.sendWaiting();
      commands.onOpen();
      if (since) gap("reconnected", new Date(since).toISOString(), history.notReplayed());
      refresh(false);
    },
    received(kind, message) {
      alive.heard();
      if (history.isNews(kind, message)) inbox(kind, message);
    },
    gone(error) {
      alive.stop();
      stopRenewing();
      outbox.cutOff(error);
    },
    drain(done) {
      const stop = after(closeTimeout, done);
      outbox.whenIdle(() => executions.areUntold() || (stop(), done()));
    },
    became(snapshot, previous) {
      const { state, code, reason, closeCode } = snapshot;
      Object.assign(me, { state, code, reason });
      over = /^clos/.test(state) ? new AetherError("closed", reason, { closeCode }) : undefined;
      if (state === "closed") {
        outbox.end(over!);
        standing.end(over!);
        commands.end(over!);
        presence.end();
        unwatch();
      }
      events.emit("state", { ...snapshot, previous });
      events.emit(CHANGE);
    },
  });
  const outbox = createOutbox(settings.outbox, link.write, history.msToRepeat);
  const deliver = createSender(settings, outbox, () => over);
  const line = createLine(events, () => over);
  const asking = createAsking(deliver);
  const commands = createCommands(asking, line);
  const executions = createExecutions(asking, line, events);
  const stopRenewing = createRenewal(settings, link.renew, asking, events, me);
  events.listen(TOLD, outbox.sendWaiting);
  const handlers = createHandlers(deliver, events, executions);
  const presence = createPresence(deliver, events);
  const standing = createStanding(deliver, outbox.isOpen, message => encode(message, client, group));
  const refresh = (anew: boolean) => presence.refresh(anew)?.catch(error => events.emit("error", error));
  const gap = (reason: string, since: string, types?: unknown) => {
    const known = Array.isArray(types) && { types };
    if (!known || types.includes("presence")) refresh(true);
    events.emit("gap", { reason, since, ...known });
  };
  const inbox = createInbox(settings, { events, outbox, handlers, commands, executions, presence, gap });

  const ping = async (limits: Limits = {}): Promise<number> => {
    onlyLimits(limits);
    if (!outbox.isOpen()) throw passing("connection_lost", "not connected");
    const start = now();
    await deliver({ msg_type: "heartbeat", target: "echo" }, { urgent: true, acked: true, timeout: PING_TIMEOUT, ...limits }, SILENT);
    return (me.latency = now() - start);
  };
  const alive = createHeartbeat(ping, () => link.feed("lost", { code: "heartbeat_lost", reason: SILENT }));

  return {
    events, link, outbox, history, deliver, asking, commands, handlers, presence, standing,
    lease: createLeases(client, asking, events, () => over),
    ping: (limits?: Limits) => alive.probe(limits),
    over: () => over,
    connect(): void {
      if (link.snapshot().state !== "closed") return;
      unwatch = watchPage({
        doubt: () => alive.quietly(OFFLINE_PATIENCE),
        wake(spread) {
          events.emit(WAKE);
          alive.quietly();
          link.wake(spread);
        },
        leave: () => link.feed("leave", { code: "page_hidden", reason: "the page is put aside" }),
        comeBack: () => link.feed("return"),
      });
      link.connect();
    },
    close(reason: string, timeout: number | null = CLOSE_TIMEOUT): void {
      closeTimeout = timeout;
      link.feed("close", { code: "closed", reason });
    },
  };
};
