/** The same upload twice, newer and older versions, bare .dsc triggers: what is built once, what anew, what no more. */
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readJsonLines } from '../../lib/disk.ts';
import { note, readJob } from '../../lib/spool/job.ts';
import { isVerifyIdle } from '../../lib/stages/verify.ts';
import { readSpentSignatures, spend } from '../../lib/uploads/signatures.ts';
import { type Key, makeKey } from '../helpers/key.ts';
import { expectLegalStates } from '../helpers/tree.ts';
import { drop } from '../helpers/upload.ts';
import { type Desk, makeDesk, SETTLE_MS } from '../uploads/desk.ts';

let key: Key;
let desk: Desk;
beforeAll(async () => {
  key = await makeKey();
});
afterAll(() => key.remove());
afterEach(async () => {
  await expectLegalStates(desk.spool.root);
  expect(await desk.ids('corrupt')).toEqual([]);
  await desk.remove();
});

/** Drops what was made before once more. */
function again(names: readonly string[], made = 1): Promise<void> {
  return drop(join(desk.dir, 'made', String(made)), names, desk.incoming);
}

/** Moves every queued job to another state, as other stages would. */
async function moveQueued(to: 'failed' | 'ended' | 'built' | 'done' | 'waiting'): Promise<void> {
  for (const id of await desk.spool.list('queued')) {
    await note(desk.spool.path('queued', id), new Date(), 'test', 'moved', { to, reason: 'test' });
    await writeFile(join(desk.spool.path('queued', id), 'reason'), 'test\n');
    await desk.spool.move(id, 'queued', { state: to });
  }
}

async function journalOf(dir: string): Promise<string[]> {
  return (await readJsonLines<{ event: string }>(join(dir, 'journal'))).map(({ event }) => event);
}

describe('the same upload again', () => {
  it.each(['built', 'waiting', 'done'] as const)('is dropped with a journal line while its jobs are %s', async (state) => {
    desk = await makeDesk({ keys: [key] });
    const names = await desk.upload({ key });
    await desk.verify();
    await moveQueued(state);
    await again(names);
    expect(await desk.verify()).toEqual({ moved: 1, kept: 0, broken: 0 });
    expect(await desk.left()).toEqual([]);
    expect(await desk.ids('queued')).toEqual([]);
    expect(await journalOf(await desk.entry('uploads'))).toEqual(['again']);
  });

  it('after all of it failed is judged anew, with the old lives kept', async () => {
    desk = await makeDesk({ keys: [key] });
    const names = await desk.upload({ key });
    for (const round of [1, 2, 3]) {
      if (round > 1) await again(names);
      expect(await desk.verify()).toEqual({ moved: 1, kept: 0, broken: 0 });
      expect(await desk.ids('queued')).toHaveLength(2);
      if (round < 3) await moveQueued('failed');
    }
    expect([await desk.ids('failed'), await desk.ids('uploads')]).toEqual([[], ['pebble_1.0-1_source']]);
    expect(await readdir(join(await desk.entry('uploads'), 'before/before'))).toContain('upload.json');
    expect(await readFile(join(await desk.entry('queued', 'pebble_1.0-1_amd64'), 'before/before/reason'), 'utf8')).toBe('test\n');
    expect((await desk.notices()).map(({ kind, attempt }) => [kind, attempt]).sort()).toEqual([
      ['queued', 0],
      ['queued', 1],
      ['queued', 2],
    ]);
  });

  it('after a reject is rejected anew, and taken once nothing is wrong with it', async () => {
    desk = await makeDesk({ keys: [key], product: { settle: '0s', uploaders: 'uploaders' } });
    await writeFile(join(desk.dir, 'uploaders'), 'nobody@example.org\n');
    const names = await desk.upload({ key });
    await desk.verify();
    await again(names);
    expect(await desk.verify()).toEqual({ moved: 1, kept: 0, broken: 0 });
    expect(await desk.ids('rejected')).toEqual(['pebble_1.0-1_source']);
    expect(await readFile(join(await desk.entry('rejected'), 'before/reason'), 'utf8')).toBe(await desk.reason());
    await writeFile(join(desk.dir, 'uploaders'), 'uma@example.org\n');
    await again(names);
    await desk.verify();
    expect([await desk.ids('rejected'), await desk.ids('uploads')]).toEqual([[], ['pebble_1.0-1_source']]);
  });

  it('with a spent signature, of which nothing is left, is refused', async () => {
    desk = await makeDesk({ keys: [key], product: { settle: '0s' } });
    const names = await desk.upload({ key });
    await desk.verify();
    const { signature = '' } = JSON.parse(await readFile(join(await desk.entry('uploads'), 'upload.json'), 'utf8'));
    await spend(desk.ctx, 'fremantle', signature);
    await spend(desk.ctx, 'fremantle', signature);
    expect((await readFile(desk.spool.file('signatures'), 'utf8')).trim().split('\n')).toHaveLength(1);
    expect((await readSpentSignatures(desk.spool))('diablo', signature)).toBe(false);
    for (const state of ['uploads', 'queued'] as const) await rm(desk.spool.path(state), { recursive: true });
    await desk.spool.prepare();
    await again(names);
    await desk.verify();
    expect(await desk.reason()).toContain('was used before, and what it was for is done');
  });
});

