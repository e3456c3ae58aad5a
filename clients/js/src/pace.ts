import { now } from "./times";

/** Of what the server allows, so that what bunches up on the way is not too much. */
const SHARE = 0.9;

/** How fast the server wants to be sent to: the bucket of the welcome's `rate_limit`. */
export const createPace = () => {
  let [rate, burst, tokens, filled] = [0, 0, 0, 0]; // rate 0: no limit

  /** Ms until the rate allows one more. */
  const pause = (): number => {
    tokens = Math.min(burst, tokens + ((now() - filled) * rate) / 1_000);
    filled = now();
    return !rate || tokens >= 1 ? 0 : Math.ceil(((1 - tokens) * 1_000) / rate);
  };

  return {
    onWelcome(limit: any): void {
      const { per_second = 0, burst: atOnce = per_second } = limit ?? {};
      rate = per_second > 0 ? per_second * SHARE : 0;
      burst = tokens = Math.max(1, Math.floor(atOnce * SHARE));
      filled = now();
    },
    msToWait: pause,
    spend: (messages: number) => void (tokens -= messages || 0),
    aMinute: () => rate * 60,
    /** The server says that it was too fast after all. */
    slowDown(ms = 0): void {
      pause();
      tokens = Math.min(tokens, 1 - (ms * rate) / 1_000);
    },
  };
};
