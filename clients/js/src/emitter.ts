import { FUNCTION, mustBe, mustBeKnown } from "./checks";

type Listener = (value: any) => void;

/** Who listens to what. */
export const createEmitter = () => {
  const all = new Map<string, Map<Listener, boolean>>(); // whether only once

  const off = (event: string, listener: Listener): void => void all.get(event)?.delete(listener);
  const listen = (event: string, listener: Listener, once = false): (() => void) => {
    all.set(event, (all.get(event) ?? new Map()).set(listener, once));
    return () => off(event, listener);
  };
  /** A name that is no event is refused: its listener would wait for ever. */
  const checked = (once: boolean) => (event: string, listener: Listener): (() => void) => {
    if (!/^cmd:./.test(event)) mustBeKnown("event", event, "msg cmd presence state recovered gap lease error cmd:<name>");
    mustBe(FUNCTION, "listener", listener);
    return listen(event, listener, once);
  };

  return {
    listen,
    on: checked(false),
    once: checked(true),
    off,
    /** What a listener throws is an unhandled rejection, and harms no other listener. */
    emit(event: string, value?: unknown): void {
      [...(all.get(event) ?? [])].forEach(async ([listener, once]) => {
        if (once) off(event, listener);
        listener(value);
      });
    },
    hears: (event: string) => all.get(event)?.size,
  };
};

export type Emitter = ReturnType<typeof createEmitter>;
