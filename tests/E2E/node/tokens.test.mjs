// What docs/tokens.md shows, against a real server with the settings of that page: the token that Node makes, the page's
// code with it, and what goes wrong.
//
//   node --test tests/E2E/node/tokens.test.mjs           (Node 20: with --experimental-websocket)

import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';

import { connect } from '../../../clients/js/aether.js';
import { startServer } from './aether.mjs';

const AsyncFunction = (async () => {}).constructor;

const page = readFileSync(new URL('../../../docs/tokens.md', import.meta.url), 'utf8');

const block = (kind) => {
  const [, code] = new RegExp('```' + kind + '\\n([\\s\\S]*?)```').exec(page);
  return code.replace(/^import .*$/gm, '');
};

/** The settings of the page, as it has them for the environment. */
const settings = () => Object.fromEntries([...block('sh').matchAll(/^export Aether__Realtime__(\S+?)=(.*)$/gm)]
  .map(([, name, value]) => [name, value]));

const run = (code, names, result = '') => new AsyncFunction(...Object.keys(names), `${code}\n${result}`)(...Object.values(names));

describe('what docs/tokens.md shows', () => {
  const options = settings();
  const secret = options.Tokens__Keys__0__Secret;
  const key = 'a-key-of-operators-0123456789';
  let server;
  let makeToken;
  before(async () => {
    server = await startServer({
      ...options, 'ApiKeys:0:Name': 'operators', 'ApiKeys:0:Key': key, 'ApiKeys:0:Permissions:0': 'admin',
    });
    makeToken = await run(block('js make'), { createHmac, randomUUID }, 'return makeToken;');
  });
  after(() => server.stop());

  const token = () => makeToken('ctl-17', ['press-7'], secret);
  const answerOf = async (path, headers) => {
    const answer = await fetch(`http://${server.address}${path}`, { headers });
    return [answer.status, (await answer.json()).detail];
  };

  test('the settings are also those of the settings file', () => {
    const { Issuer, Audience, Keys: [only] } = JSON.parse(block('json')).Aether.Realtime.Tokens;
    assert.deepEqual(options, {
      Tokens__Issuer: Issuer,
      Tokens__Audience: Audience,
      ...Object.fromEntries(Object.entries(only).map(([name, value]) => [`Tokens__Keys__0__${name}`, value])),
    });
  });

  test('the page connects with a token, and stops when it was taken back', async () => {
    let given = token();
    const asked = [];
    const backend = async (path) => {
      asked.push(path);
      return { ok: true, text: async () => given };
    };
    const code = block('js connect').replaceAll('https://rt.example', `http://${server.address}`);
    const logged = [];
    const me = await run(code, { connect, fetch: backend, console: { log: (value) => logged.push(value) } }, 'return me;');
    assert.deepEqual(asked, ['/my/token']);
    assert.deepEqual(me.welcome.permissions, []);
    assert.ok(Date.parse(logged[0]) > Date.now());

    const [, jti] = /"jti":"([^"]+)"/.exec(Buffer.from(given.split('.')[1], 'base64url').toString());
    const closed = new Promise((resolve) => {
      me.on('state', ({ state, code: why }) => state === 'closed' && resolve(why));
    });
    const answer = await fetch(`http://${server.address}/v3/revocations`, {
      method: 'POST',
      headers: { 'X-Aether-API-Key': key, 'Content-Type': 'application/json' },
      body: JSON.stringify({ jti }),
    });
    assert.equal(answer.status, 202);
    assert.equal(await closed, 'unauthorized');
    assert.ok(asked.length > 1, 'another one was asked for');
  });

  test('what goes wrong is answered as the table says', async () => {
    const path = '/v3/ws/group/press-7/client/ctl-17';
    const rows = page.slice(page.indexOf('## What goes wrong'));
    const expect = async ([status, detail], where, headers) => {
      assert.deepEqual(await answerOf(where, headers), [status, detail]);
      assert.ok(rows.includes(`| ${status}, \`${detail}\` |`), `the table has ${detail}`);
    };
    const bearer = (text) => ({ Authorization: `Bearer ${text}` });

    const invalid = [401, 'a valid API key or token is needed, exactly once'];
    await expect(invalid, path, bearer(makeToken('ctl-17', ['press-7'], Buffer.from(secret, 'base64'))));
    await expect(invalid, path, bearer(makeToken('ctl-17', ['press 7'], secret)));
    await expect(invalid, path, bearer(makeToken('auth0|5f7c', ['press-7'], secret)));
    await expect(invalid, path, { ...bearer(token()), 'X-Aether-API-Key': key });
    await expect(invalid, path, { Authorization: token() });
    await expect([403, 'this token is another client\'s'], '/v3/ws/group/press-7/client/ctl-18', bearer(token()));
    await expect([403, 'this credential is not good for this group'], '/v3/ws/group/press-8/client/ctl-17', bearer(token()));
    assert.equal((await answerOf(path, bearer(token())))[0], 426);
  });
});
