// Server-sent events from a fetch: an EventSource can show no key.

/**
 * Takes text as it comes, however it is cut, and tells each event that is whole.
 * @param {(event: { name: string, data: string }) => void} onEvent
 */
export function eventReader(onEvent) {
  let rest = "";
  let name = "";
  /** @type {string[]} */
  let data = [];

  function line(/** @type {string} */ text) {
    if (text === "") {
      if (data.length) onEvent({ name: name || "message", data: data.join("\n") });
      name = "";
      data = [];
      return;
    }
    const colon = text.indexOf(":");
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? "" : text.slice(colon + 1).replace(/^ /, "");
    if (field === "event") name = value;
    if (field === "data") data.push(value);
  }

  return (/** @type {string} */ text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const one of lines) line(one.replace(/\r$/, ""));
  };
}
