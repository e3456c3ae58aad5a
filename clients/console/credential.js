// What the page shows to the server: an API key, or a token, which says itself whose it is.

/** @param {string | undefined} key */
export const isToken = (key) => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(key ?? "");

const isLike = (/** @type {unknown} */ value, /** @type {RegExp} */ rule) => typeof value === "string" && rule.test(value);

/** The headers of a request over HTTP. @param {string | undefined} key @returns {Record<string, string>} */
export function headersOf(key) {
  if (!key) return {};
  return isToken(key) ? { Authorization: `Bearer ${key}` } : { "X-Aether-API-Key": key };
}

/**
 * The only client and role that a token is good for, as far as it says so. It is the server that checks it.
 * @param {string | undefined} key @returns {{ client?: string, role?: import("../aether.js").Role }}
 */
export function userOf(key) {
  if (!isToken(key)) return {};
  try {
    const claims = /** @type {string} */ (key).split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const { sub, role } = JSON.parse(atob(claims));
    return {
      ...(isLike(sub, /^(?!aether$)[\w-]{1,64}$/) && { client: sub }),
      ...(isLike(role, /^(controller|worker|observer)$/) && { role }),
    };
  } catch {
    return {};
  }
}
