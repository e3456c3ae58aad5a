import { AetherError, passing } from "./errors";
import type { Limits } from "./types/connection";

const LONGEST = 0x7fffffff; // what a timer of the platform can hold

export const now = () => performance.now();

/** Tells how many ms have passed since. Some machines that sleep stop one clock, and the other may be set: the further one counts. */
export const stopwatch = () => {
  const [start, date] = [now(), Date.now()];
  return () => Math.max(now() - start, Date.now() - date);
};

/** Calls back in so many ms, `null` and `Infinity`: never. Returns what takes it back. */
export const after = (ms: number | null | undefined, call: () => void): () => void => {
  let timer: any;
  const wait = (left: number) => {
    timer = left > LONGEST ? setTimeout(wait, LONGEST, left - LONGEST) : setTimeout(call, left);
  };
  if (ms !== null && ms! < Infinity) wait(ms!);
  return () => clearTimeout(timer);
};

/** Rejects in so many ms. */
export const lateAfter = (ms: number | null | undefined, what: string, reject: (error: AetherError) => void) =>
  after(ms, () => reject(passing("timeout", what)));

/**
 * What is settled by somebody, or by its limits.
 * @param run begins it, unless it was given up before, and may return what is to be done in the end
 */
export const within = <T>(
  limits: Limits, what: string, run: (resolve: (value: T) => void, reject: (error: unknown) => void) => (() => void) | void,
): Promise<T> => {
  const { timeout, signal } = limits;
  let end = () => {};
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(new AetherError("aborted", what + ": given up"));
    if (signal?.aborted) return abort();
    signal?.addEventListener("abort", abort);
    const stop = lateAfter(timeout, what, reject);
    let undo: (() => void) | void;
    end = () => {
      stop();
      signal?.removeEventListener("abort", abort);
      undo?.();
    };
    undo = run(resolve, reject);
  }).finally(() => end());
};

/** A promise, or that it took too long. */
export const soon = <T>(limits: Limits, what: string, promise: Promise<T>) =>
  within<T>(limits, what, (resolve, reject) => void promise.then(resolve, reject));
