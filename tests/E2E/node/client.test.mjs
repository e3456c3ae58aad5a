// A client in JavaScript, on Node's own WebSocket: the same interface, and the same limits, as in a browser.
//
//   node --test tests/E2E/node/client.test.mjs        (Node 20: with --experimental-websocket)

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Client, startServer } from './aether.mjs';

const fields = ['version', 'msg_type', 'target', 'from_id', 'to_id', 'group_id', 'cmd', 'msg', 'payload', 'sent_at'];

describe('without a credential', () => {
  let server;
  before(async () => {
    server = await startServer();
  });
  after(() => server.stop());

  test('a group message reaches the group in the shape of the protocol', async () => {
    const a = await Client.connect(server, 'g1', 'a');
    const b = await Client.connect(server, 'g1', 'b');
    assert.equal(a.socket.protocol, '');

    a.send('group', { msg_type: 'cmd', cmd: 'start', msg: 'grüße 😀', payload: { deep: [1, { x: null }] } });

    for (const client of [a, b]) {
      const got = await client.receive();
      assert.deepEqual(Object.keys(got), [...fields, 'pos']);
      assert.match(got.pos, /^[A-Za-z0-9]{1,16}:1$/);
      assert.equal(got.from_id, 'a');
      assert.equal(got.group_id, 'g1');
      assert.equal(got.cmd, 'start');
      assert.equal(got.msg, 'grüße 😀');
      assert.deepEqual(got.payload, { deep: [1, { x: null }] });
    }
    await a.close();
    await b.close();
  });

  test('a direct message reaches its receiver alone, and its sender hears that it was sent', async () => {
    const a = await Client.connect(server, 'g2', 'a');
    const b = await Client.connect(server, 'g2', 'b');
    const c = await Client.connect(server, 'g2', 'c');

    a.send('direct', { to_id: 'b', msg: 'to you', id: 'm1' });
    assert.equal((await b.receive()).msg, 'to you');
    const ack = await a.receive();
    assert.equal(ack.cmd, 'ack');
    assert.equal(ack.reply_to, 'm1');
    assert.deepEqual(ack.payload, { status: 'published', instances: 1 });

    a.send('group', { msg: 'to all' });
    assert.equal((await c.receive()).msg, 'to all');
    await Promise.all([a.close(), b.close(), c.close()]);
  });

  test('a broadcast reaches other groups, an echo comes back', async () => {
    const a = await Client.connect(server, 'g3', 'a', [], '?echo=off');
    const b = await Client.connect(server, 'g4', 'b');

    a.send('broadcast', { msg: 'everyone' });
    assert.equal((await b.receive()).msg, 'everyone');
    a.send('echo', { msg: 'myself' });
    assert.equal((await a.receive()).msg, 'myself');
    await Promise.all([a.close(), b.close()]);
  });

  test('an invalid message closes with 4000 and the field at fault', async () => {
    for (const [wrong, field] of [
      [{ payload: [] }, 'payload'],
      [{ from_id: 'somebody-else' }, 'from_id'],
      [{ sent_at: 'yesterday' }, 'sent_at'],
    ]) {
      const a = await Client.connect(server, 'g5', 'a');
      a.send('group', wrong);
      const { code, reason } = await a.ended();
      assert.equal(code, 4000);
      assert.match(reason, new RegExp(`^${field}: `));
    }
  });

  test('binary closes with 1003', async () => {
    const a = await Client.connect(server, 'g6', 'a');
    a.socket.send(new Uint8Array([1, 2, 3]));
    assert.equal((await a.ended()).code, 1003);
  });

  test('a normal close is answered', async () => {
    const a = await Client.connect(server, 'g7', 'a');
    a.socket.close(1000, 'bye');
    assert.equal((await a.ended()).code, 1000);
  });

  test('the full profile is welcomed and hears who comes and goes', async () => {
    const a = await Client.connect(server, 'g8', 'a', ['aether.v3']);
    assert.equal(a.socket.protocol, 'aether.v3');
    const welcome = await a.receive();
    assert.equal(welcome.cmd, 'welcome');
    assert.equal(welcome.from_id, 'aether');
    assert.equal(welcome.payload.max_message_bytes, 65_536);

    const b = await Client.connect(server, 'g8', 'b', ['aether.v3'], '?role=worker');
    const joined = await next(a, 'join', 'b');
    assert.equal(joined.payload.role, 'worker');
    await b.close();
    await next(a, 'leave', 'b');
    await a.close();
  });

  test('why an upgrade is refused can be learnt by a fetch of the same address', async () => {
    await assert.rejects(Client.connect(server, 'g', 'a*'));
    const answer = await fetch(`http://${server.address}/v3/ws/group/g/client/a*`);
    assert.equal(answer.status, 400);
    assert.match(answer.headers.get('content-type'), /problem\+json/);
    assert.equal((await fetch(`http://${server.address}/v3/ws/group/g/client/a`)).status, 426);
  });
});

describe('with a credential', () => {
  const key = 'a-key-that-nobody-guesses/+?';
  const entry = `aether.auth.${Buffer.from(key).toString('base64url')}`;
  let server;
  before(async () => {
    server = await startServer({ 'ApiKeys:0:Name': 'web', 'ApiKeys:0:Key': key });
  });
  after(() => server.stop());

  test('the key goes in as a subprotocol and never comes back', async () => {
    for (const protocols of [['aether.v3', entry], [entry, 'aether.v3']]) {
      const a = await Client.connect(server, 'g1', 'a', protocols);
      assert.equal(a.socket.protocol, 'aether.v3');
      assert.equal((await a.receive()).cmd, 'welcome');
      await a.close();
    }
    assert.ok(!server.log.includes(key) && !server.log.includes(entry));
  });

  test('no key and a wrong key are refused', async () => {
    const wrong = `aether.auth.${Buffer.from(`${key}x`).toString('base64url')}`;
    for (const protocols of [[], ['aether.v3'], ['aether.v3', wrong], ['aether.v3', entry, wrong]]) {
      await assert.rejects(Client.connect(server, 'g1', 'a', protocols));
    }
    assert.equal((await fetch(`http://${server.address}/v3/ws/group/g1/client/a`)).status, 401);
  });

  test('without the permission a broadcast is forbidden, and the socket stays', async () => {
    const a = await Client.connect(server, 'g2', 'a', ['aether.v3', entry]);
    a.send('broadcast', { id: 'm1' });
    const error = await next(a, 'error', 'aether');
    assert.equal(error.reply_to, 'm1');
    assert.equal(error.payload.code, 'forbidden');
    a.send('echo', { msg: 'still here' });
    assert.equal((await a.receive()).msg, 'still here');
    await a.close();
  });
});

/** The next message with this command from this client; what comes before it is another test's business. */
async function next(client, cmd, from) {
  for (;;) {
    const got = await client.receive();
    if (got.cmd === cmd && got.from_id === from) return got;
  }
}