describe('versions', () => {
  it('the same with other content is refused while the first lives', async () => {
    desk = await makeDesk({ keys: [key], product: { settle: '0s' } });
    await desk.upload({ key });
    await desk.verify();
    await desk.upload({ key, files: { 'pebble_1.0.orig.tar.gz': 'other' } });
    await desk.verify();
    expect(await desk.reason()).toMatch(/^pebble 1\.0-1 is held with other content by upload pebble_1\.0-1_source_/);
    expect(await desk.ids('uploads')).toHaveLength(1);
  });

  it('a newer one ends the older jobs, and tells a running one to end', async () => {
    desk = await makeDesk({ keys: [key] });
    await desk.upload({ key });
    await desk.upload({ key, source: 'pebble-extra', files: { 'pebble-extra_1.0.orig.tar.gz': 'x' } });
    await desk.verify();
    const [running = ''] = (await desk.spool.list('queued')).filter((id) => id.startsWith('pebble_1.0-1_arm64'));
    await note(desk.spool.path('queued', running), new Date(), 'dispatch', 'claimed', {
      attempt: 1,
      step: 'build',
      host: 'h',
      kind: 'local',
      workdir: '/w',
      tool: 'plain',
      command: 'true',
    });
    await desk.spool.move(running, 'queued', { state: 'running', host: 'h' });
    await desk.upload({ key, version: '1.0-2' });
    expect(await desk.verify()).toEqual({ moved: 1, kept: 0, broken: 0 });
    expect(await desk.ids('queued')).toEqual([
      'pebble-extra_1.0-1_amd64',
      'pebble-extra_1.0-1_arm64',
      'pebble_1.0-2_amd64',
      'pebble_1.0-2_arm64',
    ]);
    expect(await desk.ids('ended')).toEqual(['pebble_1.0-1_amd64']);
    expect(await readFile(join(await desk.entry('ended'), 'reason'), 'utf8')).toMatch(
      /^superseded by pebble 1\.0-2 \(upload pebble_1\.0-2_source_/,
    );
    const { journal } = await readJob(desk.spool.root, { state: 'running', host: 'h' }, running);
    expect(journal.at(-1)).toMatchObject({ event: 'end', reason: expect.stringContaining('superseded by pebble 1.0-2') });
  });

  it('of one tick are taken in order, and the older ends', async () => {
    desk = await makeDesk({ keys: [key] });
    for (const version of ['1.0-1', '1.0-2', '1.0-3']) await desk.upload({ key, version });
    expect((await desk.verify()).moved).toBe(3);
    expect(await desk.ids('queued')).toEqual(['pebble_1.0-3_amd64', 'pebble_1.0-3_arm64']);
    expect(await desk.ids('ended')).toHaveLength(4);
  });

  it('an older one than a live upload is refused', async () => {
    desk = await makeDesk({ keys: [key], product: { settle: '0s' } });
    await desk.upload({ key, version: '1.0-10' });
    await desk.verify();
    await desk.upload({ key, version: '1.0-9' });
    await desk.verify();
    expect(await desk.reason()).toContain('pebble 1.0-9 is older than 1.0-10');
  });
});

describe('a bare .dsc', () => {
  const triggers = { triggers: 'changes dsc' };
  const SOURCE = ['pebble_1.0-1.debian.tar.xz', 'pebble_1.0-1.dsc', 'pebble_1.0.orig.tar.gz'];

  it('triggers where the product says so, once it is still; its late .changes joins it', async () => {
    desk = await makeDesk({ keys: [key], product: triggers });
    const names = await desk.upload({ key });
    await rename(join(desk.incoming, 'pebble_1.0-1_source.changes'), join(desk.dir, 'late.changes'));
    expect(await desk.verify()).toEqual({ moved: 0, kept: 1, broken: 0 });
    desk.pass(SETTLE_MS);
    expect(await desk.verify()).toEqual({ moved: 1, kept: 0, broken: 0 });
    expect([await desk.ids('uploads'), await desk.left()]).toEqual([['pebble_1.0-1'], []]);
    await moveQueued('failed');
    await cp(join(desk.dir, 'late.changes'), join(desk.incoming, 'pebble_1.0-1_source.changes'));
    expect(await desk.verify()).toEqual({ moved: 1, kept: 0, broken: 0 });
    expect([await desk.ids('queued'), await desk.ids('rejected'), await desk.left()]).toEqual([[], [], []]);
    expect(await journalOf(await desk.entry('uploads'))).toEqual(['again']);
    await again(names);
    expect(await desk.verify()).toEqual({ moved: 1, kept: 0, broken: 0 });
    expect(await desk.ids('queued')).toHaveLength(2);
  });

  it('that was refused is not brought back by its late .changes', async () => {
    desk = await makeDesk({ keys: [key], product: { ...triggers, architectures: 'arm64' } });
    await desk.upload({ key, architecture: 'amd64' });
    await rename(join(desk.incoming, 'pebble_1.0-1_source.changes'), join(desk.dir, 'late.changes'));
    desk.pass(SETTLE_MS);
    await desk.verify();
    expect(await desk.ids('rejected')).toEqual(['pebble_1.0-1']);
    await cp(join(desk.dir, 'late.changes'), join(desk.incoming, 'pebble_1.0-1_source.changes'));
    await desk.verify();
    expect([await desk.left(), await desk.ids('rejected')]).toEqual([[], ['pebble_1.0-1']]);
    expect(await journalOf(await desk.entry('rejected'))).toEqual(['again']);
  });

  it('beside a refused .changes goes with it', async () => {
    desk = await makeDesk({ keys: [key], product: triggers });
    await desk.upload({ key, distribution: 'sid' });
    await writeFile(join(desk.incoming, 'pebble_1.0-1_source.buildinfo'), 'x');
    desk.pass(SETTLE_MS);
    await desk.verify();
    await desk.verify();
    expect([await desk.left(), await desk.ids('uploads')]).toEqual([[], []]);
    expect(await readdir(join(await desk.entry('rejected'), 'files'))).toEqual(
      [...SOURCE.slice(0, 2), 'pebble_1.0-1_source.buildinfo', 'pebble_1.0-1_source.changes', 'pebble_1.0.orig.tar.gz'].sort(),
    );
  });

  it('is no trigger where the product does not say so', async () => {
    desk = await makeDesk({ keys: [key] });
    await desk.upload({ key });
    await rm(join(desk.incoming, 'pebble_1.0-1_source.changes'));
    desk.pass(SETTLE_MS);
    expect(await desk.verify()).toEqual({ moved: 0, kept: 0, broken: 0 });
    expect(await desk.left()).toEqual(SOURCE);
  });
});

describe('idle', () => {
  it('is what has no file in incoming and no job to queue', async () => {
    desk = await makeDesk({ keys: [key] });
    expect(isVerifyIdle(desk.ctx)).toBe(true);
    await desk.upload({ key });
    expect(isVerifyIdle(desk.ctx)).toBe(false);
    await desk.verify();
    expect(isVerifyIdle(desk.ctx)).toBe(true);
    const upload = await desk.entry('uploads');
    const [job = ''] = await desk.spool.list('queued');
    await mkdir(join(upload, 'jobs'));
    await rename(desk.spool.path('queued', job), join(upload, 'jobs', job));
    expect(isVerifyIdle(desk.ctx)).toBe(false);
    expect(await desk.verify()).toEqual({ moved: 1, kept: 0, broken: 0 });
    expect([isVerifyIdle(desk.ctx), await desk.spool.list('queued')]).toEqual([true, expect.arrayContaining([job])]);
  });
});
