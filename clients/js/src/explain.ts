import { UNAUTHORIZED } from "./codes";
import { textOf } from "./errors";
import type { Why } from "./retry";
import type { Settings } from "./settings";
import { soon } from "./times";
import { utf8 } from "./wire";

const TIMEOUT = 5_000;
const MAX_WAIT = 600_000; // whoever says longer in Retry-After is not believed

/** Whether it is a token, and not an API key. */
export const isToken = (key: unknown) => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(key as any);

/** A header holds bytes: the key goes in as UTF-8. */
export const binary = (text: string) => String.fromCharCode(...utf8(text));

const retryAfter = (value: any): number => {
  const ms = value * 1_000 || Date.parse(value) - Date.now();
  return ms > 0 ? Math.min(ms, MAX_WAIT) : 0;
};

/** What an answer means. Only one of this protocol may stop the client; what a proxy says in between, passes. */
const read = async (answer: Response): Promise<Why> => {
  const { status, statusText, headers, redirected } = answer;
  const { status: said = status, detail }: any = await answer.json().catch(() => {}) ?? {};
  const ours = !redirected && /^application\/problem\+json/.test(headers.get("Content-Type")!) && said === status
    && typeof detail === "string" && detail;
  const stop = ours && /^40[0134]$/.test(status as any);
  const closeCode = stop && status === 401 ? UNAUTHORIZED : undefined;
  return {
    stop, closeCode,
    code: closeCode ? "unauthorized" : stop ? "refused" : "unavailable",
    reason: status === 426 ? "something between passes no WebSockets" : `${ours || statusText || "refused"} (${status})`,
    least: status === 503 || status === 429 ? retryAfter(headers.get("Retry-After")) : 0,
  };
};

/** Why an upgrade was refused: a browser tells that over HTTP only. */
export const explain = ({ fetch }: Settings, address: string, key: string): Promise<Why> => {
  const enough = new AbortController();
  const ask = async () => read(await fetch(address.replace("ws", "http"), {
    headers: !key ? {} : isToken(key) ? { Authorization: "Bearer " + key } : { "X-Aether-API-Key": binary(key) },
    cache: "no-store", signal: enough.signal,
  }));
  return soon({ timeout: TIMEOUT }, "no answer", ask())
    // fetch hides in `cause` why it failed.
    .catch(error => ({ code: "unreachable", reason: "the server cannot be reached: " + textOf(error?.cause ?? error) }))
    .finally(() => enough.abort());
};
