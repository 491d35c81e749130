import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { appendRedo, formatLedger, type LedgerLine, REDO, readLedger } from '../../lib/repository/ledger.ts';

let dir: string;
let serial: string;
const file = (name: string, path: string): LedgerLine => ({ kind: 'file', serial: 1, name, path, size: 1, sha256: 'ab' });
const lines: LedgerLine[] = [
  { kind: 'source', serial: 1, suite: 's', source: 'src', version: '1', dsc: 'cd' },
  file('src_1.dsc', 'pool/main/src_1.dsc'),
  { kind: 'job', serial: 1, receipt: { id: 'job.1', job: 'job', outcome: 'published', serial: 1, time: 't' } },
];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ledger-'));
  serial = join(dir, 'serials/1');
  await mkdir(serial, { recursive: true });
  await writeFile(join(serial, REDO), formatLedger(lines));
});
afterEach(() => rm(dir, { recursive: true }));

it('what a crash kept from the ledger is read from the serial', async () => {
  const ledger = await readLedger(dir, serial);
  expect(ledger.versions.get('src')).toEqual(new Set(['1']));
  expect(ledger.files.get('src_1.dsc')).toEqual({ size: 1, sha256: 'ab', paths: ['pool/main/src_1.dsc'] });
  expect(ledger.jobs.get('job')?.id).toBe('job.1');
});

it('appending twice leaves each line once', async () => {
  await appendRedo(dir, serial);
  expect(await appendRedo(dir, serial)).toEqual(lines);
  expect(await readFile(join(dir, 'ledger'), 'utf8')).toBe(formatLedger(lines));
});

it('after a torn line the missing ones follow, whole', async () => {
  await appendFile(join(dir, 'ledger'), formatLedger(lines).slice(0, -20));
  await appendRedo(dir, serial);
  const again = await readFile(join(dir, 'ledger'), 'utf8');
  expect(again.endsWith(`\n${formatLedger(lines.slice(2))}`)).toBe(true);
  expect((await readLedger(dir, undefined)).jobs.size).toBe(1);
});

it('one file in the pool of two components has both paths', async () => {
  await writeFile(join(dir, 'ledger'), formatLedger([file('src_1.dsc', 'pool/contrib/src_1.dsc')]));
  expect((await readLedger(dir, serial)).files.get('src_1.dsc')?.paths).toEqual(['pool/contrib/src_1.dsc', 'pool/main/src_1.dsc']);
});
