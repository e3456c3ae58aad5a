// One message of the feed, whole: as readable JSON, to copy, and what this page sent to send once more.

import { byId, say, setText, timeOfDay } from "./dom.js";

/**
 * Escape goes back to the chosen row, the button leaves that too.
 * @param {import("./connection.js").Connection} connection
 * @param {(message: any) => Promise<any>} send
 * @param {(leave: boolean) => void} onClosed
 */
export function showInspector(connection, send, onClosed) {
  const section = byId("inspector");
  const status = byId("inspector-said");
  /** @type {any} */
  let shown = null;
  const hide = () => {
    section.hidden = true;
    byId("inspected").textContent = "";
  };
  const close = (/** @type {boolean} */ leave) => {
    hide();
    onClosed(leave);
  };
  section.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    close(false);
  });
  byId("inspector-close").addEventListener("click", () => close(true));
  byId("copy").addEventListener("click", async () => {
    const done = await copy(byId("inspected"));
    say(status, done ? "Copied." : "The browser did not allow it; the text is selected.");
  });
  byId("send-again").addEventListener("click", async () => {
    if (!connection.isOpen) return say(status, "Not sent: the page is not connected.", "bad");
    try {
      await send(again(shown));
      say(status, "Sent again.", "good");
    } catch (error) {
      const { code, message } = /** @type {any} */ (error);
      say(status, `Refused${code ? ` (${code})` : ""}: ${message}`, "bad");
    }
  });
  return {
    isOpen: () => !section.hidden,
    hide,
    focus: () => byId("inspector-title").focus(),
    show(/** @type {{ message: any, at: Date }} */ { message, at }) {
      section.hidden = false;
      shown = message;
      say(status, "");
      byId("send-again").hidden = message.from_id !== connection.client_id || !isSendable(message);
      setText(byId("inspector-title"), `${message.cmd ?? message.msg_type} from ${message.from_id}, ${timeOfDay(at)}`);
      byId("inspected").textContent = JSON.stringify(message, null, 2);
    },
  };
}

/** Pages that came over plain http have no clipboard; selecting and the old command work there. */
async function copy(node) {
  try {
    await navigator.clipboard.writeText(node.textContent);
    return true;
  } catch {
    getSelection()?.selectAllChildren(node);
    return document.execCommand("copy");
  }
}

const isSendable = ({ msg_type, target }) => (msg_type === "msg" || msg_type === "cmd") && target !== "close";

/** What makes it the same message once more; its id and its time are new. */
function again({ msg_type, target, to_id, to_role, group_id, cmd, msg, payload, reply_to }) {
  return {
    msg_type, target, payload, ...(target === "direct" && { to_id, group_id }), ...(target === "group" && { group_id }),
    ...(target === "role" && { to_role, group_id }),
    ...(cmd && { cmd }), ...(msg && { msg }), ...(reply_to && { reply_to }),
  };
}
