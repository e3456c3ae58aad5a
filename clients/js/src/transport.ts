import { UNAUTHORIZED } from "./codes";
import { type AetherError, passing, textOf } from "./errors";
import { binary, explain, isToken } from "./explain";
import type { Input } from "./machine";
import { whyClosed, type Why } from "./retry";
import type { Settings } from "./settings";
import { after, soon } from "./times";

const TIMEOUT = 15_000;

/** The key as an entry of the subprotocols: a browser can set no header. */
const entryOf = (key: string) =>
  "aether.auth." + btoa(binary(key)).replace(/[+/=]/g, char => "-_"["+/".indexOf(char)] ?? "");

/**
 * One attempt after the other: the key, the socket, and why it was refused. What an earlier one began is not heard.
 * @param feed tells the machine
 * @param frame gets what comes in
 * @param ended gets why the server closed or refused it
 * @param resumption what the address of an attempt has more
 */
export const createTransport = (
  settings: Settings, feed: (input: Input, why?: Why) => void, frame: (data: unknown) => void, ended: (why: Why) => void,
  resumption: () => string,
) => {
  const { WebSocket, key: given } = settings;
  let address: string;
  let turn = 0;
  let key = "";
  let refusedKey: string | undefined;
  let socket: any;
  let cancel = () => {};

  /** What the function gives now, if that will do. */
  const fresh = async (isGood: (value: any) => unknown, what: string): Promise<any> => {
    try {
      const value = await soon({ timeout: TIMEOUT }, "no answer", (async () => (given as () => unknown)())());
      if (isGood(value)) return value;
    } catch (error) {
      what = textOf(error);
    }
    throw passing("key_failed", "the key function failed: " + what);
  };
  const lost = (code: string, reason: string) => feed("lost", { code, reason });
  /** Only for as long as nothing else began. */
  const inTurn = <T extends unknown[]>(call: (...args: T) => void) => {
    const mine = ++turn;
    return (...args: T) => void (mine === turn && call(...args));
  };

  /** The key is not taken; a function may have another one. */
  const refuse = (why: Why) => {
    refusedKey = key;
    feed(typeof given === "function" ? "lost" : "stopped", why);
  };

  return {
    /** Anew: also with a key that was refused. */
    forgive: () => (refusedKey = undefined),
    refuse,
    ask(): void {
      const take = inTurn((value: any, error?: AetherError) => {
        if (error) return lost(error.code, error.message);
        key = value || "";
        // One that was refused is not tried again.
        if (key === refusedKey) feed("stopped", whyClosed(UNAUTHORIZED, "the key was refused"));
        else feed("key");
      });
      if (typeof given !== "function") take(given);
      else fresh(value => typeof (value || "") === "string", "no string").then(take, error => take(0, error));
    },
    /** Another token for the connection that there is. Rejects where there is none, and with what `show` does. */
    async renew(show: (token: string) => Promise<any>): Promise<any> {
      const token = await fresh(value => isToken(value) && value !== key, "no new token");
      const answer = await show(token);
      key = token;
      return answer;
    },
    dial(): void {
      let upgraded = false;
      const live = inTurn((call: () => void) => call());
      const refused = () => live(() => upgraded || feed("refused"));
      cancel = after(TIMEOUT, () => lost("no_answer", "the server does not answer"));
      address = settings.address + resumption();
      try {
        socket = new WebSocket(address, ["aether.v3", ...key ? [entryOf(key)] : []]);
      } catch (error) {
        return lost("failed", "no WebSocket: " + textOf(error));
      }
      socket.onopen = () => (upgraded = true); // ready comes with the welcome
      socket.onmessage = ({ data }: any) => live(() => frame(data));
      // Node 20 tells of a refusal with an error alone.
      socket.onerror = refused;
      socket.onclose = ({ code, reason }: any) => {
        refused();
        live(() => ended(whyClosed(code, reason)));
      };
    },
    explain(): void {
      cancel();
      explain(settings, address, key).then(inTurn(ended));
    },
    /** It came about. */
    arrived: () => cancel(),
    write(text: string): boolean {
      if (socket?.readyState !== 1) return false;
      socket.send(text);
      return true;
    },
    hangUp(goodbye = ""): void {
      turn++;
      cancel();
      try {
        // At most 123 bytes; a character has at most three here.
        socket.close(1000, goodbye.slice(0, 40));
      } catch {
        // There is none, or it was never open, or is closed: all the same.
      }
      socket = undefined;
    },
  };
};
