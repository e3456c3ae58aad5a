// Commands that report back and leases, from the JavaScript client to the JavaScript client, over the real server.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { connect, RejectError } from '../../../clients/js/aether.js';
import { Client, startServer } from './aether.mjs';

const retry = { min: 20, max: 100 };

async function until(what, condition) {
  for (const end = Date.now() + 60_000; !condition(); await sleep(10)) {
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
  }
}

/** What is still to come of something, and an error where it does not. */
function within(what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not in time: ${what}`)), 60_000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Rejects when a signal says so. */
const stopped = (signal) => new Promise((_, reject) => {
  if (signal.aborted) reject(signal.reason);
  signal.addEventListener('abort', () => reject(signal.reason));
});

/** A group of each test's own. */
const groupOf = ({ name }) => name.replace(/\W/g, '-').slice(0, 64);

/** A wire to the server that a test can cut, at both ends or so that the server does not notice. */
async function startWire(t, server) {
  const port = Number(server.address.split(':')[1]);
  const pairs = new Set();
  const proxy = net.createServer((near) => {
    const pair = { near, far: net.connect(port, '127.0.0.1') };
    const cut = () => {
      if (pair.isHeld) return;
      near.destroy();
      pair.far.destroy();
    };
    pairs.add(pair);
    for (const socket of [near, pair.far]) socket.on('error', cut).on('close', cut);
    near.on('data', (bytes) => pair.far.write(bytes));
    pair.far.on('data', (bytes) => near.destroyed || near.write(bytes));
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const wire = {
    url: `http://127.0.0.1:${proxy.address().port}`,
    cut: () => pairs.forEach(({ near }) => near.destroy()),
    /** The client's end is gone, and the server's stays. */
    hold() {
      for (const pair of pairs) pair.isHeld = true;
      wire.cut();
    },
  };
  t.after(() => {
    pairs.forEach(({ near, far }) => [near, far].forEach((socket) => socket.destroy()));
    proxy.close();
  });
  return wire;
}

