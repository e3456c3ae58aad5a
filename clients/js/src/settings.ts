import { ANY, FLAG, FUNCTION, must, only, type Rules, TIME } from "./checks";
import { RETRY } from "./retry";
import { ID, ROLE } from "./wire";
import type { Options } from "./types/options";

/** The options, checked and with their defaults. */
export interface Settings extends Options {
  client: string;
  /** Of the WebSocket, without the key. */
  address: string;
  resume: boolean;
  outbox: number;
  log: (text: string, detail?: unknown) => void;
  fetch: typeof globalThis.fetch;
}

const OPTIONS: Rules = {
  url: ANY, // looked at last
  group: ID,
  client: ID,
  role: ROLE,
  key: [value => /string|function/.test(typeof value) && value, "a string or function"],
  token: ANY, // the key by another name
  echo: FLAG,
  resume: FLAG,
  rewind: [value => Number.isInteger(value) && value > 0 && value <= 100, "1 to 100"],
  outbox: [value => value >= 0, "a number"],
  heartbeat: [value => value === null || (TIME[0](value) && value >= 1), TIME[1]],
  retry: RETRY,
  log: FUNCTION,
  WebSocket: [FUNCTION[0], "given; Node 20: --experimental-websocket"],
  fetch: FUNCTION,
};

/** Pages over http have no randomUUID. */
export const random = () => crypto.getRandomValues(new Uint32Array(2)).join("");

/** Where the server is that this module was loaded from, prefix included. */
const home = () => /^(http.*)\/v3\/(\w+\/)?aether\b[^/]*$/.exec(import.meta.url)?.[1];

const addressOf = (url: unknown): string => {
  const page = globalThis.location;
  let full = "";
  try {
    full = new URL((url ?? home() ?? page.origin) as string, page?.href).href;
  } catch {
    // It is none.
  }
  must(/^(http|ws)s?:[^?#@]+$/.test(full), "url", "http(s) or ws(s), without a query");
  return full.replace(/^http/, "ws").replace(/\/*$/, "");
};

export const settingsOf = (options: any): Settings => {
  const { WebSocket = null, fetch } = globalThis;
  const settings: any = { group: null, client: "js-" + random(), echo: true, resume: true, outbox: 1_000, log() {}, WebSocket, fetch };
  for (const name in options) if (options[name] !== undefined) settings[name] = options[name];
  const { url, group, client, role, token, echo } = settings;
  settings.key ??= token;
  only(settings, "options", OPTIONS);
  must(!token || token === settings.key, "token", "left out beside key");
  const query = (role ? `role=${role}&` : "") + "echo=" + (echo ? "on" : "off");
  settings.address = `${addressOf(url)}/v3/ws/group/${group}/client/${client}?${query}`;
  return settings;
};
