import { faultOf, notHandled } from "./answers";
import type { Asking } from "./asking";
import { hide, isObject } from "./checks";
import type { Emitter } from "./emitter";
import { createExecution, type Execution, type Report } from "./execution";
import type { Line } from "./line";
import type { Incoming, Message } from "./types/message";

const REMEMBERED = 1_000;

/** Whether a message is one member's part of a command that reports back; only the server can say so. */
export const isExecution = ({ id, execution }: Message) => id && isObject(execution) && execution.attempt > 0;

/** Carries out commands that report back: each attempt once, over however many connections. */
export const createExecutions = (asking: Asking, line: Line, events: Emitter) => {
  const all = new Map<string, Execution>();

  const forget = () => {
    for (const [id, one] of all) {
      if (all.size < REMEMBERED) break;
      if (one.isSettled()) all.delete(id);
    }
  };

  const run = async (one: Execution, message: any, handler: (payload: any, message: any) => unknown): Promise<void> => {
    if (!await one.begin()) return;
    const stopClock = one.limit();
    // Whoever has been told to stop once, and never ends, is to leave nothing behind.
    one.signal.addEventListener("abort", stopClock);
    let report: Report = { status: "canceled" };
    try {
      // What was canceled meanwhile does not begin.
      if (!one.isCanceled()) report = { status: "succeeded", result: await handler(message.payload, message) };
    } catch (error: any) {
      if (!one.isCanceled()) report = { status: error?.name === "RejectError" ? "rejected" : "failed", error: faultOf(error) };
    }
    stopClock();
    one.finish(report);
  };

  return {
    /** Before anybody gets it: whoever listens may answer it by hand. Nobody gets what is no new attempt. */
    received(message: any): Incoming | undefined {
      const { id, execution: { attempt } } = message;
      const known = all.get(id);
      if (known && !known.isRefused() && attempt <= known.attempt) {
        if (attempt === known.attempt) known.sayAgain();
        return;
      }
      known?.end("stale_attempt");
      forget();
      const one = createExecution(message, asking, line, events);
      all.set(id, one);
      const { signal, progress, finish } = one;
      hide(message, "signal", signal);
      hide(message, "progress", progress);
      return hide(message, "reply", async (result: unknown) => finish({ status: "succeeded", result }));
    },
    /** @param elsewhere whether somebody else of the application may answer it by hand */
    onCommand(message: any, handler: ((payload: any, message: any) => unknown) | undefined, elsewhere: unknown): void {
      const one = all.get(message.id)!;
      if (handler) run(one, message, handler);
      else if (!elsewhere) one.finish({ status: "rejected", error: notHandled(message.cmd) });
    },
    areUntold: () => [...all.values()].some(one => one.isUntold()),
    onCancel: ({ reply_to }: Message) => all.get(reply_to!)?.cancel(),
  };
};
