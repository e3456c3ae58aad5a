// The JavaScript client asks the server itself, against the real one: what it reads of the kept messages, and what is refused.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { connect } from '../../../clients/js/aether.js';
import { startServer } from './aether.mjs';

/** A group of each test's own. */
const groupOf = ({ name }) => name.replace(/\W/g, '-').slice(0, 64);

describe('a request to the server', () => {
  let server;
  before(async () => {
    server = await startServer();
  });
  after(() => server.stop());

  const open = (t, client, options) => {
    const me = connect({ url: `http://${server.address}`, group: groupOf(t), client, ...options });
    t.after(() => me.close('the test is over', { timeout: 0 }));
    return me.opened({ timeout: 20_000 });
  };
  const numbersOf = ({ messages }) => messages.map(({ payload }) => payload.n);

  test('reads a group page by page, as it was sent', async (t) => {
    const me = await open(t, 'reader');
    for (let n = 1; n <= 5; n++) await me.group.send({ cmd: 'step', payload: { n } });
    const first = await me.history({ limit: 3 });
    assert.deepEqual([numbersOf(first), first.complete], [[1, 2, 3], false]);
    assert.equal(first.messages[2].pos, first.pos);
    const second = await me.history({ after: first.pos });
    assert.deepEqual([numbersOf(second), second.complete, second.pos], [[4, 5], true, me.positions.group]);
    const [{ cmd, from_id, target }] = second.messages;
    assert.deepEqual([cmd, from_id, target], ['step', 'reader', 'group']);
  });

  test('reads what was sent to this client, and an empty group', async (t) => {
    const [me, other] = [await open(t, 'asked-directly'), await open(t, 'other')];
    await other.direct('asked-directly', { cmd: 'step', payload: { n: 7 } });
    assert.deepEqual(numbersOf(await me.history({ channel: 'client' })), [7]);
    const { messages, complete } = await other.history();
    assert.deepEqual([messages, complete], [[], true]);
  });

  test('is told that a position is lost', async (t) => {
    const me = await open(t, 'late');
    await me.group.send({ cmd: 'step', payload: { n: 1 } });
    const { messages, complete, reason, pos } = await me.history({ after: 'another1:1' });
    assert.deepEqual([messages, complete, reason, pos], [[], false, 'epoch', me.positions.group]);
  });

  test('is refused by code and field, and the connection stays', async (t) => {
    const me = await open(t, 'wrong');
    await assert.rejects(me.request('aether', 'no.such'), { code: 'unknown_command', field: 'cmd', retryable: false });
    await assert.rejects(me.history({ after: 'yesterday' }), { code: 'invalid_message', field: 'payload.after' });
    await assert.rejects(me.history({ limit: 501 }), { code: 'invalid_message', field: 'payload.limit' });
    await assert.rejects(me.history({ channel: 'all' }), { code: 'invalid_message', field: 'payload.channel' });
    assert.equal(me.state, 'open');
    await me.group.send({ msg: 'still here' });
  });
});
