// The code of docs/migrating.md, and of the browser's part of docs/protocol.md, against a real server: what people copy
// has to work. Blocks with a word behind ```js belong together, in their order.
//
//   node --test tests/E2E/node/migrating.test.mjs        (Node 20: with --experimental-websocket)

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';

import { connect } from '../../../clients/js/aether.js';
import { startServer } from './aether.mjs';

const AsyncFunction = (async () => {}).constructor;

const read = (name) => readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8');

function code(kind) {
  const blocks = [...read('migrating.md').matchAll(/```js (\S+)\n([\s\S]*?)```/g)].filter((block) => block[1] === kind);
  assert.notEqual(blocks.length, 0, `there is code ${kind}`);
  return blocks.map((block) => block[2]).join('\n');
}

/** Runs code of a document as the body of a function that knows these names, on this server. */
function run(text, server, names = {}, result = '') {
  const body = text
    .replace(/^import .*$/m, '')
    .replaceAll('wss://api.example.com', `ws://${server?.address}`)
    .replaceAll('https://api.example.com', `http://${server?.address}`);
  return new AsyncFunction(...Object.keys(names), `${body}\n${result}`)(...Object.values(names));
}

async function until(holds, what) {
  for (const end = Date.now() + 20_000; !holds();) {
    assert.ok(Date.now() < end, `not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('what docs/migrating.md shows', () => {
  let server;
  let seen;
  let app;
  before(async () => {
    server = await startServer();
  });
  after(() => server.stop());

  function fresh() {
    seen = [];
    app = {
      start: (speed) => seen.push(`start ${speed}`),
      reload: () => seen.push('reload'),
      presence: (message) => seen.push(`${message.cmd} ${message.from_id}`),
      show: (members) => seen.push(`present ${members.map((member) => member.client_id)}`),
      console: { log: (value) => seen.push(value), warn: (...words) => seen.push(words.slice(0, 2).join(' ')) },
    };
  }

  test('by hand: sends, is answered, and hears who comes', async () => {
    fresh();
    const socket = await run(code('by-hand'), server, app, 'return socket;');
    const other = connect({ url: `http://${server.address}`, group: 'press-7', client: 'boss', WebSocket });
    await other.opened;
    await other.send({ cmd: 'start', payload: { speed: 7 } });

    // Its own command back, that nobody is worker-2, who came, and the command of another.
    for (const expected of ['start 3', 'm1 recipient_offline', 'join boss', 'start 7'])
      await until(() => seen.includes(expected), expected);
    other.close();
    socket.close();
    await new Promise((resolve) => socket.addEventListener('close', resolve));
  });

  test('with the client: the same, and a reply', async () => {
    fresh();
    const worker = connect({ url: `http://${server.address}`, group: 'press-7', client: 'worker-2', WebSocket });
    await worker.opened;
    const got = [];
    worker.on('cmd', (message) => got.push(message.cmd));
    await run(code('client-worker'), server, { worker });

    const me = await run(code('client'), server, { ...app, connect }, 'return me;');
    await worker.send({ cmd: 'start', payload: { speed: 7 } });

    await until(() => seen.includes('start 7'), 'the command of another');
    assert.deepEqual(got.slice(0, 3), ['start', 'stop', 'measure']);
    assert.deepEqual(seen.find((value) => value.sensor), { sensor: 4, celsius: 21 });
    worker.close();
    await until(() => seen.includes('present worker-1'), 'the other is gone');
    me.close();
  });

  test('the bridge passes on what is said to the group, once and in both directions', async () => {
    const bridge = await run(code('bridge'), server, { connect }, 'return { old, now };');
    await bridge.now.opened;
    const old = new WebSocket(`ws://${server.address}/ws/group/press-7/client/before`);
    const heard = [];
    old.onmessage = ({ data }) => heard.push(data);
    const now = connect({ url: `http://${server.address}`, group: 'press-7', client: 'after', echo: false, WebSocket });
    const told = [];
    now.on('cmd', (message) => told.push([message.cmd, message.payload.speed]));
    now.on('msg', (message) => told.push(message.msg));
    await now.opened;
    await until(() => old.readyState === 1 && bridge.old.readyState === 1, 'both old connections are open');

    old.send(JSON.stringify({ action: 'start', speed: 3 }));
    old.send('hello');
    await until(() => told.length >= 2, 'the new side hears the old one');
    await now.send({ cmd: 'stop', payload: { now: true } });
    await now.send({ msg: 'bye' });
    // The last of the old side says that all before it went through.
    await until(() => heard.some((text) => text.includes('bye')), 'the old side hears the new one');
    old.send('end');
    await until(() => told.includes('end'), 'the new side hears the end');

    assert.deepEqual(told, [['start', 3], 'hello', 'end']);
    assert.deepEqual(
      heard.map((text) => (text.startsWith('{') ? JSON.parse(text) : text)).filter((said) => said !== 'end'),
      [
        { action: 'start', speed: 3 },
        'hello',
        { now: true, action: 'stop', bridged: true },
        { text: 'bye', bridged: true },
      ]);
    for (const end of [old, now, bridge.old, bridge.now]) end.close();
  });

  test('by hand: comes back and gets what was said meanwhile, in order', async () => {
    const { last, note, resume } = await run(code('by-hand-resume'), null, {}, 'return { last, note, resume };');
    const url = `ws://${server.address}/v3/ws/group/resumed/client/away?role=worker`;
    const boss = connect({ url: `http://${server.address}`, group: 'resumed', client: 'boss', WebSocket });
    await boss.opened;
    const got = [];
    const open = () => new Promise((resolve, reject) => {
      const socket = new WebSocket(resume(url), ['aether.v3']);
      socket.onmessage = ({ data }) => {
        const message = JSON.parse(data);
        note(message);
        if (message.from_id === 'boss' && message.msg_type === 'cmd') got.push(message.cmd);
        if (message.cmd === 'welcome') resolve(socket);
        if (message.cmd === 'recovered') got.push(message.payload.group);
      };
      socket.onclose = reject;
    });
    const close = (socket) => new Promise((resolve) => {
      socket.onclose = resolve;
      socket.close();
    });

    await close(await open());                                       // nothing came yet but the welcome
    await boss.send({ cmd: 'first' });
    await boss.send({ cmd: 'second' });
    const again = await open();
    await until(() => got.length === 3, 'what was missed');
    assert.deepEqual(got, ['first', 'second', { status: 'recovered', count: 2 }]);

    await boss.send({ cmd: 'third' });
    await until(() => got.length === 4, 'what is live');
    assert.match(last.group, /^[A-Za-z0-9]{1,16}:3$/);
    await close(again);
    boss.close();
  });

  test('a close code says whether to come back', async () => {
    const next = await run(code('by-hand-close'), null, {}, 'return next;');
    for (const code of [1002, 1003, 1007, 4000, 4001, 4099]) assert.equal(next(code, 0), null);
    for (const code of [1001, 1006, 1009, 1011, 1012, 1013]) assert.ok(next(code, 2) >= 0 && next(code, 20) <= 30_000);
    for (const code of [4100, 4102]) assert.ok(next(code, 0) >= 1_000);
  });
});

describe('a browser and its key', () => {
  const key = 'schlüssel-0123456789-ÿþ>?';
  let server;
  before(async () => {
    server = await startServer({ 'ApiKeys:0:Name': 'k', 'ApiKeys:0:Key': key });
  });
  after(() => server.stop());

  test('is let in by the subprotocol that docs/migrating.md makes', async () => {
    const url = `ws://${server.address}/v3/ws/group/g/client/c`;
    const socket = await run(code('by-hand-key'), server, { key, url }, 'return socket;');
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onclose = reject;
    });
    assert.equal(socket.protocol, 'aether.v3');
    socket.close();
  });

  test('is told why not by the question that docs/protocol.md asks', async () => {
    const [, question] = /```js\n(const answer[\s\S]*?)```/.exec(read('protocol.md'));
    const url = `ws://${server.address}/v3/ws/group/g/client/c`;
    const answer = await run(question, server, { key: 'not-this-one-0123', url }, 'return { status, detail };');
    assert.deepEqual(answer, { status: 401, detail: 'a valid API key is needed, exactly once' });
  });
});
