import { resultOf } from "./answers";
import { PAUSE, type Asking } from "./asking";
import { TOLD } from "./codes";
import type { Emitter } from "./emitter";
import { AetherError } from "./errors";
import type { Line } from "./line";
import { LOST } from "./retry";
import { after } from "./times";
import { jsonOf } from "./wire";

/** What a member says of its execution. */
export interface Report {
  status: "in_progress" | "succeeded" | "failed" | "rejected" | "canceled";
  progress?: object;
  result?: unknown;
  error?: { code: string; message: string };
}

/** Progress is said ten times a second at most. */
const PACE = 100;
const ANSWER_TIMEOUT = 30_000;
/** While the server takes the connection before for alive, that one stands in the way. */
const STALE_PAUSE = 2_000;
/** So long after the deadline somebody may still hear it. */
const GRACE = 10_000;
const MAX_PROGRESS_BYTES = 2_048;
const MAX_RESULT_BYTES = 16_384;
const BEGIN: Report = { status: "in_progress" };
const isEnd = (report?: Report) => report && report.status !== BEGIN.status;

const badResult = (error: any): Report => ({ status: "failed", error: { code: "invalid_result", message: error.message } });

/**
 * One attempt of one execution: what is said of it, the last word only, until the server takes it, over as many
 * connections as that takes; and whether it has to stop.
 */
export const createExecution = ({ id, execution: { attempt, deadline } }: any, { ask }: Asking, line: Line, events: Emitter) => {
  const stopping = new AbortController();
  const { signal } = stopping;
  let last: Report | undefined;
  let next: Report | undefined; // what the server has not taken yet
  let telling = false;
  let begun = false;
  let canceled = false;
  let over = false;
  let heldOn = 0; // the connection on which the server heard of it last, or may have
  let decide = (_: boolean) => {};
  let wake = () => {};

  const stop = (code: string) => {
    // Old browsers do not take the reason.
    if (!signal.aborted) stopping.abort(new AetherError(code, "the execution has to stop: " + code));
  };
  const end = (code: string) => {
    over = true;
    wake();
    decide(false);
    stop(code);
  };
  const cancel = () => ((canceled = true), stop("canceled"));
  const sleep = (ms: number) => new Promise<void>(resolve => {
    const stopClock = after(ms, resolve);
    wake = () => (stopClock(), resolve());
  });
  const msLeft = () => line.msTo(deadline) + GRACE;

  /** How long to wait before it is said again; undefined: nobody wants to hear it. */
  const pauseAfter = async ({ code, retryable, retryAfter }: AetherError): Promise<number | undefined> => {
    if (code === LOST) return (heldOn = line.turn(), 0);
    if (code === "stale_attempt") return heldOn && heldOn !== line.turn() ? STALE_PAUSE : undefined;
    if (code === "closed") await line.usable();
    else if (!retryable) return;
    return retryAfter ?? PAUSE;
  };

  const tell = async (): Promise<void> => {
    telling = true;
    while (next && !over) {
      const said = next;
      let pause: number | undefined = isEnd(said) ? 0 : PACE;
      try {
        if (msLeft() < 0) return end("timeout");
        // While it closes nothing begins, but what runs is told.
        const limits = { timeout: Math.min(msLeft(), ANSWER_TIMEOUT), evenLate: said !== BEGIN };
        const answer = await ask("execution.update", { attempt, ...said }, limits, { reply_to: id });
        heldOn = line.turn();
        if (next === said) next = undefined;
        if (answer.cancel) cancel();
        begun = true;
        decide(true);
      } catch (error: any) {
        const isWrong = error.code === "invalid_message";
        if (isWrong && said.status === "succeeded") next = last = badResult(error);
        else if (isWrong && said.progress) {
          if (next === said) next = undefined;
          events.emit("error", error);
        } else {
          pause = await pauseAfter(error);
          if (pause === undefined) return end(error.code);
        }
      }
      // An end does not wait for the pace.
      if (pause && !(isEnd(next) && pause === PACE)) await sleep(pause);
    }
    telling = false;
  };
  const say = (report: Report): void => {
    last = next = report;
    if (isEnd(report)) wake();
    if (!telling) tell().then(() => events.emit(TOLD));
  };
  const finish = (report: Report): void => {
    if (isEnd(last)) return;
    try {
      report = { ...report, result: resultOf(report.result) };
      if (report.result) jsonOf(report.result, "result", MAX_RESULT_BYTES);
    } catch (error) {
      report = badResult(error);
    }
    say(report);
  };

  return {
    attempt, signal, cancel, end, finish,
    isCanceled: () => canceled,
    /** Whether it was refused before it began: the same may come again. */
    isRefused: () => over && !begun,
    /** Whether it may be forgotten. */
    isSettled: () => over || (isEnd(last) && !next) || msLeft() < 0,
    /** Whether the server has still to hear of its end. */
    isUntold: () => !over && isEnd(next),
    /** Says once more where it stands. */
    sayAgain: () => last && say(last),
    /** Begins it. False where another connection has it, or nobody wants it any more. */
    begin: () => new Promise<boolean>(resolve => {
      decide = resolve;
      say(BEGIN);
    }),
    /** Stops what runs at the deadline. Returns what takes that back. */
    limit: () => after(Math.max(0, line.msTo(deadline)), () => stop("timeout")),
    progress(progress: object): void {
      const text = jsonOf(progress, "progress", MAX_PROGRESS_BYTES);
      if (!isEnd(last)) say({ ...BEGIN, progress: JSON.parse(text) });
    },
  };
};

export type Execution = ReturnType<typeof createExecution>;
