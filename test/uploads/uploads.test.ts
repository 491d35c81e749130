import { mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readTakeovers } from '../../lib/repository/takeovers.ts';
import { addressOf } from '../../lib/uploads/entry.ts';
import { type IncomingFile, removeSame, scanIncoming, stemOf, triggerKind } from '../../lib/uploads/incoming.ts';
import { architecturesOf } from '../../lib/uploads/jobs.ts';
import { inOrder, Lanes } from '../../lib/uploads/ordered.ts';
import { mayStillArrive } from '../../lib/uploads/settle.ts';
import { matchesGlob, readUploaders } from '../../lib/uploads/uploaders.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bm-uploads-'));
});
afterEach(() => rm(dir, { recursive: true }));

it.each([
  ['foo_1.0-1_source.changes', 'foo_1.0-1'],
  ['foo_1.0-1.dsc', 'foo_1.0-1'],
  ['foo_1.0-1.debian.tar.xz', 'foo_1.0-1'],
  ['foo_1.0.tar.gz', 'foo_1.0'],
  ['foo_1.0-1.diff.gz', 'foo_1.0-1'],
  ['foo_1.0-10_amd64_x.changes', 'foo_1.0-10'],
  ['odd.changes', 'odd'],
])('%s has the stem %s', (name, stem) => {
  expect(stemOf(name)).toBe(stem);
});

it.each([
  ['a.changes', 'changes'],
  ['a.dsc', 'dsc'],
  ['dcut.a.commands', 'commands'],
  ['.a.changes.Xy12', undefined],
  ['.a.changes', undefined],
  ['a.changes.part', undefined],
])('%s triggers %s', (name, kind) => {
  expect(triggerKind(name)).toBe(kind);
});

describe('incoming', () => {
  it('is looked at without following anything', async () => {
    await symlink('/etc/passwd', join(dir, 'a.changes'));
    await writeFile(join(dir, 'b'), 'x');
    expect([...(await scanIncoming(dir)).values()].map(({ name, kind }) => [name, kind])).toEqual([
      ['a.changes', 'symbolic link'],
      ['b', 'file'],
    ]);
    expect((await scanIncoming(join(dir, 'missing'))).size).toBe(0);
  });

  it('keeps a file that took the place of the one that was looked at', async () => {
    await writeFile(join(dir, 'a'), 'old');
    const old = (await scanIncoming(dir)).get('a') as IncomingFile;
    await writeFile(join(dir, 'a'), 'new');
    await utimes(join(dir, 'a'), 1, 1);
    await removeSame(old);
    const now = (await scanIncoming(dir)).get('a') as IncomingFile;
    expect(now.size).toBe(3);
    await removeSame(now);
    expect((await scanIncoming(dir)).size).toBe(0);
  });
});

describe('an upload with faults', () => {
  const file = (ctimeMs: number): IncomingFile => ({ name: 'x', path: '/x', kind: 'file', size: 1, inode: 1, mtimeMs: 0, ctimeMs });
  const product = { settleMs: 30_000, uploadTimeoutMs: 3_600_000 };
  it.each([
    ['changed just now', [0, 99_000], false, true],
    ['still for settle', [0, 70_000], false, false],
    ['that only lacks a file', [0, 70_000], true, true],
  ])('%s', (_, ctimes, onlyMissing, waits) => {
    expect(mayStillArrive(product, ctimes.map(file), new Date(100_000), onlyMissing)).toBe(waits);
  });
  it('that lacks a file is refused after upload_timeout', () => {
    expect(mayStillArrive(product, [file(0)], new Date(3_600_000), true)).toBe(false);
  });
  it('is refused at once where settle is 0', () => {
    expect(mayStillArrive({ ...product, settleMs: 0 }, [file(100_000)], new Date(100_000), true)).toBe(false);
  });
});

describe('the jobs of a source', () => {
  const product = { architectures: ['amd64', 'arm64'] };
  it.each([
    [['any'], ['amd64', 'arm64']],
    [
      ['any', 'all'],
      ['amd64+all', 'arm64'],
    ],
    [['all'], ['all+all']],
    [['arm64', 'all'], ['arm64+all']],
    [['s390x', 'all'], ['all+all']],
    [['s390x'], []],
  ])('for %j are %j', (architectures, expected) => {
    expect(
      architecturesOf(product, { architectures }).map(({ architecture, buildsAll }) => `${architecture}${buildsAll ? '+all' : ''}`),
    ).toEqual(expected);
  });
});

