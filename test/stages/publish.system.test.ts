import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, readlink, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { exists, tryLock } from '../../lib/disk.ts';
import { openRepository } from '../../lib/repository/repository.ts';
import { serialsOf } from '../../lib/repository/serials.ts';
import { isPublishIdle, publish } from '../../lib/stages/publish.ts';
import { type Key, makeKey } from '../helpers/key.ts';
import { isRoot, makeTemp, removeTemp, run } from '../helpers/run.ts';
import { contextOf, filesBelow, handOverJob, makeApt, queued, receiptOf, repositoryDir, type SiteSettings } from '../repository/site.ts';

let key: Key;
let root: string;
let dir: string;
let settings: SiteSettings;

beforeAll(async () => {
  key = await makeKey('Archive <archive@example.org>');
});
afterAll(() => key.remove());
beforeEach(async () => {
  root = await makeTemp('publish');
  dir = repositoryDir(root);
  settings = { root, gnupgHome: key.home, signingKeys: [key.fingerprint] };
});
afterEach(() => removeTemp(root));

const file = (path: string): Promise<string> => readFile(join(dir, path), 'utf8');

describe('what publish makes', () => {
  it('gives an empty repository a signed serial that apt takes, and is idle then', async () => {
    const ctx = contextOf(settings);
    expect(isPublishIdle(ctx)).toBe(false);
    await publish(ctx);
    expect(isPublishIdle(ctx)).toBe(true);
    const apt = await makeApt(root, `file:${dir}`, key.publicKey);
    await apt.get('update');
    await publish(ctx);
    expect(serialsOf(dir)).toEqual([1]);
  });

  it('publishes a package that apt finds, downloads and gives the source of', async () => {
    const id = await handOverJob(root, { binaries: [{ name: 'hello' }, { name: 'hello-data', architecture: 'all' }] });
    const tally = await publish(contextOf(settings));
    expect(tally).toEqual({ moved: 1, kept: 0, broken: 0 });
    expect(await receiptOf(root, id)).toMatchObject({
      outcome: 'published',
      serial: 1,
      packages: [
        { name: 'hello', version: '1.0', architecture: 'source' },
        { name: 'hello-data', version: '1.0', architecture: 'all' },
        { name: 'hello', version: '1.0', architecture: 'amd64' },
      ],
    });
    expect(await queued(root)).toEqual([]);
    const apt = await makeApt(root, `file:${dir}`, key.publicKey);
    await apt.get('update');
    await apt.get('download', 'hello', 'hello-data');
    await apt.get('source', '-d', 'hello');
    expect((await readdir(apt.dir)).sort()).toEqual(['hello-data_1.0_all.deb', 'hello_1.0.dsc', 'hello_1.0.tar.xz', 'hello_1.0_amd64.deb']);
    expect(await filesBelow(join(dir, 'pool'))).toContain('free/h/hello/hello_1.0_amd64.buildinfo');
    expect(await exists(join(dir, '.fremantle.changed'))).toBe(true);
  });

  it('states by itself where a file lies, whatever the package says', async () => {
    await handOverJob(root, { binaries: [{ name: 'hello', fields: 'Filename: ../evil\nSHA256: 00\nSize: 1\n' }] });
    await publish(contextOf(settings));
    const packages = await run(['xz', '-dc', join(dir, 'dists/fremantle/free/binary-amd64/Packages.xz')]);
    expect(packages.match(/^(Filename|SHA256|Size):/gm)).toEqual(['Filename:', 'Size:', 'SHA256:']);
    expect(packages).toContain('Filename: pool/free/h/hello/hello_1.0_amd64.deb\n');
    expect(packages).toContain('Description: test package\n Two lines\n .\n of it.\n');
  });

  it('adds the second architecture of a source without publishing its source twice', async () => {
    await handOverJob(root, {});
    await publish(contextOf(settings));
    const id = await handOverJob(root, { architecture: 'arm64' });
    await publish(contextOf(settings));
    expect((await receiptOf(root, id)).packages).toEqual([{ name: 'hello', version: '1.0', architecture: 'arm64' }]);
    expect((await file('serials/2/fremantle.list')).split('\n').filter((line) => line.startsWith('source '))).toHaveLength(1);
  });

  it('keeps the newest version of each name and the sources of what is left', async () => {
    await handOverJob(root, { binaries: [{ name: 'hello' }, { name: 'libhello1' }] });
    await publish(contextOf(settings));
    await handOverJob(root, { version: '1.1', binaries: [{ name: 'hello' }, { name: 'libhello2' }] });
    await publish(contextOf(settings));
    const lines = (await file('serials/2/fremantle.list')).split('\n').map((line) => line.split(' '));
    expect(lines.map((line) => `${line[2]} ${line[3]} ${line[4]}`).filter((line) => !line.startsWith('undefined'))).toEqual([
      'hello 1.1 amd64',
      'libhello1 1.0 amd64',
      'libhello2 1.1 amd64',
      'hello 1.0 source',
      'hello 1.1 source',
    ]);
    expect(await exists(join(dir, 'pool/free/h/hello/hello_1.0_amd64.deb'))).toBe(true);
  });

  it('lists installer packages where the installer looks, and epochs without their colon in file names', async () => {
    await handOverJob(root, { version: '2:1.0', binaries: [{ name: 'hello' }, { name: 'hello-udeb', ending: 'udeb' }] });
    await publish(contextOf(settings));
    const gz = (path: string): Promise<string> => run(['gzip', '-dc', join(dir, 'dists/fremantle/free', path)]);
    expect(await gz('debian-installer/binary-amd64/Packages.gz')).toContain('Package: hello-udeb\n');
    expect(await gz('binary-amd64/Packages.gz')).not.toContain('hello-udeb');
    expect(await gz('binary-amd64/Packages.gz')).toContain('Version: 2:1.0\n');
    const sources = await gz('source/Sources.gz');
    expect(sources).toMatch(/^Package: hello\n/);
    expect(sources).toMatch(/^ [0-9a-f]{64} \d+ hello_1.0.dsc$/m);
    expect(sources).toMatch(/^Directory: pool\/free\/h\/hello$/m);
  });

  it('answers what verify and accept ask', async () => {
    await handOverJob(root, {});
    await publish(contextOf(settings));
    await handOverJob(root, { version: '1.1~rc1', binaries: [] });
    await publish(contextOf(settings));
    const repository = await openRepository({ dir, suites: ['fremantle', 'diablo'] });
    expect(repository.serial).toBe(2);
    expect(repository.isSpent('hello', '1.0')).toBe(true);
    expect(repository.isSpent('hello', '1.1')).toBe(false);
    expect(repository.newestEver('hello')).toBe('1.1~rc1');
    expect(repository.newestIn('fremantle', 'hello')).toBe('1.1~rc1');
    expect(repository.newestIn('diablo', 'hello')).toBeUndefined();
    expect(repository.ownerOf('fremantle', 'hello')).toBe('hello');
    const sha256 = repository.digestOf('hello_1.0.tar.xz') ?? '';
    expect(await repository.findFile('hello_1.0.tar.xz', sha256)).toBe(join(dir, 'pool/free/h/hello/hello_1.0.tar.xz'));
    expect(await repository.findFile('hello_1.0.tar.xz', sha256.replace(/./g, '0'))).toBeUndefined();
  });
});