describe('commands', () => {
  let server;
  before(async () => {
    server = await startServer();
  });
  after(() => server.stop());

  const open = (t, client, options) => {
    const me = connect({ url: `http://${server.address}`, group: groupOf(t), client, retry, ...options });
    t.after(() => me.close('the test is over', { timeout: 0 }));
    return me.opened({ timeout: 20_000 });
  };
  const workers = (t, ...names) => Promise.all(names.map((name) => open(t, name, { role: 'worker' })));
  const endsOf = ({ members }) => Object.fromEntries([...members].map(([name, { status }]) => [name, status]).sort());

  test('a command is begun, says how far it is, and is done', async (t) => {
    const [boss, [a, b, c]] = [await open(t, 'boss'), await workers(t, 'a', 'b', 'c')];
    let seen = () => {};
    const half = new Promise((resolve) => { seen = resolve; });
    a.handle('measure', async ({ n }, { progress, execution, from_id, signal }) => {
      progress({ percent: 50 });
      await half;
      return { n: n + 1, attempt: execution.attempt, from_id, stopped: signal.aborted };
    });
    b.handle('measure', () => {
      throw Object.assign(new Error('no paper'), { code: 'jam' });
    });
    c.handle('measure', () => {
      throw new RejectError('on holiday', 'holiday');
    });
    const run = await boss.command('measure', { n: 4 }, { role: 'worker', minSucceeded: 1 });
    assert.equal(run.targets, 3);
    const progress = [];
    for await (const { changes } of run) {
      for (const one of changes) {
        if (!one.progress || one.status !== 'in_progress') continue;
        progress.push([one.client_id, one.progress]);
        seen();
      }
    }
    assert.equal(await within('the end', run.done), run);
    assert.deepEqual(progress, [['a', { percent: 50 }]]);
    assert.deepEqual([run.status, run.counts.succeeded, run.counts.failed, run.counts.rejected], ['succeeded', 1, 1, 1]);
    assert.deepEqual(run.members.get('a').result, { n: 5, attempt: 1, from_id: 'boss', stopped: false });
    assert.deepEqual(run.members.get('b').error, { code: 'jam', message: 'no paper' });
    assert.deepEqual(run.members.get('c').error, { code: 'holiday', message: 'on holiday' });
    const { commands, total } = await boss.commands();
    assert.deepEqual([total, commands[0].command_id, commands[0].status], [1, run.id, 'succeeded']);
    const again = await within('the same from another', c.watch(run.id));
    assert.deepEqual([(await again.done).status, endsOf(again)], ['succeeded', endsOf(run)]);
  });

  test('nobody fits, and nobody handles it', async (t) => {
    const boss = await open(t, 'boss');
    await assert.rejects(boss.command('measure', {}, { role: 'worker' }), { code: 'no_recipients' });
    await workers(t, 'a');
    const run = await boss.command('measure', {}, { role: 'worker' });
    await within('the end', run.done);
    assert.deepEqual([run.status, run.members.get('a').status, run.members.get('a').error.code], ['failed', 'rejected', 'not_handled']);
  });

  test('a canary waits, and goes on to all', async (t) => {
    const [boss, all] = [await open(t, 'boss'), await workers(t, 'a', 'b', 'c', 'd')];
    const ran = [];
    for (const one of all) one.handle('update', () => { ran.push(one.client); });
    const run = await boss.command('update', {}, { role: 'worker', batches: [1, 0.5, 1], pause: true });
    const pauses = [];
    for await (const { status, reason, batch } of run) {
      if (status !== 'paused' || pauses.at(-1)?.[1] === batch) continue;
      pauses.push([reason, batch, ran.length]);
      await run.resume();
    }
    assert.deepEqual(pauses, [['batch_ended', 1, 1], ['batch_ended', 2, 2]]);
    assert.deepEqual([run.status, run.counts.succeeded, ran.length], ['succeeded', 4, 4]);
  });

  test('a command that is canceled stops who is at it, and can be tried again', async (t) => {
    const [boss, [a, b]] = [await open(t, 'boss'), await workers(t, 'a', 'b')];
    let tries = 0;
    let why;
    a.handle('drill', () => ({ deep: true }));
    b.handle('drill', (_, { signal, progress }) => {
      if (++tries > 1) return { deep: true };
      progress({ at: 'work' });
      signal.addEventListener('abort', () => { why = signal.reason.code; });
      return stopped(signal);
    });
    const run = await boss.command('drill', {}, { role: 'worker' });
    await until('one is done, the other at it', () => run.members.get('a')?.status === 'succeeded' && run.members.get('b')?.progress);
    await run.cancel();
    await within('the end', run.done);
    assert.deepEqual([run.status, run.reason, why, endsOf(run)], ['canceled', 'requested', 'canceled', { a: 'succeeded', b: 'canceled' }]);
    const next = await run.retry();
    await within('the end', next.done);
    assert.deepEqual([next.status, next.targets, endsOf(next), tries], ['succeeded', 1, { b: 'succeeded' }, 2]);
  });

  test('a worker that fails is asked again', async (t) => {
    const [boss, [a]] = [await open(t, 'boss'), await workers(t, 'a')];
    const attempts = [];
    a.handle('flaky', (_, { execution }) => {
      attempts.push(execution.attempt);
      if (execution.attempt < 3) throw new Error('not yet');
    });
    const run = await boss.command('flaky', {}, { role: 'worker', attempts: 3 });
    await within('the end', run.done);
    assert.deepEqual([run.status, attempts, run.members.get('a').attempt], ['succeeded', [1, 2, 3], 3]);
  });

  test('worker and giver lose their connections in the middle, and nothing runs twice', async (t) => {
    const wire = await startWire(t, server);
    const [boss, [a]] = [await open(t, 'boss', { url: wire.url }), [await open(t, 'a', { url: wire.url, role: 'worker' })]];
    let finish;
    let runs = 0;
    a.handle('drill', (_, { signal }) => {
      runs++;
      return Promise.race([new Promise((resolve) => { finish = resolve; }), stopped(signal)]);
    });
    const run = await boss.command('drill', {}, { role: 'worker' });
    await until('the work', () => finish);
    wire.cut();
    await until('the break', () => a.state === 'reconnecting' && boss.state === 'reconnecting');
    finish({ depth: 7 });
    await within('the end', run.done);
    assert.deepEqual([run.status, run.members.get('a').result, runs], ['succeeded', { depth: 7 }, 1]);
  });

  test('a worker whose old connection the server takes for alive tells its end as soon as that is gone', async (t) => {
    const impatient = await startServer({ 'KeepAlive:Interval': '2', 'KeepAlive:Timeout': '2' });
    t.after(() => impatient.stop());
    const wire = await startWire(t, impatient);
    const at = { url: `http://${impatient.address}` };
    const [boss, a] = [await open(t, 'boss', at), await open(t, 'a', { url: wire.url, role: 'worker' })];
    let finish;
    let runs = 0;
    let stops = false;
    a.handle('drill', (_, { signal }) => {
      runs++;
      signal.addEventListener('abort', () => { stops = true; });
      return new Promise((resolve) => { finish = resolve; });
    });
    const run = await boss.command('drill', {}, { role: 'worker' });
    await until('the work', () => finish);
    wire.hold();
    await until('the break', () => a.state === 'reconnecting');
    await a.opened({ timeout: 20_000 });
    finish({ depth: 7 });
    await within('the end', run.done);
    assert.deepEqual([run.status, run.members.get('a').result, runs, stops], ['succeeded', { depth: 7 }, 1, false]);
  });

  test('a worker that was away gets the command when it comes', async (t) => {
    const [boss, a] = [await open(t, 'boss'), await open(t, 'a', { role: 'worker' })];
    a.handle('drill', () => ({ late: true }));
    await a.disconnect();
    const run = await boss.command('drill', {}, { to: ['a'], deliveryTimeout: 50_000 });
    await until('it is sent', () => run.counts.sent === 1);
    await a.connect();
    await within('the end', run.done);
    assert.deepEqual([run.status, run.members.get('a').result], ['succeeded', { late: true }]);
  });

  test('a plain member answers by hand', async (t) => {
    const boss = await open(t, 'boss');
    const plain = await Client.connect(server, groupOf(t), 'plain');
    const run = await boss.command('measure', { n: 1 }, { to: ['plain'] });
    const { id, from_id, cmd, payload } = await plain.receive();
    assert.deepEqual([from_id, cmd, payload], ['boss', 'measure', { n: 1 }]);
    plain.send('direct', { msg_type: 'cmd', to_id: from_id, cmd: 'reply', reply_to: id, payload: { n: 2 } });
    await within('the end', run.done);
    assert.deepEqual([run.status, run.members.get('plain').result], ['succeeded', { n: 2 }]);
    await plain.close();
  });

  test('a lease moves on when its holder is gone, and its command is refused', async (t) => {
    const [first, second, [a]] = [await open(t, 'first'), await open(t, 'second'), await workers(t, 'a')];
    const terms = [];
    a.handle('move', (_, { lease }) => { terms.push(lease); });
    const lease = await first.lease('press', { ttl: 3_000 });
    await assert.rejects(second.lease('press'), { code: 'lease_held', holder: 'first' });
    await (await first.command('move', {}, { role: 'worker', lease })).done;
    const waiting = second.lease('press', { ttl: 3_000, wait: true });
    // Longer than it lasts without being renewed.
    const ends = new Set();
    await until('it is renewed', () => ends.add(lease.expiresAt).size > 4);
    assert.equal(lease.lost.aborted, false);
    await first.disconnect();
    assert.equal(lease.lost.aborted, true);
    const next = await within('the lease', waiting);
    assert.equal(next.term, lease.term + 1);
    await first.connect();
    await assert.rejects(first.command('move', {}, { role: 'worker', lease }), { code: 'stale_term' });
    await assert.rejects(first.group.send({ cmd: 'move' }, { lease }), { code: 'stale_term' });
    await (await second.command('move', {}, { role: 'worker', lease: next })).done;
    assert.deepEqual(terms, [{ name: 'press', term: lease.term }, { name: 'press', term: next.term }]);
    const heard = [];
    first.on('lease', (news) => heard.push(news));
    await next.release();
    await until('it is free', () => heard.length);
    assert.deepEqual([heard[0].name, heard[0].holder, next.lost.aborted], ['press', null, false]);
    assert.equal((await first.lease('press')).term, next.term + 1);
  });
});
