import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { formatLedger } from '../../lib/repository/ledger.ts';
import { openRepository } from '../../lib/repository/repository.ts';
import { makeTemp, removeTemp } from '../helpers/run.ts';

let dir: string;
beforeEach(async () => {
  dir = await makeTemp('repository');
});
afterEach(() => removeTemp(dir));

it.each([
  ['1.0-1', true],
  ['0:1.0-1', true],
  ['01.0-1', true],
  ['1.0-2', false],
])('once 1.0-1 was published, %s is spent: %s', async (version, spent) => {
  const line = { kind: 'source', serial: 1, suite: 's', source: 'pebble', version: '1.0-1', dsc: '' } as const;
  await writeFile(join(dir, 'ledger'), formatLedger([line]));
  expect((await openRepository({ dir, suites: ['s'] })).isSpent('pebble', version)).toBe(spent);
});
