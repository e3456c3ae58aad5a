// What the tests need: the built server as a process, and a client that keeps what it receives.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const dll = process.env.AETHER_DLL
  ?? fileURLToPath(new URL('../../../src/Aether.Api/bin/Release/net10.0/Aether.Api.dll', import.meta.url));

// How long anything may take that should happen at once, on a machine that is busy.
const patience = 20_000;

function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not in time: ${what}`)), patience);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Starts a server in memory with these options below Aether:Realtime. */
export async function startServer(options = {}) {
  const settings = Object.entries(options)
    .map(([name, value]) => [`Aether__Realtime__${name.replaceAll(':', '__')}`, value]);
  const child = spawn('dotnet', [dll], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ASPNETCORE_URLS: 'http://127.0.0.1:0', ...Object.fromEntries(settings) },
  });
  const kill = () => child.kill('SIGKILL');
  process.on('exit', kill);
  let log = '';
  const address = await within(new Promise((resolve, reject) => {
    child.stdout.on('data', (part) => {
      log += part;
      const found = /listens on http:\/\/(127\.0\.0\.1:\d+)/.exec(log);
      if (found) resolve(found[1]);
    });
    child.on('exit', () => reject(new Error(`the server ended at start:\n${log}`)));
    child.on('error', reject);
  }), 'the server starts');
  return {
    address,
    get log() {
      return log;
    },
    async stop() {
      process.off('exit', kill);
      kill();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}

/** A client on the WebSocket that browsers have too. */
export class Client {
  #waiting = [];
  #received = [];

  constructor(server, group, id, protocols = [], query = '') {
    this.id = id;
    this.socket = new WebSocket(`ws://${server.address}/v3/ws/group/${group}/client/${id}${query}`, protocols);
    this.opened = new Promise((resolve, reject) => {
      this.socket.addEventListener('open', () => resolve(this));
      this.socket.addEventListener('error', () => reject(new Error('the connection failed')));
    });
    this.closed = new Promise((resolve) => {
      this.socket.addEventListener('close', ({ code, reason }) => resolve({ code, reason }));
    });
    // Whoever waits for one of them says so; the other may end as it likes.
    this.opened.catch(() => {});
    this.socket.addEventListener('message', ({ data }) => {
      const waiting = this.#waiting.shift();
      if (waiting) waiting(JSON.parse(data));
      else this.#received.push(JSON.parse(data));
    });
  }

  static connect(...how) {
    const client = new Client(...how);
    return within(client.opened, 'open');
  }

  send(target, fields = {}) {
    this.socket.send(JSON.stringify({
      version: '3',
      msg_type: 'msg',
      target,
      from_id: this.id,
      payload: {},
      sent_at: new Date().toISOString(),
      ...fields,
    }));
  }

  receive() {
    if (this.#received.length > 0) return Promise.resolve(this.#received.shift());
    return within(new Promise((resolve) => this.#waiting.push(resolve)), `a message to ${this.id}`);
  }

  ended() {
    return within(this.closed, 'close');
  }

  close() {
    this.socket.close();
    return this.ended();
  }
}
