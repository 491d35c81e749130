/**
 * What lies in a product's incoming, looked at without opening anything. One promise: a name is only ever used after `lstat` said what it
 * is, and only a file that is still the one we looked at is removed.
 */
import { lstatSync } from 'node:fs';
import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { unless } from '../errors.ts';

export interface IncomingFile {
  readonly name: string;
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symbolic link' | 'special file';
  readonly size: number;
  readonly inode: number;
  readonly mtimeMs: number;
  /** When its bytes or anything else about it changed last; scp -p cannot set it back. */
  readonly ctimeMs: number;
}

/** By name. */
export type Incoming = ReadonlyMap<string, IncomingFile>;

/** Everything in the directory, by name in order. A directory that is not there yet is empty. */
export async function scanIncoming(dir: string): Promise<Incoming> {
  const names = (await unless('ENOENT', [], readdir(dir))).sort();
  const found = names.map((name) => look(dir, name));
  return new Map(found.flatMap((file) => (file === undefined ? [] : [[file.name, file]])));
}

/** At once: an lstat costs less than waiting for one. */
function look(dir: string, name: string): IncomingFile | undefined {
  const path = join(dir, name);
  // A name that is not UTF-8 cannot be asked for either, and is left alone.
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  const kind = stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : stat.isSymbolicLink() ? 'symbolic link' : 'special file';
  return { name, path, kind, size: stat.size, inode: stat.ino, mtimeMs: stat.mtimeMs, ctimeMs: stat.ctimeMs };
}

export type TriggerKind = 'changes' | 'dsc' | 'commands';

/** What a name triggers by its ending; a leading dot is a transfer's temporary file. */
export function triggerKind(name: string): TriggerKind | undefined {
  const ending = /^[^.].*\.(changes|dsc|commands)$/s.exec(name)?.[1];
  return ending as TriggerKind | undefined;
}

/** `foo_1.0-1` of foo_1.0-1_source.changes, foo_1.0-1.dsc and foo_1.0-1.debian.tar.xz: what belongs together, compared whole. */
export function stemOf(name: string): string {
  const second = name.indexOf('_', name.indexOf('_') + 1);
  if (name.includes('_') && second !== -1) return name.slice(0, second);
  return name.replace(/(?:\.debian)?\.tar\.[a-z0-9]+$|\.diff\.gz$|\.[^.]*$/, '');
}

/** Removes a file or link, unless another one has taken its name since we looked: that one is judged the next time. */
export async function removeSame(file: IncomingFile): Promise<void> {
  const now = await look(join(file.path, '..'), file.name);
  if (now === undefined || now.kind === 'directory') return;
  if (now.inode === file.inode && now.size === file.size && now.mtimeMs === file.mtimeMs)
    await unless('ENOENT', undefined, unlink(file.path));
}

/** Whether it is still the file that we looked at; its ctime changes when we link it. */
export function isSame(file: IncomingFile, now: IncomingFile | undefined): boolean {
  return now !== undefined && now.inode === file.inode && now.size === file.size && now.mtimeMs === file.mtimeMs;
}