describe('what publish holds, whatever happens', () => {
  it.skipIf(!isRoot)('a full disk leaves the old serial whole, and nothing of the new one once there is room', async () => {
    await mkdir(dir, { recursive: true });
    await run(['mount', '-t', 'tmpfs', '-o', 'size=400k', 'tmpfs', dir]);
    try {
      const printed: string[] = [];
      const ctx = contextOf(settings, printed);
      await publish(ctx);
      const big = await handOverJob(root, { sourceContent: randomBytes(500_000).toString('hex') });
      const small = await handOverJob(root, { source: 'tidy' });
      expect(await publish(ctx)).toEqual({ moved: 1, kept: 1, broken: 0 });
      expect(printed.join('\n')).toContain('ENOSPC');
      expect((await receiptOf(root, small)).serial).toBe(2);
      expect(await queued(root)).toEqual([big]);
      const apt = await makeApt(root, `file:${dir}`, key.publicKey);
      await apt.get('update');
      await run(['mount', '-o', 'remount,size=4m', dir]);
      await publish(ctx);
      expect((await receiptOf(root, big)).serial).toBe(3);
      expect(await readdir(dir)).not.toContain('tmp');
    } finally {
      await run(['umount', dir]);
    }
  });

  it('a job that was published gets the same receipt again, and nothing twice', async () => {
    await handOverJob(root, {});
    await publish(contextOf(settings));
    const again = await handOverJob(root, { number: 2 });
    await publish(contextOf(settings));
    expect(await receiptOf(root, again)).toMatchObject({ outcome: 'published', serial: 1, packages: [{}, {}] });
    expect(serialsOf(dir)).toEqual([1]);
    expect(await queued(root)).toEqual([]);
  });

  it('a lost receipt comes back from the ledger', async () => {
    const id = await handOverJob(root, {});
    await publish(contextOf(settings));
    const before = await receiptOf(root, id);
    await rm(join(dir, 'receipts', id));
    await handOverJob(root, {});
    await publish(contextOf(settings));
    expect(await receiptOf(root, id)).toEqual(before);
  });

  it('foreign names, dot names and damaged hand-overs stay where they are, and stop nobody', async () => {
    const good = await handOverJob(root, {});
    const damaged = await handOverJob(root, { source: 'aaa' });
    const queue = join(root, 'queue/fremantle');
    await writeFile(join(queue, damaged, 'handover.json'), '{"id":');
    await writeFile(join(queue, 'notes.txt'), 'x');
    await run(['mkdir', join(queue, '.new-x.1')]);
    const printed: string[] = [];
    const tally = await publish(contextOf(settings, printed));
    expect(tally).toEqual({ moved: 1, kept: 0, broken: 1 });
    expect((await receiptOf(root, good)).outcome).toBe('published');
    expect((await queued(root)).sort()).toEqual(['.new-x.1', damaged, 'notes.txt'].sort());
    expect(printed.join('\n')).toContain('handover.json is damaged');
  });

  it('without its key nothing is published, the message says which and what to do, and the hand-over waits', async () => {
    await publish(contextOf(settings));
    const id = await handOverJob(root, {});
    const missing = '0'.repeat(40);
    await expect(publish(contextOf({ ...settings, signingKeys: [missing] }))).rejects.toThrow(
      new RegExp(`${missing} of repository extras .* is not there: import`),
    );
    await expect(publish(contextOf({ ...settings, signingKeys: [] }))).rejects.toThrow(/extras has no signing key: set signing_keys/);
    expect(await queued(root)).toEqual([id]);
    expect(await filesBelow(join(dir, 'pool'))).toEqual([]);
    await publish(contextOf(settings));
    expect((await receiptOf(root, id)).serial).toBe(2);
  });

  it('an expired key is told as such', async () => {
    const old = await makeKey('Old <old@example.org>', { at: new Date(Date.now() - 3 * 86_400_000), expires: '1d' });
    try {
      await expect(publish(contextOf({ ...settings, gnupgHome: old.home, signingKeys: [old.fingerprint] }))).rejects.toThrow(
        /has expired: prolong it with/,
      );
      expect(await exists(join(dir, 'dists'))).toBe(false);
    } finally {
      await old.remove();
    }
  });

  it('leaves a repository alone that another publisher has locked', async () => {
    await publish(contextOf(settings));
    const id = await handOverJob(root, {});
    const lock = tryLock(join(dir, '.lock'));
    expect(await publish(contextOf(settings))).toEqual({ moved: 0, kept: 0, broken: 0 });
    expect(await queued(root)).toEqual([id]);
    lock?.release();
    expect((await publish(contextOf(settings))).moved).toBe(1);
  });

  it('two publishers at once publish each hand-over once', async () => {
    const ids = await Promise.all(['aaa', 'bbb', 'ccc'].map((source) => handOverJob(root, { source })));
    const [a, b] = await Promise.all([publish(contextOf(settings)), publish(contextOf(settings))]);
    expect(a.moved + b.moved).toBe(3);
    for (const id of ids) expect((await receiptOf(root, id)).outcome).toBe('published');
    expect((await file('ledger')).match(/"kind":"job"/g)).toHaveLength(3);
  });

  it('Date never goes back, even when the clock does', async () => {
    const ctx = contextOf(settings);
    await publish(ctx);
    await handOverJob(root, {});
    await publish({ ...ctx, now: () => new Date('2001-01-01T00:00:00Z') });
    const date = async (serial: number): Promise<number> =>
      Date.parse(/^Date: (.*)$/m.exec(await file(`serials/${serial}/dists/fremantle/Release`))?.[1] ?? '');
    expect(await date(2)).toBe(await date(1));
  });

  it('dists, caches and the indexes of the newest serial may be deleted: the next run makes them again', async () => {
    await handOverJob(root, {});
    await publish(contextOf(settings));
    for (const path of ['dists', 'stanzas', 'serials/1/dists']) await rm(join(dir, path), { recursive: true });
    expect(isPublishIdle(contextOf(settings))).toBe(false);
    await publish(contextOf(settings));
    expect(await readlink(join(dir, 'dists'))).toBe('serials/2/dists');
    const apt = await makeApt(root, `file:${dir}`, key.publicKey);
    await apt.get('update');
    await apt.get('download', 'hello');
  });

  it('keeps the newest five serials and the indexes by hash of the two before, removes older ones', async () => {
    for (const version of ['1', '2', '3', '4', '5', '6', '7']) {
      await handOverJob(root, { version });
      await publish(contextOf(settings));
      // As if they had been published long ago.
      for (const serial of serialsOf(dir)) await utimes(join(dir, 'serials', String(serial)), 1, 1);
    }
    expect(serialsOf(dir)).toEqual([3, 4, 5, 6, 7]);
    const hashes = await readdir(join(dir, 'dists/fremantle/free/binary-amd64/by-hash/SHA256'));
    expect(hashes).toHaveLength(6);
    for (const [, hash = ''] of (await file('serials/5/dists/fremantle/Release')).matchAll(
      /^ (\S+) +\d+ free\/binary-amd64\/Packages\.[gx]z$/gm,
    )) {
      expect(hashes).toContain(hash);
    }
  });
});
