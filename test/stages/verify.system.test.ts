import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readJob } from '../../lib/spool/job.ts';
import { type Key, makeKey } from '../helpers/key.ts';
import { expectLegalStates } from '../helpers/tree.ts';
import { type Desk, type DeskOptions, makeDesk, SETTLE_MS } from '../uploads/desk.ts';

let key: Key;
let other: Key;
let desk: Desk;

beforeAll(async () => {
  [key, other] = await Promise.all([makeKey(), makeKey('Otto Other <otto@example.org>')]);
});
afterAll(async () => {
  await Promise.all([key.remove(), other.remove()]);
});
async function open(options: DeskOptions = {}): Promise<Desk> {
  desk = await makeDesk({ keys: [key, other], ...options });
  return desk;
}
afterEach(async () => {
  await expectLegalStates(desk.spool.root);
  expect(await desk.ids('corrupt')).toEqual([]);
  await desk.remove();
});

describe('an upload that is whole and right', () => {
  it('becomes one queued job per architecture, whose inputs are the source', async () => {
    const { upload, verify, ids, left, spool, notices } = await open();
    await upload({ key, architecture: 'any all', binaries: { pebble: 'any', 'pebble-doc': 'all' } });
    expect(await verify()).toEqual({ moved: 1, kept: 0, broken: 0 });
    expect(await ids('queued')).toEqual(['pebble_1.0-1_amd64', 'pebble_1.0-1_arm64']);
    expect(await ids('uploads')).toEqual(['pebble_1.0-1_source']);
    expect(await left()).toEqual([]);
    const [first = '', second = ''] = await spool.list('queued');
    const { file, journal, dir } = await readJob(spool.root, { state: 'queued' }, first);
    expect(file).toMatchObject({
      product: 'fremantle',
      source: 'pebble',
      version: '1.0-1',
      buildsAll: true,
      siblings: [second],
      suite: 'stable',
      steps: ['build'],
    });
    expect(file).toMatchObject({ binaries: ['pebble', 'pebble-doc'], mail: ['uma@example.org'], dsc: 'pebble_1.0-1.dsc' });
    expect(await readdir(join(dir, 'in'))).toEqual(['pebble_1.0-1.debian.tar.xz', 'pebble_1.0-1.dsc', 'pebble_1.0.orig.tar.gz']);
    expect(journal.map(({ event, to }) => [event, to])).toEqual([['moved', 'queued']]);
    expect(await notices()).toMatchObject([
      { kind: 'queued', product: 'fremantle', source: 'pebble', to: ['uma@example.org'], architecture: 'source' },
    ]);
    expect(await readdir(join(spool.root, 'tmp'))).toEqual([]);
  });

  it('is taken at once, whatever else is still arriving', async () => {
    const { upload, verify, ids, incoming } = await open();
    await upload({ key });
    await upload({ key, source: 'marble', omit: ['marble_1.0.orig.tar.gz'] });
    expect(await verify()).toEqual({ moved: 1, kept: 1, broken: 0 });
    expect(await ids('queued')).toEqual(['pebble_1.0-1_amd64', 'pebble_1.0-1_arm64']);
    expect(await readdir(incoming)).toEqual(['marble_1.0-1.debian.tar.xz', 'marble_1.0-1.dsc', 'marble_1.0-1_source.changes']);
  });

  it('without a key in the keyring is rejected after settle, with its files and a mail to nobody it names', async () => {
    const stranger = await makeKey('Stranger <stranger@example.org>');
    try {
      const { upload, verify, pass, reason, left, entry, notices } = await open();
      const names = await upload({ key: stranger });
      expect(await verify()).toEqual({ moved: 0, kept: 1, broken: 0 });
      pass(SETTLE_MS);
      expect(await verify()).toEqual({ moved: 1, kept: 0, broken: 0 });
      expect(await reason()).toMatch(/^pebble_1\.0-1_source\.changes: the signing key [0-9A-F]{16} is not in the keyring/);
      expect(await left()).toEqual([]);
      expect(await readdir(join(await entry('rejected'), 'files'))).toEqual([...names].sort());
      expect(await notices()).toMatchObject([{ kind: 'rejected', to: [], source: 'pebble' }]);
    } finally {
      await stranger.remove();
    }
  });

  it('for two products is built for both', async () => {
    const { upload, verify, spool, dir } = await open();
    const names = await upload({ key });
    for (const name of names)
      await import('node:fs/promises').then((fs) => fs.copyFile(join(dir, 'made/1', name), join(dir, 'incoming-diablo', name)));
    expect((await verify()).moved).toBe(2);
    const products = await Promise.all(
      (await spool.list('queued')).map(
        async (id) => JSON.parse(await readFile(join(spool.path('queued', id), 'job.json'), 'utf8')).product,
      ),
    );
    expect(products.sort()).toEqual(['diablo', 'diablo', 'fremantle', 'fremantle']);
  });
});
