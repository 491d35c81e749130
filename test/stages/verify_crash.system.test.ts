/** kill -9 before and after every commit point of verify: the next run reaches the same end. */
import { cp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { exec } from '../../lib/exec.ts';
import { type Key, makeKey } from '../helpers/key.ts';
import { makeTemp, removeTemp } from '../helpers/run.ts';
import { expectLegalStates, treeOf } from '../helpers/tree.ts';
import { drop } from '../helpers/upload.ts';
import { type Desk, makeDesk } from '../uploads/desk.ts';

let key: Key;
let desk: Desk;
let out: string;
beforeAll(async () => {
  key = await makeKey();
  out = await makeTemp('verify-once');
  await build({
    entryPoints: [join(import.meta.dirname, '../uploads/verify_once.ts')],
    outfile: join(out, 'once.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'bundle',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'error',
  });
});
afterAll(async () => {
  await key.remove();
  await removeTemp(out);
  await desk.remove();
});

/** Runs verify in a process of its own; true when it was killed at that commit point. */
async function runOnce(crashAt?: number): Promise<boolean> {
  const env = { ...process.env, ...(crashAt === undefined ? {} : { BUILDME_CRASH_AT: String(crashAt) }) };
  const result = await exec([process.execPath, join(out, 'once.mjs'), join(desk.dir, 'buildme.conf')], { env });
  expect(result.stderr).toBe('');
  return result.signal === 'SIGKILL';
}

/** All that a run leaves, but for times and digests. */
async function end(): Promise<unknown> {
  const lives = [];
  for (const [state, name] of [
    ['uploads', 'pebble_1.0-1'],
    ['rejected', 'marble'],
    ['queued', 'pebble_1.0-1_amd64'],
  ] as const) {
    lives.push((await readdir(await desk.entry(state, name))).includes('before'));
  }
  const notices = (await desk.notices()).map(({ kind, source, version, attempt }) => `${kind} ${source} ${version} ${attempt}`).sort();
  return {
    tree: await treeOf(desk.spool.root, ['uploads', 'queued', 'rejected', 'failed', 'ended']),
    lives,
    notices,
    left: await desk.left(),
  };
}

it('verify ends the same wherever it was killed', { timeout: 240_000 }, async () => {
  desk = await makeDesk({ keys: [key], product: { settle: '0s' } });
  // To be judged anew, to be refused anew, to be superseded, and a share of an orig.
  const pebble = await desk.upload({ key });
  const marble = await desk.upload({ key, source: 'marble', distribution: 'sid' });
  await desk.upload({ key, source: 'gravel' });
  await desk.verify();
  for (const id of (await desk.spool.list('queued')).filter((each) => each.startsWith('pebble'))) {
    await writeFile(join(desk.spool.path('queued', id), 'reason'), 'test\n');
    await desk.spool.move(id, 'queued', { state: 'failed' });
  }
  await drop(join(desk.dir, 'made/1'), pebble, desk.incoming);
  await drop(join(desk.dir, 'made/2'), marble, desk.incoming);
  await desk.upload({ key, source: 'gravel', version: '1.0-2', omit: ['gravel_1.0.orig.tar.gz'] });
  const before = await makeTemp('before');
  try {
    await cp(desk.dir, before, { recursive: true, preserveTimestamps: true });
    const restore = async (): Promise<void> => {
      for (const name of ['spool', 'incoming']) {
        await rm(join(desk.dir, name), { recursive: true });
        await cp(join(before, name), join(desk.dir, name), { recursive: true, preserveTimestamps: true });
      }
    };
    expect(await runOnce()).toBe(false);
    const expected = await end();
    expect(expected).toMatchObject({
      tree: {
        queued: ['gravel_1.0-2_amd64', 'gravel_1.0-2_arm64', 'pebble_1.0-1_amd64', 'pebble_1.0-1_arm64'],
        ended: ['gravel_1.0-1_amd64', 'gravel_1.0-1_arm64'],
      },
      lives: [true, true, true],
      left: [],
    });
    // Renames that overlap make gaps in the count: the end is where none of several numbers is reached.
    let killed = 0;
    for (let point = 0, gap = 0; gap < 8; point += 1) {
      await restore();
      if (!(await runOnce(point))) {
        gap += 1;
        continue;
      }
      gap = 0;
      killed += 1;
      await expectLegalStates(desk.spool.root);
      expect(await runOnce()).toBe(false);
      expect(await end(), `killed at ${point}`).toEqual(expected);
      await expectLegalStates(desk.spool.root);
    }
    expect(killed).toBeGreaterThan(20);
  } finally {
    await removeTemp(before);
  }
});
