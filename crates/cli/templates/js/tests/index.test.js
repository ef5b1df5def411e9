import assert from 'node:assert/strict';
import { test } from 'node:test';

import { run } from '../src/index.js';
import { Host } from '../vendor/tandem-sdk/testing/index.js';

const host = new Host({ config: { greeting: 'Hello' } });

test('a name is greeted', async () => {
  assert.equal(await host.text(run, ' World\n'), 'Hello, World!');
});

test('names that are none are refused', async () => {
  for (const input of ['', ' ', 'x'.repeat(101)]) {
    await assert.rejects(host.text(run, input), { kind: 'invalid-input' });
  }
});

test('the greeting has to be configured', async () => {
  await assert.rejects(new Host().text(run, 'World'), { message: 'config `greeting` is not set' });
});
