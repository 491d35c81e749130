/**
 * The few acts on the disk that must be durable. One promise: what is renamed into place is whole, and stays after a power cut.
 * Every commit point of the program goes through `renameDurable`, so that a test can die before and after each of them.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, fsync, lstatSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { type FileHandle, link, mkdir, open, readdir, readFile, rename, rm, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { codeOf, TemporaryError, unless } from './errors.ts';

/** Makes the entries of a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  await syncOpened(openSync(path, constants.O_RDONLY | constants.O_DIRECTORY));
}

/** Makes a file's bytes durable. */
export async function syncFile(path: string): Promise<void> {
  await syncOpened(openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW));
}

/** Opening and closing cost less at once than waiting for a thread that does it; only the disk is worth waiting for. */
async function syncOpened(descriptor: number): Promise<void> {
  try {
    await fsyncLater(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

const fsyncLater = promisify(fsync);

/** Makes everything below a directory of ours durable, itself included. */
export async function syncTree(path: string): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true });
  await Promise.all(
    entries.map((entry) => {
      const below = join(path, entry.name);
      return entry.isDirectory() ? syncTree(below) : entry.isFile() ? syncFile(below) : undefined;
    }),
  );
  await syncDirectory(path);
}

let commitPoints = 0;
/** BUILDME_CRASH_AT=N (tests): dies with SIGKILL before commit point N/2 when N is even, after it when odd. */
function mayCrash(point: number, after: 0 | 1): void {
  const at = process.env.BUILDME_CRASH_AT;
  if (at !== undefined && Number(at) === point * 2 + after) process.kill(process.pid, 'SIGKILL');
}

/**
 * commit point: `from` (already durable) becomes `to`, and both directories are made durable. The target is never created in advance.
 * `fromLitter`: what a power cut might leave in the old directory too is litter there, so that one need not be made durable.
 */
export async function renameDurable(from: string, to: string, options: { readonly fromLitter?: boolean } = {}): Promise<void> {
  // Numbered as they begin: where several overlap, each has its own.
  const point = commitPoints;
  commitPoints += 1;
  mayCrash(point, 0);
  await rename(from, to);
  mayCrash(point, 1);
  await syncDirectory(dirname(to));
  if (options.fromLitter !== true && dirname(from) !== dirname(to)) await unless('ENOENT', undefined, syncDirectory(dirname(from)));
}

/** Writes beside the target (a dot name), fsyncs, renames, fsyncs the directory. Readers see the old file or the new one. */
export async function writeDurable(path: string, content: string | Buffer, mode = 0o644): Promise<void> {
  const beside = besideOf(path);
  const handle = await open(beside, 'wx', mode);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await renameDurable(beside, path);
}

/** A new dot name in the directory of `path`; what is left of it after a crash is litter that its owner sweeps. */
export function besideOf(path: string): string {
  return join(dirname(path), `.new-${randomBytes(6).toString('hex')}`);
}

/** Appends whole lines and fsyncs. A torn last line of an earlier crash is ended first, so that it cannot swallow ours. */
export async function appendDurable(path: string, lines: string): Promise<void> {
  const handle = await open(path, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT, 0o644);
  try {
    const { size } = await handle.stat();
    const torn = size > 0 && (await handle.read(Buffer.alloc(1), 0, 1, size - 1)).buffer[0] !== 0x0a;
    await handle.writeFile(torn ? `\n${lines}` : lines);
    await handle.sync();
    if (size === 0) await syncDirectory(dirname(path));
  } finally {
    await handle.close();
  }
}

