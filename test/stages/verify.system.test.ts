import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { formatLedger } from '../../lib/repository/ledger.ts';
import { readJob } from '../../lib/spool/job.ts';
import { type Key, makeKey } from '../helpers/key.ts';
import { expectLegalStates } from '../helpers/tree.ts';
import { drop } from '../helpers/upload.ts';
import { type Desk, type DeskOptions, makeDesk, SETTLE_MS } from '../uploads/desk.ts';

let key: Key;
let other: Key;
let stranger: Key;
let desk: Desk;

beforeAll(async () => {
  [key, other, stranger] = await Promise.all([makeKey(), makeKey('Otto Other <otto@example.org>'), makeKey('Stranger <s@example.org>')]);
});
afterAll(async () => {
  await Promise.all([key, other, stranger].map((each) => each.remove()));
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
    const { upload, verify, pass, reason, left, entry, notices } = await open();
    const names = await upload({ key: stranger });
    expect(await verify()).toEqual({ moved: 0, kept: 1, broken: 0 });
    pass(SETTLE_MS);
    expect(await verify()).toEqual({ moved: 1, kept: 0, broken: 0 });
    expect(await reason()).toMatch(/^pebble_1\.0-1_source\.changes: the signing key [0-9A-F]{16} is not in the keyring/);
    expect(await left()).toEqual([]);
    expect(await readdir(join(await entry('rejected'), 'files'))).toEqual([...names].sort());
    expect(await notices()).toMatchObject([{ kind: 'rejected', to: [], source: 'pebble' }]);
  });

  it('for two products is built for both', async () => {
    const { upload, verify, spool, dir, incoming } = await open();
    const names = await upload({ key });
    await drop(incoming, names, join(dir, 'incoming-diablo'));
    expect((await verify()).moved).toBe(2);
    const products = await Promise.all(
      (await spool.list('queued')).map(async (id) => (await readJob(spool.root, { state: 'queued' }, id)).file.product),
    );
    expect(products.sort()).toEqual(['diablo', 'diablo', 'fremantle', 'fremantle']);
  });

  it('with CRLF at the ends of its lines is taken', async () => {
    const { upload, verify, ids } = await open();
    await upload({ key, afterSigning: (text) => text.replaceAll('\n', '\r\n') });
    expect(await verify()).toEqual({ moved: 1, kept: 0, broken: 0 });
    expect(await ids('queued')).toHaveLength(2);
  });

  it('with binaries is built from its source alone', async () => {
    const { upload, verify, entry } = await open();
    await upload({
      key,
      extra: { 'pebble_1.0-1_amd64.deb': 'no deb' },
      editChanges: (text) => text.replace('Architecture: source', 'Architecture: source amd64'),
    });
    await verify();
    expect(await readdir(join(await entry('queued', 'pebble_1.0-1_amd64'), 'in'))).not.toContain('pebble_1.0-1_amd64.deb');
  });

  it('needs no signature where the product says so, but a bad one is still refused', async () => {
    const { upload, verify, ids, pass, reason } = await open({ product: { unsigned: 'accept' } });
    await upload({});
    await upload({ key: stranger, source: 'marble' });
    await verify();
    expect(await ids('uploads')).toEqual(['pebble_1.0-1_source']);
    pass(SETTLE_MS);
    await verify();
    expect(await reason()).toContain('is not in the keyring');
  });

  it('by a key that uploaders does not name for it is refused', async () => {
    desk = await makeDesk({ keys: [key, other], product: { uploaders: 'uploaders', settle: '0s' } });
    await writeFile(join(desk.dir, 'uploaders'), `${key.fingerprint} pebble\notto@example.org marble\n`);
    await desk.upload({ key });
    await desk.upload({ key, source: 'marble' });
    await desk.verify();
    expect(await desk.ids('uploads')).toEqual(['pebble_1.0-1_source']);
    expect(await desk.reason()).toMatch(/^Uma Uploader <uma@example.org> \(key [0-9A-F]{40}\) may not upload marble to product fremantle/);
  });

  it('is only told of with --dry-run', async () => {
    const { upload, verify, left, ids, spool } = await open({ dryRun: true });
    await upload({ key });
    const printed: string[] = [];
    const write = process.stdout.write.bind(process.stdout);
    process.stdout.write = ((text: string) => printed.push(text) > 0) as typeof process.stdout.write;
    try {
      await verify();
    } finally {
      process.stdout.write = write;
    }
    expect(printed.join('')).toMatch(/^would accept pebble_1\.0-1_source_[0-9a-f]{12}\n$/);
    expect([await left(), await ids('uploads'), await readdir(join(spool.root, 'tmp'))]).toEqual([
      expect.arrayContaining(['pebble_1.0-1.dsc']),
      [],
      [],
    ]);
  });
});

describe('the orig of an upload', () => {
  const ORIG = 'pebble_1.0.orig.tar.gz';

  it('that two uploads share serves both', async () => {
    const { upload, verify, ids, left } = await open();
    await upload({ key, version: '1.0-1' });
    await upload({ key, version: '1.0-2' });
    expect((await verify()).moved).toBe(2);
    expect(await ids('uploads')).toEqual(['pebble_1.0-1_source', 'pebble_1.0-2_source']);
    expect(await left()).toEqual([]);
  });

  it('comes from another upload when a -2 leaves it out', async () => {
    const { upload, verify, entry } = await open();
    await upload({ key, version: '1.0-1' });
    await verify();
    await upload({ key, version: '1.0-2', omit: [ORIG] });
    expect((await verify()).moved).toBe(1);
    expect(await readFile(join(await entry('queued', 'pebble_1.0-2_amd64'), 'in', ORIG), 'utf8')).toBe('upstream of pebble 1.0\n');
  });

  it('comes from the pool when a -2 leaves it out', async () => {
    const { upload, verify, entry, dir } = await open();
    const content = 'upstream of pebble 1.0\n';
    const path = `pool/main/p/pebble/${ORIG}`;
    const repository = join(dir, 'repositories/r');
    await mkdir(join(repository, 'pool/main/p/pebble'), { recursive: true });
    await writeFile(join(repository, path), content);
    const sha256 = createHash('sha256').update(content).digest('hex');
    await writeFile(
      join(repository, 'ledger'),
      formatLedger([{ kind: 'file', serial: 1, name: ORIG, path, size: content.length, sha256 }]),
    );
    await upload({ key, version: '1.0-2', omit: [ORIG] });
    expect((await verify()).moved).toBe(1);
    expect(await readFile(join(await entry('queued', 'pebble_1.0-2_amd64'), 'in', ORIG), 'utf8')).toBe(content);
  });

  it('with other content than the published one is refused', async () => {
    const { upload, verify, reason, dir } = await open({ product: { settle: '0s' } });
    await mkdir(join(dir, 'repositories/r'));
    const published = { kind: 'file' as const, serial: 1, name: ORIG, path: `pool/${ORIG}`, size: 3, sha256: 'e'.repeat(64) };
    await writeFile(
      join(dir, 'repositories/r/ledger'),
      formatLedger([published, { kind: 'source', serial: 1, suite: 'old', source: 'pebble', version: '1.0-2', dsc: 'pebble_1.0-2.dsc' }]),
    );
    await upload({ key, version: '1.0-2' });
    await verify();
    expect((await reason()).trimEnd().split('\n')).toEqual([
      expect.stringContaining('pebble 1.0-2 was published already'),
      expect.stringContaining(`${ORIG} with SHA-256`),
    ]);
  });
});
