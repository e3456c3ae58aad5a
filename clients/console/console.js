// The console page: a client like any other, with a view of what it sees. Each part is a module beside this one.

import { showCommands } from "./commands.js";
import { showComposer } from "./composer.js";
import { Connection } from "./connection.js";
import { showDemo } from "./demo.js";
import { showDirectory } from "./directory.js";
import { randomId } from "./dom.js";
import { showFeed } from "./feed.js";
import { showRoster } from "./roster.js";
import { showTrace } from "./trace.js";
import { showTraffic } from "./traffic.js";

const connection = new Connection();
const feed = showFeed(connection, send);
const traffic = showTraffic(connection);
const composer = showComposer(connection, send);
const trace = showTrace(connection);
showRoster(connection, composer.writeTo, trace.start);
showDemo(connection, feed, send);
showCommands(connection);
showDirectory(connection);
connection.open();

/** Sends with an id that is known beforehand, so that the message is recognised when it comes back. */
async function send(/** @type {any} */ message, id = `c-${randomId(10)}`) {
  traffic.sending(id);
  const taken = await connection.client.send({ ...message, id });
  // What goes to somebody else does not come back, so it is listed here.
  if (message.target === "direct" && message.to_id !== connection.client_id) {
    const from_id = connection.client_id;
    feed.addOwn({ from_id, group_id: connection.group, cmd: null, msg: null, ...message, id }, "sent");
  }
  return taken;
}
