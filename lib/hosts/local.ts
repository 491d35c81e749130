/** The way to this machine: child processes and copies. */
import { constants } from 'node:fs';
import { copyFile, lstat, open, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { openRegular } from '../disk.ts';
import { TemporaryError, unless } from '../errors.ts';
import type { Exec } from '../exec.ts';
import { fedScript, type Listed, type Transport } from './transport.ts';

export function localTransport(name: string, exec: Exec): Transport {
  const gone = new AbortController();
  return { run, put, list, get, disconnect: async () => gone.abort() };

  async function run(text: string, args: readonly string[], timeoutMs: number): ReturnType<Transport['run']> {
    const { status, stdout, stderr, timedOut } = await exec(['sh', '-s', '--', ...args], {
      input: fedScript(text),
      timeoutMs,
      signal: gone.signal,
    });
    if (timedOut)
      throw new TemporaryError('E_HOST_TIMEOUT', `host ${name} (this machine) took longer than ${timeoutMs / 1000} s for a script`);
    return { status, stdout, stderr };
  }
}

/** A copy, never a hard link: a step run by root could write through it into the spool. */
async function put(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
}

async function list(directory: string, max: number): Promise<Listed[] | undefined> {
  const entries = await unless('ENOENT', undefined, opendir(directory));
  if (entries === undefined) return undefined;
  const listed: Listed[] = [];
  for await (const { name } of entries) {
    if (listed.length >= max) break;
    const stat = await unless('ENOENT', undefined, lstat(join(directory, name)));
    if (stat === undefined) listed.push({ name, kind: 'other', size: 0 });
    else
      listed.push({
        name,
        kind: stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : stat.isSymbolicLink() ? 'link' : 'other',
        size: stat.size,
      });
  }
  return listed;
}

async function get(from: string, to: string, maxBytes: number): ReturnType<Transport['get']> {
  const source = await unless(['ENOENT', 'EACCES', 'E_NOT_REGULAR'], undefined, openRegular(from));
  if (source === undefined) return undefined;
  try {
    const target = await open(to, 'wx', 0o644);
    try {
      const buffer = Buffer.allocUnsafe(1 << 20);
      let bytes = 0;
      for (;;) {
        const { bytesRead } = await source.read(buffer, 0, buffer.length, null);
        const kept = Math.min(bytesRead, maxBytes - bytes);
        await target.writeFile(buffer.subarray(0, kept));
        bytes += kept;
        if (kept < bytesRead) return { bytes, more: true };
        if (bytesRead === 0) return { bytes, more: false };
      }
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}