describe('files of the site', () => {
  const uma = { fingerprint: 'A'.repeat(40), address: 'uma@example.org' };
  const other = { fingerprint: 'B'.repeat(40), address: undefined };

  it('say who may upload what', async () => {
    await writeFile(join(dir, 'uploaders'), `# who\nUMA@example.org  pebble marble-*   # games\n\n${'b'.repeat(40)}\n`);
    const mayUpload = await readUploaders(join(dir, 'uploaders'));
    const asked = (who: typeof uma | typeof other) => ['pebble', 'marble-x', 'marble', 'glibc'].filter((source) => mayUpload(who, source));
    expect(asked(uma)).toEqual(['pebble', 'marble-x']);
    expect(asked(other)).toEqual(['pebble', 'marble-x', 'marble', 'glibc']);
    expect(mayUpload({ fingerprint: 'C'.repeat(40), address: 'x@example.org' }, 'pebble')).toBe(false);
  });

  it('with lines that are not understood permit nothing and say where', async () => {
    await writeFile(join(dir, 'uploaders'), 'uma\numa@example.org Pebble!\n');
    await expect(readUploaders(join(dir, 'uploaders'))).rejects.toMatchObject({
      code: 'E_FILE',
      faults: [expect.stringContaining('line 1'), expect.stringContaining('line 2')],
    });
    await expect(readUploaders(join(dir, 'none'))).rejects.toMatchObject({ code: 'E_FILE' });
  });

  it('say which source may take a binary name', async () => {
    await writeFile(join(dir, 'takeovers'), 'libpebble marble\n');
    const mayTakeOver = await readTakeovers(join(dir, 'takeovers'));
    expect([mayTakeOver('libpebble', 'marble'), mayTakeOver('libpebble', 'glibc')]).toEqual([true, false]);
  });
});

it.each([
  ['*.dsc', 'a.dsc', true],
  ['a?c', 'abc', true],
  ['a.c', 'abc', false],
  ['a[b]c', 'abc', false],
  ['g++*', 'g++-12', true],
  ['*-x*y?', 'a-x-xy-yz', true],
  ['**', '', true],
  ['a*b', 'ab-', false],
  // For a regular expression that is work for years.
  ['*a'.repeat(30).concat('b'), 'a'.repeat(200), false],
])('the glob %s fits %s: %s', (glob, name, fits) => {
  expect(matchesGlob(glob, name)).toBe(fits);
});

it.each([
  ['Uma Uploader <uma@example.org>', 'uma@example.org'],
  ['uma@example.org', 'uma@example.org'],
  ['Uma <uma@example.org>, Eve <eve@example.org>', 'eve@example.org'],
  ['Uma <-oQ/tmp@example.org>', undefined],
  ['Uma <a b@example.org>', undefined],
  ['Uma', undefined],
  [undefined, undefined],
])('the address in %j is %s', (person, address) => {
  expect(addressOf(person)).toBe(address);
});

describe('several things at once', () => {
  it('come out in their order, faults too, never more than allowed', async () => {
    let busy = 0;
    let most = 0;
    const turns = (count: number): Promise<void> => (count === 0 ? Promise.resolve() : Promise.resolve().then(() => turns(count - 1)));
    const seen: string[] = [];
    const work = async (n: number): Promise<string> => {
      busy += 1;
      most = Math.max(most, busy);
      await turns(20 - n);
      busy -= 1;
      if (n === 3) throw new Error('three');
      return String(n);
    };
    for await (const { item, result } of inOrder([1, 2, 3, 4, 5, 6], 3, work)) {
      try {
        seen.push(result());
      } catch (error) {
        seen.push(`${item}: ${(error as Error).message}`);
      }
    }
    expect(seen).toEqual(['1', '2', '3: three', '4', '5', '6']);
    expect(most).toBe(3);
  });

  it('keep their order within a lane', async () => {
    const lanes = new Lanes(3);
    const seen: string[] = [];
    const turns = (count: number): Promise<void> => (count === 0 ? Promise.resolve() : Promise.resolve().then(() => turns(count - 1)));
    const work = (name: string, count: number) => async (): Promise<void> => {
      await turns(count);
      seen.push(name);
    };
    await lanes.start('a', work('a1', 50));
    await lanes.start('a', work('a2', 0));
    await lanes.start('b', work('b1', 0));
    await lanes.end();
    expect(seen).toEqual(['b1', 'a1', 'a2']);
    await lanes.start('a', () => Promise.reject(new Error('late')));
    await expect(lanes.end()).rejects.toThrow('late');
  });
});
