/** What a page goes through, as far as it matters to a connection. */
export interface PageEvents {
  /** The network may be gone. */
  doubt(): void;
  /** Try now: at random within so many ms. */
  wake(spread: number): void;
  leave(): void;
  comeBack(): void;
}

/** When the network is back, all clients of a building hear it in the same second. */
const ONLINE_SPREAD = 5_000;

/** Listens to the page, if there is one. Returns what ends it. */
export const watchPage = (tell: PageEvents): () => void => {
  const { document } = globalThis;
  const stops: (() => void)[] = [];
  const on = (target: any, event: string, call: () => void) => {
    // A page that is not kept by the back/forward cache is gone.
    const listener = ({ persisted }: any) => persisted === false || call();
    target?.addEventListener?.(event, listener);
    stops.push(() => target?.removeEventListener?.(event, listener));
  };
  const wake = (spread: number) => () => {
    if (!document?.hidden) tell.wake(spread);
  };
  on(globalThis, "offline", tell.doubt);
  on(globalThis, "online", wake(ONLINE_SPREAD));
  // Into the back/forward cache, where a page is neither run nor gone; and back.
  on(globalThis, "pagehide", tell.leave);
  on(globalThis, "pageshow", tell.comeBack);
  on(document, "freeze", tell.leave);
  on(document, "resume", tell.comeBack);
  on(document, "visibilitychange", wake(0));
  return () => stops.forEach(stop => stop());
};
