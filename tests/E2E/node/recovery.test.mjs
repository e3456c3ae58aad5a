// The JavaScript client over connections that break, against the real server: nothing that is kept is missed or heard twice.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { connect } from '../../../clients/js/aether.js';
import { startServer } from './aether.mjs';

const retry = { min: 20, max: 100 };
const numbers = (count) => Array.from({ length: count }, (_, index) => index);

async function until(what, condition) {
  for (const end = Date.now() + 60_000; !condition(); await sleep(10)) {
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
  }
}

/** A group of each test's own. */
const groupOf = ({ name }) => name.replace(/\W/g, '-').slice(0, 64);

/** What is between a client and the server: it can break, stay broken, and swallow what the server says. */
async function startWire(t, server) {
  const port = Number(server.address.split(':')[1]);
  const pairs = new Set();
  const wire = { broken: false, deaf: false };
  const proxy = net.createServer((near) => {
    if (wire.broken) return near.destroy();
    const far = net.connect(port, '127.0.0.1');
    const cut = () => {
      near.destroy();
      far.destroy();
      pairs.delete(cut);
    };
    pairs.add(cut);
    for (const socket of [near, far]) socket.on('error', cut).on('close', cut);
    near.on('data', (bytes) => far.write(bytes));
    far.on('data', (bytes) => wire.deaf || near.write(bytes));
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  wire.url = `http://127.0.0.1:${proxy.address().port}`;
  wire.cut = () => [...pairs].forEach((cut) => cut());
  /** What the server says until then is lost with the connection. */
  wire.swallow = async (until) => {
    wire.deaf = true;
    await until();
    wire.cut();
    wire.deaf = false;
  };
  t.after(() => {
    wire.cut();
    proxy.close();
  });
  return wire;
}

function open(t, url, client, options) {
  const me = connect({ url, group: groupOf(t), client, retry, ...options });
  me.commands = [];
  me.returns = [];
  me.on('cmd', (message) => me.commands.push(message));
  me.on('recovered', (found) => me.returns.push(found));
  t.after(() => me.close('the test is over', { timeout: 0 }));
  return me.opened({ timeout: 20_000 });
}

describe('over a wire that breaks', () => {
  let server;
  before(async () => {
    server = await startServer();
  });
  after(() => server.stop());

  test('a client that received nothing yet gets what it missed, and the sender knows nothing of it', async (t) => {
    const wire = await startWire(t, server);
    const [boss, worker] = [await open(t, `http://${server.address}`, 'boss'), await open(t, wire.url, 'worker')];
    wire.broken = true;
    wire.cut();
    await until('the break', () => worker.state === 'reconnecting');
    const { status, pos } = await boss.group.send({ cmd: 'start' });
    await boss.broadcast({ cmd: 'all' });
    wire.broken = false;
    await until('the return', () => worker.returns.length);
    await boss.group.send({ cmd: 'live' });
    await until('what is live', () => worker.commands.length === 3);
    assert.deepEqual(worker.commands.map(({ cmd, recovered }) => [cmd, recovered]), [['start', true], ['all', true], ['live', undefined]]);
    assert.deepEqual(worker.returns, [{
      group: { status: 'recovered', count: 1 }, client: { status: 'recovered', count: 0 }, broadcast: { status: 'recovered', count: 1 },
    }]);
    assert.deepEqual([status, pos], ['published', worker.commands[0].pos]);
  });

  test('a receiver hears each of many once and in order', async (t) => {
    const wire = await startWire(t, server);
    const [boss, worker] = [await open(t, `http://${server.address}`, 'boss'), await open(t, wire.url, 'worker')];
    for (const n of numbers(1_000)) {
      if (n % 100 === 50) wire.cut();
      await boss.group.send({ cmd: 'count', payload: { n } });
    }
    await until('the last', () => worker.commands.at(-1)?.payload.n === 999);
    assert.deepEqual(worker.commands.map(({ payload }) => payload.n), numbers(1_000));
    assert.ok(worker.returns.length > 0);
  });

  test('what a sender was not told of is sent again, and heard once', async (t) => {
    const wire = await startWire(t, server);
    const [boss, worker] = [await open(t, `http://${server.address}`, 'boss'), await open(t, wire.url, 'worker')];
    const acks = [];
    for (const n of numbers(200)) {
      const breaks = n % 50 === 25;
      if (breaks) await until('it is back', () => worker.returns.length === (n - 25) / 50);
      acks.push(worker.group.send({ cmd: 'count', payload: { n } }));
      if (breaks) await wire.swallow(() => until('it is published', () => boss.commands.at(-1)?.payload.n === n));
    }
    const found = (await Promise.all(acks)).map(({ status }) => status);
    assert.deepEqual(new Set(found), new Set(['published', 'duplicate']));
    for (const one of [boss, worker]) {
      await until('the last', () => one.commands.at(-1)?.payload.n === 199);
      assert.deepEqual(one.commands.map(({ payload }) => payload.n), numbers(200));
    }
  });

  test('a request whose ack was lost is answered', async (t) => {
    const wire = await startWire(t, server);
    const [boss, worker] = [await open(t, `http://${server.address}`, 'boss'), await open(t, wire.url, 'worker')];
    let carriedOut = 0;
    boss.handle('next', ({ n }) => ({ n: n + ++carriedOut }));
    const answer = worker.request('boss', 'next', { n: 1 }, { timeout: 30_000 });
    await wire.swallow(async () => {
      await until('it is carried out', () => carriedOut);
      // Behind the answer, so that one is with the server.
      await boss.group.send({ cmd: 'behind' });
    });
    assert.deepEqual((await answer).payload, { n: 2 });
    assert.equal(carriedOut, 1);
  });

  test('what is not kept is rejected', async (t) => {
    const wire = await startWire(t, server);
    const worker = await open(t, wire.url, 'worker');
    const lost = assert.rejects(worker.group.send({ msg: 'hello' }), { code: 'connection_lost', retryable: true });
    await wire.swallow(() => sleep(50));
    await lost;
  });

  test('a client that begins with the last ones gets them', async (t) => {
    const boss = await open(t, `http://${server.address}`, 'boss');
    for (const n of numbers(5)) await boss.group.send({ cmd: 'count', payload: { n } });
    const late = await open(t, `http://${server.address}`, 'late', { rewind: 3 });
    await until('the end', () => late.returns.length);
    assert.deepEqual(late.commands.map(({ payload, recovered }) => [payload.n, recovered]), [[2, true], [3, true], [4, true]]);
  });
});
