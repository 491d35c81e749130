import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { SuiteConfig } from '../../lib/config/types.ts';
import { exec } from '../../lib/exec.ts';
import { keepByHash, splitIndexes, writeIndex } from '../../lib/repository/indexes.ts';
import type { Listed } from '../../lib/repository/lists.ts';
import { formatRelease } from '../../lib/repository/release.ts';

const suite: SuiteConfig = {
  repository: 'r',
  suite: 'fremantle',
  codename: 'freddy',
  origin: 'Maemo',
  label: 'Extras',
  description: '',
  components: ['free', 'non-free'],
  architectures: ['amd64', 'arm64'],
};
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'indexes-'));
});
afterEach(() => rm(dir, { recursive: true }));

function line(kind: Listed['kind'], name: string, architecture: string): Listed {
  const rest = { version: '1', source: 's', sourceVersion: '1', path: `pool/${name}`, size: 1, sha256: 'ab', job: 'j' };
  return { kind, component: 'free', name, architecture, ...rest };
}

it('every component and architecture has its index, and what is for all is in each', () => {
  const lines = [line('binary', 'z', 'all'), line('binary', 'a', 'amd64'), line('source', 's', 'source'), line('udeb', 'u', 'arm64')];
  const indexes = new Map([...splitIndexes(suite, lines)].map(([path, listed]) => [path, listed.map(({ name }) => name)]));
  expect(Object.fromEntries(indexes)).toEqual({
    'free/source/Sources': ['s'],
    'free/binary-amd64/Packages': ['a', 'z'],
    'free/binary-arm64/Packages': ['z'],
    'free/debian-installer/binary-arm64/Packages': ['u'],
    'non-free/source/Sources': [],
    'non-free/binary-amd64/Packages': [],
    'non-free/binary-arm64/Packages': [],
  });
});

it('Release lists the plain index too, in order, with a Date in UTC', async () => {
  const files = await writeIndex(exec, dir, 'free/source/Sources', 'x\n', ['gz']);
  expect(formatRelease(suite, files.toReversed(), new Date('2024-02-29T12:00:00Z'))).toBe(
    `Origin: Maemo
Label: Extras
Suite: fremantle
Codename: freddy
Date: Thu, 29 Feb 2024 12:00:00 UTC
Architectures: amd64 arm64
Components: free non-free
Acquire-By-Hash: yes
SHA256:
 73cb3858a687a8494ca3323053016282f3dad39d42cf62ca4e79dda2aac7d9ac            2 free/source/Sources
 ${files[1]?.sha256} ${String(files[1]?.size).padStart(12)} free/source/Sources.gz
`,
  );
});

it('the index that an earlier Release named can still be had by its hash from the later one', async () => {
  const [before, after] = [join(dir, '1'), join(dir, '2')];
  const path = 'free/source/Sources';
  const old = await writeIndex(exec, before, path, 'old\n', ['gz']);
  await writeFile(join(before, 'Release'), formatRelease(suite, old, new Date()));
  await writeIndex(exec, after, path, 'new\n', ['gz']);
  await keepByHash(before, after);
  await keepByHash(before, after);
  const kept = await readFile(join(after, `free/source/by-hash/SHA256/${old[1]?.sha256}`));
  expect(gunzipSync(kept).toString()).toBe('old\n');
  expect(gunzipSync(await readFile(join(after, `${path}.gz`))).toString()).toBe('new\n');
});