/** The lines of an append-only file of JSON lines; a torn or damaged line is dropped. Missing file: none. */
export async function readJsonLines<T>(path: string): Promise<T[]> {
  const text = await unless('ENOENT', '', readFile(path, 'utf8'));
  const lines: T[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    try {
      lines.push(JSON.parse(line) as T);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  return lines;
}

const OUTSIDERS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

function notRegular(path: string): Error {
  return Object.assign(new Error(`${path} is not a regular file`), { code: 'E_NOT_REGULAR' });
}

/** What open(2) says of a link, or of a fifo or device that nobody serves. */
function asNotRegular(error: unknown, path: string): unknown {
  return codeOf(error) === 'ELOOP' || codeOf(error) === 'ENXIO' ? notRegular(path) : error;
}

/** Opens a regular file of an outsider: never follows a link, never waits on a fifo. Throws E_NOT_REGULAR. The caller closes it. */
export function openRegularNow(path: string): number {
  let descriptor: number;
  try {
    descriptor = openSync(path, OUTSIDERS);
  } catch (error) {
    throw asNotRegular(error, path);
  }
  if (fstatSync(descriptor).isFile()) return descriptor;
  closeSync(descriptor);
  throw notRegular(path);
}

/** Like openRegularNow, for what is read bit by bit. */
export async function openRegular(path: string): Promise<FileHandle> {
  const handle = await open(path, OUTSIDERS).catch((error: unknown) => Promise.reject(asNotRegular(error, path)));
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw notRegular(path);
}

/** A small file of an outsider whole; undefined when it is larger than `maxBytes`. Throws as openRegularNow does. */
export function readRegular(path: string, maxBytes: number): Buffer | undefined {
  const descriptor = openRegularNow(path);
  try {
    return fstatSync(descriptor).size > maxBytes ? undefined : readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

const CHUNK_BYTES = 1 << 20;
/** Shared by all copies: between reading into it and having written it out, nothing waits. */
const CHUNK = /* @__PURE__ */ Buffer.allocUnsafeSlow(CHUNK_BYTES);
const turn = promisify(setImmediate);

export type DigestName = 'md5' | 'sha1' | 'sha256' | 'sha512';
export interface Copied {
  readonly size: number;
  readonly digests: Readonly<Partial<Record<DigestName, string>>>;
}

/**
 * Copies a regular file of an outsider into a new file of ours (mode 0644) while hashing, so that nothing done to the original later can
 * change what was checked. Stops with E_TOO_BIG (TemporaryError) after `maxBytes`. Syncs unless told that the caller will (`sync: false`).
 */
export async function copyHashing(
  from: string,
  to: string,
  algorithms: readonly DigestName[] = ['sha256'],
  options: { readonly maxBytes?: number; readonly sync?: boolean } = {},
): Promise<Copied> {
  const source = openRegularNow(from);
  try {
    const target = openSync(to, 'wx', 0o644);
    try {
      const hashes = algorithms.map((name) => [name, createHash(name)] as const);
      let size = 0;
      for (;;) {
        const bytesRead = readSync(source, CHUNK);
        if (bytesRead === 0) break;
        size += bytesRead;
        if (options.maxBytes !== undefined && size > options.maxBytes) {
          throw new TemporaryError('E_TOO_BIG', `${from} is larger than ${options.maxBytes} bytes`);
        }
        const chunk = CHUNK.subarray(0, bytesRead);
        for (const [, hash] of hashes) hash.update(chunk);
        for (let written = 0; written < bytesRead; ) written += writeSync(target, chunk, written);
        // Small files are done at once; a large one lets the others have their turn.
        if (size >= CHUNK_BYTES) await turn();
      }
      if (options.sync !== false) await fsyncLater(target);
      return { size, digests: Object.fromEntries(hashes.map(([name, hash]) => [name, hash.digest('hex')])) };
    } finally {
      closeSync(target);
    }
  } finally {
    closeSync(source);
  }
}

/** Size (bytes) and SHA-256 of a regular file. */
export async function hashFile(path: string): Promise<{ readonly size: number; readonly sha256: string }> {
  const handle = await openRegular(path);
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of handle.createReadStream({ highWaterMark: 1 << 20 })) {
    hash.update(chunk as Buffer);
    size += (chunk as Buffer).length;
  }
  return { size, sha256: hash.digest('hex') };
}

/** Hard-links when both are on one file system and ours, else copies. The target must not exist. */
export async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (!['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP'].includes(codeOf(error) ?? '')) throw error;
    await copyHashing(from, to);
  }
}

export async function exists(path: string): Promise<boolean> {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') return false;
    throw error;
  }
}

export async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}

/** Removes a file; that it is gone already is fine. */
export async function removeFile(path: string): Promise<void> {
  await unless('ENOENT', undefined, unlink(path));
}

export async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
}

/** A held lock. Freed by `release`, or by the kernel when the process ends. */
export interface Lock {
  release(): void;
}

/**
 * Takes the flock(2) on `path` for this process, at once; undefined when somebody else has it. The lock lies on our own descriptor
 * (flock(1) only asks for it), so kill -9 frees it and children never inherit it.
 */
export function tryLock(path: string): Lock | undefined {
  const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o644);
  const { status, error } = spawnSync('flock', ['-n', '-E', '75', '3'], { stdio: ['ignore', 'ignore', 'ignore', descriptor] });
  if (status === 0) return { release: () => closeSync(descriptor) };
  closeSync(descriptor);
  if (status === 75) return undefined;
  throw new TemporaryError('E_NO_LOCK', `cannot lock ${path}: flock(1) ${error?.message ?? `ended with ${status}`}`, error);
}

/** Like tryLock, but waits for up to `timeoutMs`. */
export function waitLock(path: string, timeoutMs: number): Promise<Lock | undefined> {
  const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o644);
  return new Promise((resolve, reject) => {
    const child = spawn('flock', ['-w', String(timeoutMs / 1000), '-E', '75', '3'], { stdio: ['ignore', 'ignore', 'ignore', descriptor] });
    child.on('error', reject);
    child.on('close', (status) => {
      if (status === 0) return resolve({ release: () => closeSync(descriptor) });
      closeSync(descriptor);
      resolve(undefined);
    });
  });
}
