/**
 * A mirror that is a directory of this machine (or mounted here): pool by hard links where possible, then `dists` by one switch, then the
 * deletions. One promise: who reads it sees the serial before or the serial after, never a mix.
 */
import { lstat, mkdir, readdir, readlink, rmdir, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  besideOf,
  copyHashing,
  exists,
  linkOrCopy,
  makeDirectory,
  removeFile,
  removeTree,
  renameDurable,
  syncDirectory,
  syncTree,
} from '../disk.ts';
import { ConfigError, codeOf, TemporaryError, unless } from '../errors.ts';
import { keepByHash } from '../repository/indexes.ts';
import { removeLitter, serialDir, switchDists } from '../repository/serials.ts';
import type { Delivery } from './mirrors.ts';

/** Generations lie beside the link `dists`; the dot keeps them out of listings. */
const GENERATION = /^\.dists-\d+$/;

export async function deliverToDirectory({ mirror, dir, serial }: Delivery, path: string): Promise<void> {
  await prepare(mirror.name, path);
  await removeLitter(path);
  await addPool(join(dir, 'pool'), join(path, 'pool'));
  const previous = await unless('ENOENT', undefined, readlink(join(path, 'dists')));
  const generation = `.dists-${serial}`;
  if (previous !== generation) {
    await removeTree(join(path, generation));
    const work = besideOf(join(path, generation));
    await copyTree(join(serialDir(dir, serial), 'dists'), work);
    if (previous !== undefined) await keepHashes(join(path, previous), work, '');
    await syncTree(work);
    await renameDurable(work, join(path, generation));
    await switchDists(path, generation, path);
  }
  // The previous generation stays until the next time, for who has it open.
  for (const name of await readdir(path)) {
    if (GENERATION.test(name) && name !== generation && name !== previous) await removeTree(join(path, name));
  }
  await removeForeign(join(dir, 'pool'), join(path, 'pool'));
}

/** Makes the mirror's directory, but not what it lies in: that may be a file system that is not mounted. */
async function prepare(name: string, path: string): Promise<void> {
  try {
    await unless('EEXIST', undefined, mkdir(path));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    throw new TemporaryError(
      'E_MIRROR',
      `mirror ${name}: ${path} cannot be made because ${dirname(path)} is not there: make or mount it`,
      error,
    );
  }
  const dists = await unless('ENOENT', undefined, lstat(join(path, 'dists')));
  if (dists !== undefined && !dists.isSymbolicLink()) {
    throw new ConfigError(
      'E_MIRROR',
      `mirror ${name}: ${join(path, 'dists')} is not a link of ours; move it away, so that sync can put its own there`,
    );
  }
}

/** Links or copies what the mirror's pool lacks or has otherwise. */
async function addPool(from: string, to: string): Promise<void> {
  // A link would lead whatever we write out of the mirror.
  if ((await unless('ENOENT', undefined, lstat(to)))?.isDirectory() === false) await removeFile(to);
  await makeDirectory(to);
  let added = false;
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) {
      added = !(await exists(target)) || added;
      await addPool(source, target);
    } else if (entry.isFile() && !(await isSame(source, target))) {
      const beside = besideOf(target);
      await linkOrCopy(source, beside);
      const { atime, mtime } = await stat(source);
      await utimes(beside, atime, mtime);
      await renameDurable(beside, target);
    }
  }
  if (added) await syncDirectory(to);
}

async function isSame(source: string, target: string): Promise<boolean> {
  const [here, there] = [await stat(source), await unless('ENOENT', undefined, lstat(target))];
  if (there?.isFile() !== true) return false;
  // A copy has the times of the original, to the millisecond.
  return (there.ino === here.ino && there.dev === here.dev) || (there.size === here.size && Math.abs(there.mtimeMs - here.mtimeMs) < 2);
}

/** Indexes are copied, not linked: they are small, and removing an old serial must not depend on its mirrors. */
async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await copyTree(source, target);
    else if (entry.isFile()) await copyHashing(source, target, [], { sync: false });
  }
}

/** The mirror may skip serials: a reader in the middle of an update still finds what the mirror's own last Release named. */
async function keepHashes(from: string, to: string, below: string): Promise<void> {
  const entries = await unless('ENOENT', [], readdir(join(from, below), { withFileTypes: true }));
  if (entries.some((entry) => entry.name === 'Release' && entry.isFile()) && (await exists(join(to, below)))) {
    await keepByHash(join(from, below), join(to, below));
    return;
  }
  for (const entry of entries) if (entry.isDirectory()) await keepHashes(from, to, join(below, entry.name));
}

/** Removes what the repository's pool no longer has, and what a killed run left. */
async function removeForeign(from: string, to: string): Promise<void> {
  for (const entry of await readdir(to, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) {
      await removeForeign(source, target);
      if (!(await exists(source))) await rmdir(target);
    } else if (!(await exists(source))) {
      await removeFile(target);
    }
  }
}
