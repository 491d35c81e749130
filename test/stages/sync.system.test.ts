import { chmod, mkdir, readdir, readFile, readlink, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { MirrorConfig } from '../../lib/config/types.ts';
import { exec } from '../../lib/exec.ts';
import { publish } from '../../lib/stages/publish.ts';
import { isSyncIdle, sync } from '../../lib/stages/sync.ts';
import { type Key, makeKey } from '../helpers/key.ts';
import { isRoot, makeTemp, removeTemp, run } from '../helpers/run.ts';
import { startSshd, type TestSshd } from '../helpers/sshd.ts';
import { readWhile, serve } from '../repository/http.ts';
import { contextOf, filesBelow, handOverJob, inodeOf, makeApt, repositoryDir, type SiteSettings } from '../repository/site.ts';

let key: Key;
let root: string;
let dir: string;
let live: string;
let settings: SiteSettings;

beforeAll(async () => {
  key = await makeKey('Archive <archive@example.org>');
});
afterAll(() => key.remove());
beforeEach(async () => {
  root = await makeTemp('sync');
  dir = repositoryDir(root);
  live = join(root, 'live');
  settings = { root, gnupgHome: key.home, signingKeys: [key.fingerprint], mirrors: [directoryMirror('live', live)] };
  await mkdir(join(root, 'spool'));
  await contextOf(settings).spool.prepare();
});
afterEach(() => removeTemp(root));

function directoryMirror(name: string, path: string): MirrorConfig {
  return { name, repository: 'extras', to: { kind: 'directory', path }, identity: undefined, knownHosts: undefined, port: 22 };
}

async function publishJob(version: string): Promise<void> {
  await handOverJob(root, { version });
  await publish(contextOf(settings));
}

/** What a mirror and the repository show to readers, apart from indexes that only one of them still has by hash. */
async function shown(path: string): Promise<string[]> {
  const indexes = await filesBelow(join(path, (await readlink(join(path, 'dists')).catch(() => 'dists')) as string));
  return [...indexes.filter((name) => !name.includes('by-hash')), ...(await filesBelow(join(path, 'pool')))];
}

describe('to a directory', () => {
  it('a repository without a serial is nothing to do', async () => {
    expect(isSyncIdle(contextOf(settings))).toBe(true);
    expect(await sync(contextOf(settings))).toEqual({ moved: 0, kept: 0, broken: 0 });
  });

  it('apt installs from the mirror what the repository published; then there is nothing to do', async () => {
    await publishJob('1');
    expect(isSyncIdle(contextOf(settings))).toBe(false);
    expect(await sync(contextOf(settings))).toEqual({ moved: 1, kept: 0, broken: 0 });
    expect(isSyncIdle(contextOf(settings))).toBe(true);
    expect(await shown(live)).toEqual(await shown(dir));
    const apt = await makeApt(root, `file:${live}`, key.publicKey);
    await apt.get('update');
    await apt.get('download', 'hello');
    const deb = 'pool/free/h/hello/hello_1_amd64.deb';
    expect(await inodeOf(join(live, deb))).toBe(await inodeOf(join(dir, deb)));
  });

  it('a marker cleared or lost, or a mirror that moved, loses nothing', async () => {
    await publishJob('1');
    await sync(contextOf(settings));
    await rm(join(root, 'spool/mirrors/live'));
    await rm(join(live, 'pool/free/h/hello/hello_1_amd64.deb'));
    expect((await sync(contextOf(settings))).moved).toBe(1);
    expect(await shown(live)).toEqual(await shown(dir));
    const moved = { ...settings, mirrors: [directoryMirror('live', join(root, 'elsewhere'))] };
    expect((await sync(contextOf(moved))).moved).toBe(1);
    expect(await shown(join(root, 'elsewhere'))).toEqual(await shown(dir));
  });

  it('a link in the mirror leads nothing out of it, and is replaced', async () => {
    await mkdir(join(live, 'pool/free/h'), { recursive: true });
    await mkdir(join(root, 'outside'));
    await symlink(join(root, 'outside'), join(live, 'pool/free/h/hello'));
    await publishJob('1');
    await sync(contextOf(settings));
    expect(await readdir(join(root, 'outside'))).toEqual([]);
    expect(await shown(live)).toEqual(await shown(dir));
  });

  it('what the pool does not have leaves the mirror, what is not ours beside it stays', async () => {
    await publishJob('1');
    await sync(contextOf(settings));
    await mkdir(join(live, 'pool/free/o/old'), { recursive: true });
    await writeFile(join(live, 'pool/free/o/old/old_1_all.deb'), 'x');
    await writeFile(join(live, 'README'), 'x');
    for (const version of ['2', '3', '4']) {
      await publishJob(version);
      await sync(contextOf(settings));
    }
    expect((await readdir(live)).sort()).toEqual(['.dists-3', '.dists-4', 'README', 'dists', 'pool']);
    expect(await readdir(join(live, 'pool/free'))).toEqual(['h']);
  });

  it('a mirror that cannot be made is tried again later, and another one goes on', async () => {
    await publishJob('1');
    const lost = directoryMirror('aaa', join(root, 'not-mounted/live'));
    const ctx = contextOf({ ...settings, mirrors: [lost, directoryMirror('live', live)] });
    expect(await sync(ctx)).toEqual({ moved: 1, kept: 1, broken: 0 });
    expect(await readFile(join(root, 'log/test.log'), 'utf8')).toContain('not-mounted is not there: make or mount it');
    await mkdir(join(root, 'not-mounted'));
    expect(await sync(ctx)).toEqual({ moved: 1, kept: 0, broken: 0 });
  });

  it('a dists that is a directory of somebody else is not touched', async () => {
    await publishJob('1');
    await mkdir(join(live, 'dists'), { recursive: true });
    await expect(sync(contextOf(settings))).rejects.toThrow(/live\/dists is not a link of ours; move it away/);
  });

  it('a slow reader that updates in a loop never fails, though the mirror skips serials', async () => {
    await publishJob('0');
    await sync(contextOf(settings));
    const web = await serve(live, 250);
    try {
      const apt = await makeApt(root, web.uri, key.publicKey);
      const updates = await readWhile(
        () => apt.get('update'),
        async () => {
          for (const version of ['1', '2', '3', '4', '5', '6', '7', '8']) {
            await publishJob(version);
            if (Number(version) % 4 === 0) await sync(contextOf(settings));
          }
        },
      );
      expect(updates).toBeGreaterThan(2);
      await apt.get('update');
      expect(await apt.get('--print-uris', 'download', 'hello')).toContain('hello_8_amd64.deb');
    } finally {
      await web.stop();
    }
  });

  it('killed before or after any commit point, readers see a whole serial, and the next run completes it', async () => {
    const bundle = join(root, 'once.mjs');
    await build({
      entryPoints: [join(import.meta.dirname, 'publish_once.ts')],
      outfile: bundle,
      bundle: true,
      platform: 'node',
      format: 'esm',
      logLevel: 'error',
    });
    await publishJob('1');
    await sync(contextOf(settings));
    const apt = await makeApt(root, `file:${live}`, key.publicKey);
    let crashes = 0;
    for (let at = 0; at === crashes; at += 1) {
      await publishJob(`2.${at}`);
      const { signal } = await exec([process.execPath, bundle, 'sync', JSON.stringify(settings)], {
        env: { ...process.env, BUILDME_CRASH_AT: String(at) },
      });
      if (signal === 'SIGKILL') crashes += 1;
      await apt.get('update');
      await apt.get('download', 'hello');
      await sync(contextOf(settings));
      expect(isSyncIdle(contextOf(settings))).toBe(true);
      expect(await shown(live)).toEqual(await shown(dir));
      expect((await readdir(live)).filter((name) => name.startsWith('.new-'))).toEqual([]);
    }
    // four pool files, the generation, the switch, the marker.
    expect(crashes).toBeGreaterThanOrEqual(12);
  });
});

describe('by rsync over ssh', () => {
  let sshd: TestSshd;
  let far: string;
  beforeAll(async () => {
    sshd = await startSshd();
  });
  afterAll(() => sshd.stop());

  /** A path with what rsync and ssh split at. */
  async function farMirror(name = 'far'): Promise<MirrorConfig> {
    const keys = join(root, "o'd d%h keys");
    await mkdir(keys, { recursive: true });
    for (const [from, to] of [
      [sshd.identity, 'id'],
      [sshd.knownHosts, 'known'],
    ] as const) {
      await writeFile(join(keys, to), await readFile(from));
      await chmod(join(keys, to), 0o600);
    }
    far = join(root, 'far away', 'live');
    await mkdir(join(root, 'far away'), { recursive: true });
    const to = { kind: 'ssh' as const, user: sshd.user, host: '127.0.0.1', path: far };
    return { name, repository: 'extras', to, identity: join(keys, 'id'), knownHosts: join(keys, 'known'), port: sshd.port };
  }

  it('apt installs from the mirror; two serials of one second are told apart; what is gone is deleted', async () => {
    const ctx = contextOf({ ...settings, mirrors: [await farMirror()] });
    await publishJob('1');
    expect(await sync(ctx)).toEqual({ moved: 1, kept: 0, broken: 0 });
    expect(await filesBelow(join(far, 'dists'))).toEqual(await filesBelow(join(dir, 'serials/1/dists')));
    await writeFile(join(far, 'pool/old.deb'), 'x');
    await publishJob('2');
    const second = new Date('2024-01-01T00:00:00Z');
    for (const path of [join(dir, 'dists/fremantle/InRelease'), join(far, 'dists/fremantle/InRelease')]) await utimes(path, second, second);
    expect((await sync(ctx)).moved).toBe(1);
    await run(['diff', '-r', join(dir, 'serials/2/dists'), join(far, 'dists')]);
    await run(['diff', '-r', join(dir, 'pool'), join(far, 'pool')]);
    expect((await stat(join(far, 'dists/fremantle/InRelease'))).mode & 0o777).toBe(0o644);
    const apt = await makeApt(root, `file:${far.replaceAll(' ', '%20')}`, key.publicKey);
    await apt.get('update');
    await apt.get('download', 'hello');
  });

  it('a reader that updates in a loop never fails, though the mirror skips serials', async () => {
    const ctx = contextOf({ ...settings, mirrors: [await farMirror()] });
    await publishJob('0');
    await sync(ctx);
    const web = await serve(far, 150);
    try {
      const apt = await makeApt(root, web.uri, key.publicKey);
      const updates = await readWhile(
        () => apt.get('update'),
        async () => {
          for (const version of ['1', '2', '3', '4', '5', '6', '7', '8']) {
            await publishJob(version);
            if (Number(version) % 4 === 0) await sync(ctx);
          }
        },
      );
      expect(updates).toBeGreaterThan(2);
    } finally {
      await web.stop();
    }
  });

  it('a host that is down or shows another key is tried again later; its marker stays, the others go on', async () => {
    await publishJob('1');
    const good = await farMirror('good');
    const stranger = { ...(await farMirror('stranger')), knownHosts: join(root, 'nobody') };
    await writeFile(join(root, 'nobody'), '');
    const down = { ...(await farMirror('down')), port: 1 };
    const ctx = contextOf({ ...settings, mirrors: [down, good, stranger] });
    expect(await sync(ctx)).toEqual({ moved: 1, kept: 2, broken: 0 });
    expect(isSyncIdle(ctx)).toBe(false);
    expect((await readdir(join(root, 'spool/mirrors'))).filter((name) => !name.startsWith('.'))).toEqual(['good']);
    const log = await readFile(join(root, 'log/test.log'), 'utf8');
    expect(log).toMatch(/mirror down .* did not take serial 1: rsync .*Connection refused/);
    expect(log).toMatch(/mirror stranger .* did not take serial 1: rsync .*Host key verification failed/);
  });
});

it.skipIf(!isRoot)('a full mirror disk keeps the old serial whole there, and is tried again', async () => {
  await mkdir(live);
  await run(['mount', '-t', 'tmpfs', '-o', 'size=300k', 'tmpfs', live]);
  try {
    await publishJob('1');
    await sync(contextOf(settings));
    const apt = await makeApt(root, `file:${live}`, key.publicKey);
    await apt.get('update');
    await handOverJob(root, { version: '2', sourceContent: (await run(['openssl', 'rand', '-hex', '400000'])).trim() });
    await publish(contextOf(settings));
    expect(await sync(contextOf(settings))).toEqual({ moved: 0, kept: 1, broken: 0 });
    await apt.get('update');
    await apt.get('download', 'hello');
    await run(['mount', '-o', 'remount,size=4m', live]);
    expect((await sync(contextOf(settings))).moved).toBe(1);
    expect(await shown(live)).toEqual(await shown(dir));
  } finally {
    await run(['umount', live]);
  }
});
