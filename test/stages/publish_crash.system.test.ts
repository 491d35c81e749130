import { mkdir, readFile, rm, statfs, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { exec } from '../../lib/exec.ts';
import { openRepository } from '../../lib/repository/repository.ts';
import { currentSerial, serialsOf } from '../../lib/repository/serials.ts';
import { isPublishIdle, publish } from '../../lib/stages/publish.ts';
import { type Key, makeKey } from '../helpers/key.ts';
import { isRoot, makeTemp, removeTemp, run } from '../helpers/run.ts';
import { readWhile, serve } from '../repository/http.ts';
import {
  type Apt,
  contextOf,
  filesBelow,
  handOverJob,
  makeApt,
  queued,
  receiptOf,
  repositoryDir,
  type SiteSettings,
} from '../repository/site.ts';

let key: Key;
let bundle: string;

beforeAll(async () => {
  key = await makeKey('Archive <archive@example.org>');
  const out = await makeTemp('bundle');
  bundle = join(out, 'once.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'publish_once.ts')],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  });
});
afterAll(async () => {
  await key.remove();
  await removeTemp(join(bundle, '..'));
});

async function withRoot(work: (root: string, settings: SiteSettings) => Promise<void>): Promise<void> {
  const root = await makeTemp('crash');
  try {
    await work(root, { root, gnupgHome: key.home, signingKeys: [key.fingerprint] });
  } finally {
    await removeTemp(root);
  }
}

/** True when the child died of SIGKILL at that commit point, false when it came to its end. */
async function publishAndDie(settings: SiteSettings, at: number): Promise<boolean> {
  const result = await exec([process.execPath, bundle, 'publish', JSON.stringify(settings)], {
    env: { ...process.env, BUILDME_CRASH_AT: String(at) },
  });
  if (result.signal !== 'SIGKILL' && result.status !== 0) throw new Error(result.stderr);
  return result.signal === 'SIGKILL';
}

it('killed before or after any commit point, readers see a whole serial, and the next run ends where an undisturbed one does', async () => {
  let crashes = 0;
  for (let at = 0; at === crashes; at += 1) {
    await withRoot(async (root, settings) => {
      const dir = repositoryDir(root);
      await publish(contextOf(settings));
      const ids = [await handOverJob(root, {}), await handOverJob(root, { source: 'tidy' })];
      const refused = await handOverJob(root, { source: 'zzz', binaries: [{ name: 'hello' }] });
      const apt = await makeApt(root, `file:${dir}`, key.publicKey);
      await apt.get('update');
      if (await publishAndDie(settings, at)) crashes += 1;
      await apt.get('update');
      const ctx = contextOf(settings);
      if (at < crashes) expect(isPublishIdle(ctx)).toBe(false);
      await publish(ctx);
      expect(isPublishIdle(ctx)).toBe(true);
      await apt.get('update');
      await apt.get('download', 'hello', 'tidy');
      expect(currentSerial(dir)).toBe(2);
      for (const id of ids) expect(await receiptOf(root, id)).toMatchObject({ outcome: 'published', serial: 2 });
      expect((await receiptOf(root, refused)).outcome).toBe('refused');
      expect(await queued(root)).toEqual([]);
      const ledger = (await readFile(join(dir, 'ledger'), 'utf8')).trimEnd().split('\n');
      expect(new Set(ledger).size).toBe(ledger.length);
      expect(ledger.filter((line) => line.includes('"kind":"job"'))).toHaveLength(2);
      expect((await filesBelow(dir)).filter((path) => path.includes('.new-') || path.startsWith('tmp/'))).toEqual([]);
    });
  }
  // stanzas of two sources and two binaries, the serial, the switch, two receipts, the mark, the refusal: before and after each.
  expect(crashes).toBeGreaterThanOrEqual(20);
});

it('a torn line of the ledger is made good from the serial', () =>
  withRoot(async (root, settings) => {
    const dir = repositoryDir(root);
    await handOverJob(root, {});
    await publish(contextOf(settings));
    const whole = await readFile(join(dir, 'ledger'), 'utf8');
    await truncate(join(dir, 'ledger'), whole.length - 30);
    await rm(join(dir, 'serials/1/finished'));
    expect((await openRepository({ dir, suites: ['fremantle'] })).ledger.jobs.size).toBe(1);
    await publish(contextOf(settings));
    const lines = (await readFile(join(dir, 'ledger'), 'utf8')).trimEnd().split('\n');
    expect(lines.at(-1)).toBe(whole.trimEnd().split('\n').at(-1));
    expect(serialsOf(dir)).toEqual([1]);
  }));

it.skipIf(!isRoot)('wherever the disk is full, readers see a whole serial, and the next run with room publishes', () =>
  withRoot(async (root, settings) => {
    const dir = repositoryDir(root);
    await mkdir(dir, { recursive: true });
    await run(['mount', '-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', dir]);
    try {
      const ctx = contextOf(settings, []);
      await publish(ctx);
      const apt = await makeApt(root, `file:${dir}`, key.publicKey);
      let failed = 0;
      for (let pages = 0; pages < 60; pages += 3) {
        const id = await handOverJob(root, { version: `1.${pages}` });
        const { bavail, bsize } = await statfs(dir);
        const filler = join(dir, 'filler');
        await run(['fallocate', '-l', String((bavail - pages) * bsize), filler]);
        const { kept, broken } = await publish(ctx);
        expect(broken).toBe(0);
        failed += Math.min(kept, 1);
        await apt.get('update');
        await rm(filler);
        await publish(ctx);
        expect((await receiptOf(root, id)).outcome).toBe('published');
        await apt.get('update');
        expect(await apt.get('--print-uris', 'download', 'hello')).toContain(`hello_1.${pages}_amd64.deb`);
      }
      expect(failed).toBeGreaterThan(5);
    } finally {
      await run(['umount', dir]);
    }
  }),
);

/** Serial after serial, as fast as they can be made. */
async function publishMany(root: string, settings: SiteSettings): Promise<void> {
  for (const version of ['1', '2', '3', '4', '5', '6']) {
    await handOverJob(root, { version });
    await publish(contextOf(settings));
  }
}

async function newestSeen(apt: Apt): Promise<string> {
  await apt.get('update');
  return apt.get('--print-uris', 'download', 'hello');
}

it('a reader of the directory that updates in a loop never fails while serial follows serial', () =>
  withRoot(async (root, settings) => {
    await publish(contextOf(settings));
    const apt = await makeApt(root, `file:${repositoryDir(root)}`, key.publicKey);
    expect(
      await readWhile(
        () => apt.get('update'),
        () => publishMany(root, settings),
      ),
    ).toBeGreaterThan(3);
    expect(await newestSeen(apt)).toContain('hello_6_amd64.deb');
  }));

it('a slow reader over http never fails either, because what its Release named is still there by hash', () =>
  withRoot(async (root, settings) => {
    await publish(contextOf(settings));
    const web = await serve(repositoryDir(root), 150);
    try {
      const apt = await makeApt(root, web.uri, key.publicKey);
      expect(
        await readWhile(
          () => apt.get('update'),
          () => publishMany(root, settings),
        ),
      ).toBeGreaterThan(2);
      expect(await newestSeen(apt)).toContain('hello_6_amd64.deb');
      expect(web.requests.filter((request) => request.startsWith('404') && request.includes('by-hash'))).toEqual([]);
      expect(web.requests.filter((request) => request.startsWith('200') && request.includes('by-hash'))).not.toEqual([]);
    } finally {
      await web.stop();
    }
  }));
