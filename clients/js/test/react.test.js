import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { act, createElement as h } from "react";
import { create } from "react-test-renderer";
import { renderToString } from "react-dom/server";
import { useConnection, useRoster } from "../react.js";
import { Server, settle } from "./scripted-server.js";

let server;
before(() => {
  globalThis.IS_REACT_ACT_ENVIRONMENT = true;
  server = new Server();
});
after(() => server.end());

test("a component shows state and roster, and follows them", async () => {
  const me = await server.open();
  let renders = 0;
  const Group = () => {
    renders++;
    const { state } = useConnection(me);
    const members = useRoster(me);
    return `${state}: ${members.map(({ client_id }) => client_id).join(" ")}`;
  };
  assert.equal(renderToString(h(Group)), "open: ");
  let root;
  await act(() => { root = create(h(Group)); });
  assert.equal(root.toJSON(), "open: ");
  const question = server.socket.sent.find(({ cmd }) => cmd === "roster");
  await act(async () => {
    server.socket.receive({ msg_type: "presence", target: "echo", from_id: "aether", cmd: "roster", reply_to: question.id, payload: { members: [{ client_id: "a" }], total: 1 } });
    await settle();
  });
  assert.equal(root.toJSON(), "open: a");
  await act(() => server.socket.receive({ msg_type: "presence", from_id: "b", cmd: "join", payload: {} }));
  assert.equal(root.toJSON(), "open: a b");
  const before = renders;
  await act(() => server.socket.receive({ msg: "nothing of that" }));
  assert.equal(renders, before);
  await act(() => server.socket.drop());
  assert.equal(root.toJSON(), "reconnecting: a b");
  await act(() => root.unmount());
  server.socket.accept?.();
});
