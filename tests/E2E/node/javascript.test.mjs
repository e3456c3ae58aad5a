// The JavaScript client against the real server: what the server would close a connection for, its rate, and requests.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { connect } from '../../../clients/js/aether.js';
import { startServer } from './aether.mjs';

const half = '😀'.slice(0, 1);

/** A connection of a test, closed with it. */
function open(t, server, options) {
  const me = connect({ url: `http://${server.address}`, ...options });
  me.states = [];
  me.errors = [];
  me.on('state', ({ state, reason }) => me.states.push(`${state}: ${reason}`));
  me.on('error', (error) => me.errors.push(error));
  t.after(() => me.close('the test is over', { timeout: 0 }));
  return me.opened({ timeout: 20_000 });
}

describe('the client and the server', () => {
  let server;
  before(async () => {
    server = await startServer();
  });
  after(() => server.stop());

  test('agree on what may be sent: nothing that the client lets through is refused', async (t) => {
    const me = await open(t, server, { group: 'g1', client: 'me' });
    const deep = (levels) => JSON.parse(`${'{"a":'.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`);
    const messages = [
      {}, { msg: '' }, { msg: null }, { msg: half }, { msg: 5 }, { msg: '\\ud800' }, { msg: '\u0000\u001f"\\' },
      { cmd: 'x'.repeat(256) }, { cmd: 'x'.repeat(257) }, { cmd: '😀'.repeat(256) }, { msg_type: 'cmd' },
      { payload: deep(63) }, { payload: deep(64) }, { payload: { [half]: 1 } }, { payload: [] },
      { id: '~'.repeat(64) }, { id: ' '.repeat(65) }, { id: 'é' }, { reply_to: '' }, { reply_to: '?' },
      { to_id: 'aether' }, { to_id: 'a b' }, { target: 'direct' }, { group_id: 'aether' }, { group_id: null },
      { msg_type: 'heartbeat', target: 'echo' }, { msg_type: 'heartbeat', target: 'group' }, { target: 'echo' },
      { msg_type: 'presence', target: 'group', cmd: 'update', payload: { state: { a: 'x'.repeat(2_040) } } },
      { msg_type: 'presence', target: 'group', cmd: 'update', payload: { state: { a: 'x'.repeat(2_041) } } },
      { msg_type: 'presence', target: 'echo', cmd: 'roster', payload: { limit: 500 } },
      { msg_type: 'presence', target: 'echo', cmd: 'roster', payload: { limit: 501 } },
      { msg_type: 'presence', target: 'broadcast' }, { msg: 'x'.repeat(70_000) },
    ];
    let taken = 0;
    for (const message of messages) {
      try {
        await me.send(message);
        taken++;
      } catch (error) {
        assert.equal(error.code, 'invalid_message', `${JSON.stringify(message).slice(0, 80)}: ${error}`);
        assert.ok(error.rule, `by the server: ${JSON.stringify(message).slice(0, 80)} ${error}`);
      }
    }
    assert.ok(taken > 10, String(taken));
    assert.deepEqual(me.states, ['open: connected']);
  });

  test('a message of the greatest length arrives, one byte more is refused here', async (t) => {
    const me = await open(t, server, { group: 'g2', client: 'me' });
    const most = me.welcome.max_message_bytes;
    const over = await me.send({ msg: 'x'.repeat(most) }).catch((error) => error);
    assert.equal(over.field, 'message');
    const empty = { id: 'm', msg_type: 'msg', target: 'group', version: '3', from_id: 'me', msg: '', payload: {}, sent_at: new Date().toISOString() };
    assert.ok(await me.send({ id: 'm', msg: 'x'.repeat(most - JSON.stringify(empty).length) }));
    assert.deepEqual(me.states, ['open: connected']);
  });

  test('requests are answered, by all of a group too, and nothing else is', async (t) => {
    const me = await open(t, server, { group: 'g3', client: 'me' });
    const workers = await Promise.all(['w1', 'w2', 'w3'].map((client) => open(t, server, { group: 'g3', client, role: 'worker' })));
    for (const worker of workers) worker.handle('measure', ({ n }) => ({ n: n + 1, by: worker.client }));
    assert.deepEqual((await me.request('w1', 'measure', { n: 1 })).payload, { n: 2, by: 'w1' });
    await assert.rejects(me.request('w1', 'unknown'), { code: 'not_handled' });
    await assert.rejects(me.request('nobody', 'measure'), { code: 'recipient_offline' });
    workers[2].handle('measure', () => {
      throw Object.assign(new Error('no paper'), { code: 'jam' });
    });
    const { answers, missing } = await me.group.request('measure', { n: 5 });
    assert.deepEqual(missing, []);
    assert.deepEqual(
      answers.map(({ from_id, message, error }) => [from_id, message?.payload.n ?? error.code]).sort(), [['w1', 6], ['w2', 6], ['w3', 'jam']]);

    const heard = [];
    me.on('msg', (message) => heard.push(message));
    me.on('cmd', (message) => heard.push(message));
    await me.group.send({ cmd: 'measure', payload: { n: 1 } });
    await me.request('w1', 'measure', { n: 1 });
    assert.deepEqual(heard.map(({ from_id, cmd }) => [from_id, cmd]), [['me', 'measure']]);
  });

  test('a result that cannot be sent is an error for whoever asked, and ends nobody', async (t) => {
    const me = await open(t, server, { group: 'g4', client: 'me' });
    const worker = await open(t, server, { group: 'g4', client: 'w' });
    worker.handle('long', () => ({ a: 'x'.repeat(100_000) }));
    worker.handle('half', () => ({ a: half }));
    for (const cmd of ['long', 'half']) await assert.rejects(me.request('w', cmd), { code: 'invalid_message' });
    assert.deepEqual(worker.states, ['open: connected']);
  });

  test('a command from aether with an id is carried out and not answered', async (t) => {
    const worker = await open(t, server, { group: 'g5', client: 'w' });
    const done = new Promise((resolve) => worker.handle('start', resolve));
    const answer = await fetch(`http://${server.address}/v3/messages`, {
      method: 'POST', headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        version: '3', msg_type: 'cmd', target: 'direct', from_id: 'aether', to_id: 'w', group_id: 'g5', cmd: 'start', id: 'a', reply_to: '?',
        payload: { n: 1 }, sent_at: new Date().toISOString(),
      }),
    });
    assert.equal(answer.status, 202);
    assert.deepEqual(await done, { n: 1 });
    await worker.ping();
    assert.deepEqual([worker.states, worker.errors], [['open: connected'], []]);
  });

  test('close sends what waits', async (t) => {
    const me = await open(t, server, { group: 'g6', client: 'me' });
    const other = await open(t, server, { group: 'g6', client: 'other' });
    const got = [];
    other.on('msg', ({ msg }) => got.push(msg));
    const sent = Array.from({ length: 100 }, (_, i) => me.send({ msg: String(i) }));
    await me.close();
    assert.equal((await Promise.allSettled(sent)).filter(({ status }) => status === 'fulfilled').length, 100);
    await other.ping();
    assert.equal(got.length, 100);
  });

  test('opened on a port where nobody is says so', async (t) => {
    const me = connect({ url: 'http://127.0.0.1:9', group: 'g', client: 'me' });
    t.after(() => me.close());
    await assert.rejects(me.opened({ timeout: 1_500 }), (error) => error.code === 'timeout' && /cannot be reached|refused/.test(error.message));
  });
});

describe('a server with a low rate', () => {
  let server;
  before(async () => {
    server = await startServer({ 'RateLimit:PerSecond': '100', 'RateLimit:Burst': '150' });
  });
  after(() => server.stop());

  test('refuses nothing of what waited or comes at once', async (t) => {
    const me = connect({ url: `http://${server.address}`, group: 'g1', client: 'me' });
    t.after(() => me.close('over', { timeout: 0 }));
    const state = me.setState({ busy: true });
    const waited = Array.from({ length: 300 }, (_, i) => me.send({ payload: { i } }));
    await me.opened;
    await state;
    await Promise.all(waited);
    await Promise.all(Array.from({ length: 200 }, (_, i) => me.send({ payload: { i } })));
    const [{ state: said }] = await me.presence.roster();
    assert.deepEqual(said, { busy: true });
  });
});
