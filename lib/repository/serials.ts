/**
 * The serials of a repository: `serials/N` is one whole published state, `dists` a link into the newest. One promise: a serial that lies in
 * `serials/` is complete, signed and final; whoever comes after a crash goes forward from it, never back.
 */
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { readdir, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { removeTree, renameDurable } from '../disk.ts';
import { codeOf } from '../errors.ts';

/** Serials that stay whatever their age, and the age up to which all stay: a slow mirror may still be reading them. */
const KEEP = 5;
const KEEP_MS = 3_600_000;

/** Numbers of all serials, ascending. Other names are not ours. */
export function serialsOf(dir: string): number[] {
  let names: string[];
  try {
    names = readdirSync(join(dir, 'serials'));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
  return names
    .filter((name) => /^[1-9]\d{0,14}$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

/** The newest serial; undefined before the first. One readdir. */
export function currentSerial(dir: string): number | undefined {
  return serialsOf(dir).at(-1);
}

export function serialDir(dir: string, serial: number): string {
  return join(dir, 'serials', String(serial));
}

/** What `dists` points to when that serial is the published one. */
export function distsTarget(serial: number): string {
  return join('serials', String(serial), 'dists');
}

/** Whether readers see this serial already. */
export function isSwitched(dir: string, serial: number): boolean {
  try {
    return readlinkSync(join(dir, 'dists')) === distsTarget(serial);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'EINVAL') return false;
    throw error;
  }
}

/** Mark of a serial after which nothing of its publication is left to do. */
export function finishedMark(dir: string, serial: number): string {
  return join(serialDir(dir, serial), 'finished');
}

/** Whether the newest serial is published to the end and has a signed Release for each of these suites. Looks only, at once. */
export function isWhole(dir: string, suites: readonly string[]): boolean {
  const serial = currentSerial(dir);
  if (serial === undefined || !isSwitched(dir, serial) || !existsSync(finishedMark(dir, serial))) return false;
  return suites.every((suite) => existsSync(join(dir, 'dists', suite, 'InRelease')));
}

/** commit point: readers see `target` instead of what the link `dists` in `dir` pointed to. `tmp` is on the same file system. */
export async function switchDists(dir: string, target: string, tmp: string): Promise<void> {
  const beside = join(tmp, '.new-dists');
  await removeTree(beside);
  await symlink(target, beside);
  await renameDurable(beside, join(dir, 'dists'));
}

/** Removes serials that are neither among the newest nor young. A crash in between leaves less of an old serial, which nobody reads. */
export async function removeOldSerials(dir: string, now: Date): Promise<void> {
  for (const serial of serialsOf(dir).slice(0, -KEEP)) {
    const path = serialDir(dir, serial);
    if (now.getTime() - (await stat(path)).mtimeMs > KEEP_MS) await removeTree(path);
  }
}

/** Serials before the newest whose indexes a reader may still ask for by hash: the last `count`, and all younger than `ageMs`. Newest first. */
export async function recentSerials(dir: string, now: Date, count: number, ageMs: number): Promise<number[]> {
  const recent: number[] = [];
  for (const serial of serialsOf(dir).reverse()) {
    if (recent.length >= count && now.getTime() - (await stat(serialDir(dir, serial))).mtimeMs > ageMs) break;
    recent.push(serial);
  }
  return recent;
}

/** Removes what a killed writer left beside its target. */
export async function removeLitter(dir: string): Promise<void> {
  for (const name of await readdir(dir)) if (name.startsWith('.new-')) await removeTree(join(dir, name));
}
