// The documents that a running server gives, as the official parsers of their formats read them.

import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { DiagnosticSeverity, fromURL, Parser } from '@asyncapi/parser';
import { validate } from '@readme/openapi-parser';
import { startServer } from '../node/aether.mjs';

let server;
before(async () => { server = await startServer(); });
after(() => server?.stop());

for (const path of ['/openapi/v1.json', '/openapi/aether.json']) {
  test(`${path} is an OpenAPI document`, async () => {
    const result = await validate(await read(path));
    assert.deepEqual(result.errors ?? [], []);
    assert.deepEqual(result.warnings, []);
    assert.equal(result.valid, true);
    assert.match(result.specification, /OpenAPI/);
  });
}

test('/asyncapi.json is an AsyncAPI document, with all that it refers to', async () => {
  const { document, diagnostics } = await fromURL(new Parser(), url('/asyncapi.json')).parse();
  assert.deepEqual(diagnostics.filter(isFault).map(describe), []);
  assert.ok(document.channels().length > 0);
  assert.ok(document.operations().length > 0);
});

// Controls: a parser that took anything would find nothing above either.
test('an OpenAPI document that is wrong is told', async () => {
  const document = await read('/openapi/v1.json');
  document.paths['/v3/messages'].post.responses['202'].content = [];
  assert.equal((await validate(document)).valid, false);
});

test('an AsyncAPI document that is wrong is told', async () => {
  const text = await (await fetch(url('/asyncapi.json'))).text();
  const wrong = JSON.parse(text);
  wrong.operations[Object.keys(wrong.operations)[0]].action = 'shout';
  const { diagnostics } = await new Parser().parse(JSON.stringify(wrong), { source: url('/asyncapi.json') });
  assert.ok(diagnostics.some(isFault));
});

// Hints are about taste, as that there is a newer version of the format.
function isFault({ severity }) {
  return severity === DiagnosticSeverity.Error || severity === DiagnosticSeverity.Warning;
}

function describe({ code, message, path }) {
  return `${code} at ${path.join('.')}: ${message}`;
}

function url(path) {
  return `http://${server.address}${path}`;
}

async function read(path) {
  return (await fetch(url(path))).json();
}
